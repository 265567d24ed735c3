"""Authentication of a request: from the tenant's name and the bearer token to the principal, or a refusal.

Whatever is wrong, the client gets the same 401 after the same work, one read of the credential. The tenant is read only
after the credential was accepted, so that nobody else learns which tenants exist or are suspended.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from zlib import crc32

from app.auth.credential_cache import CredentialCache
from app.auth.jwt import looks_like_jwt, verify
from app.auth.keys import Keys
from app.auth.limits.rate_limits import Limits
from app.auth.principal import EVERY_TENANT, Principal
from app.auth.refusal import (
    SUSPENDED,
    AccessRefused,
    CredentialRefused,
    Inspection,
    RateRefused,
    Refusal,
    Refused,
    ago,
    length_of,
    loggable,
)
from app.errors import ScimError, TooManyRequests
from app.outgoing.addresses import Networks
from app.store.accounts.tenants import ALL_TENANTS, Tenant, Tenants
from app.store.accounts.tokens import Token, Tokens, is_secret, parse
from app.store.accounts.trusts import BEARER, Trusts
from app.store.mongo.database import Database

_EVERY = ""
"""In place of a tenant's name: all tenants. No name in a URL is empty, and `*` may be one."""
FORM = "scimd_<id>_<secret> (83 characters)"
"""What a token looks like."""
NEVER = float("inf")
_LATEST = 10**11
"""The latest expiry that is believed, in seconds since 1970; an issuer may write any number."""
_LINES = 5
"""In a minute, of requests for different paths."""
_PATHS = 1_000
"""That are told apart: each has a bucket, and a client can ask for any number."""
_UNKNOWN_ID = "000000000000"
"""An id that no token has; it is looked up for a malformed token, so that it costs the same read (D-109)."""


class Authenticator:
    """Authenticates requests; each worker has one, with a cache of recently accepted credentials."""

    def __init__(
        self, database: Database, *, limits: Limits | None = None, clock: Callable[[], float] = time.time,
        cache: CredentialCache | None = None, networks: Networks = (),
    ) -> None:
        """Make it; `networks` are those of the setting `SCIMD_WEBHOOK_NETWORKS`."""
        self._tenants = Tenants(database)
        self._tokens = Tokens(database)
        self._trusts = Trusts(database)
        self._keys = Keys(database, clock, networks)
        self._limits = limits or Limits(database, None)
        self._clock = clock
        self._cache = cache or CredentialCache()

    def authenticate(self, tenant_name: str, token: str | None, address: str = "") -> Principal:
        """Return the principal for the bearer `token` that `address` sends to a tenant.

        Raises Unauthorized for a missing or wrong credential, Forbidden for a suspended tenant, and TooManyRequests.
        """
        principal = self._admit(tenant_name, (tenant_name,), token, address)
        _refuse_suspended(principal)
        return principal

    def authenticate_anywhere(self, name: str, token: str, address: str) -> Principal:
        """Return the principal for the bearer `token` of whichever tenant; only a JWT is taken for one of `name`.

        As `authenticate`.
        """
        parsed = parse(token)
        stored = self._tokens.find(parsed[0]) if parsed else None
        return self.authenticate(stored.tenant if stored else name, token, address)

    def authenticate_consumer(
        self, tenant_name: str | None, token: str | None, address: str = "", *, again: bool = False
    ) -> Principal:
        """Return the principal that reads the events of a tenant, or of all tenants for None.

        As `authenticate`, but tokens of all tenants are accepted, too, even while the tenant is suspended (D-262). For
        None they alone are, and the principal's tenant is EVERY_TENANT. `again` is for a request that was counted.
        """
        admit = self._identify if again else self._admit
        if tenant_name is None:
            return admit(_EVERY, (ALL_TENANTS,), token, address)
        principal = admit(tenant_name, (tenant_name, ALL_TENANTS), token, address)
        if not principal.of_all_tenants:
            _refuse_suspended(principal)
        return principal

    def _admit(self, tenant_name: str, owners: tuple[str, ...], token: str | None, address: str) -> Principal:
        """Return the principal for a credential that belongs to one of `owners`, and count the request."""
        principal = self._identify(tenant_name, owners, token, address)
        try:
            self.count(principal)
        except TooManyRequests as error:
            raise RateRefused(error, self.refusal_to_log(principal, error)) from None
        return principal

    def _identify(self, tenant_name: str, owners: tuple[str, ...], token: str | None, address: str) -> Principal:
        """Return the principal for a credential that belongs to one of `owners`."""
        if not token:
            raise self.missing(address)
        principal = self._cache.get(tenant_name, token, self._clock())
        if principal is not None and principal.owner in owners:
            return principal
        since = self._cache.moment()
        try:
            if looks_like_jwt(token):
                principal, expires = self._check_jwt(tenant_name, token)
            else:
                principal, expires = self._check_token(tenant_name, owners, token)
        except Refused as refused:
            self._limits.count_wrong_credential(address)
            raise CredentialRefused(refused.refusal, sent=True) from None
        self._cache.put(tenant_name, token, principal, since=since, expires=expires)
        return principal

    def count(self, principal: Principal, amount: int = 1) -> None:
        """Count requests, or the operations of a bulk request, of a principal; raises TooManyRequests."""
        own_rate = None if principal.of_all_tenants else principal.tenant.rate_limit
        self._limits.count_request(principal.owner, own_rate, amount)

    def refusal_to_log(self, principal: Principal, error: ScimError) -> Refusal | None:
        """Return what to log about a request of a principal, which was over its limit or had a wrong path, or None.

        A minute has one line for the same cause and path, and five for a cause.
        """
        path = crc32("".join(each.received for each in error.problems).encode()) % _PATHS
        name, log = f"{error.cause} of {principal.owner}", self._limits.may_log
        if not (log(f"{name}: {path}") and log(name, _LINES)):
            return None
        return Refusal(
            principal.kind, loggable(error.detail), credential_id=principal.credential_id, label=principal.label,
            cause=error.cause,
        )

    def missing(self, address: str) -> CredentialRefused:
        """Return the refusal for a request without a credential."""
        may_log = self._limits.count_missing_credential(address)
        refusal = Refusal("credential", "none was sent", cause="no-credential")
        return CredentialRefused(refusal if may_log else None, sent=False)

    def _check_token(self, tenant_name: str, owners: tuple[str, ...], text: str) -> tuple[Principal, float]:
        inspection = Inspection("token")
        token_id, secret = parse(text) or (_UNKNOWN_ID, "")
        token = self._tokens.find(token_id)
        good_secret = is_secret(secret, token.hash if token else "")
        form = length_of(text)
        inspection.check("form", bool(secret), expected=FORM, received=form, reason="malformed")
        inspection.credential_id = token_id
        if token is None:
            inspection.fail("id", expected="a known one", received=token_id, reason="unknown")
        inspection.check("id", True, expected="a known one", received=token_id, reason="")
        sent = "the issued one" if good_secret else "another"
        inspection.check("secret", good_secret, expected="the issued one", received=sent, reason="wrong secret")
        inspection.label = token.label
        inspection.kind = "access token" if token.client else "token"
        _check_validity(inspection, owners, token, datetime.fromtimestamp(self._clock(), UTC))
        tenant = self._tenant(inspection, tenant_name)
        self._tokens.record_use(token)
        principal = Principal(
            tenant, token.id, inspection.kind, token.scopes, token.label, token.user, token.tenant == ALL_TENANTS
        )
        return principal, token.expires.timestamp() if token.expires else NEVER

    def _check_jwt(self, tenant_name: str, text: str) -> tuple[Principal, float]:
        inspection = Inspection("JWT")
        trusts = [trust for trust in self._trusts.of_tenant(tenant_name) if trust.kind == BEARER]
        trust, claims = verify(inspection, text, trusts, self._keys, self._clock())
        tenant = self._tenant(inspection, tenant_name)
        self._trusts.record_use(trust)
        expires = float(min(claims["exp"], _LATEST))
        return Principal(tenant, trust.id, inspection.kind, trust.scopes, trust.label), expires

    def _tenant(self, inspection: Inspection, name: str) -> Tenant:
        tenant = EVERY_TENANT if name == _EVERY else self._tenants.get(name)
        if tenant is None:
            inspection.fail(
                "tenant", expected="a tenant", received=name, reason="its tenant is deleted", cause="unknown"
            )
        return tenant


def _refuse_suspended(principal: Principal) -> None:
    if principal.tenant.suspended:
        refusal = Refusal(
            principal.kind, "the tenant is suspended", credential_id=principal.credential_id, label=principal.label,
            cause="suspended",
        )
        raise AccessRefused(SUSPENDED, refusal)


def _check_validity(inspection: Inspection, owners: tuple[str, ...], token: Token, now: datetime) -> None:
    inspection.check(
        "tenant", token.tenant in owners, expected=" or ".join(owners), received=token.tenant,
        reason="of another tenant",
    )
    inspection.check(
        "revocation", token.revoked is None, expected="not revoked", received=str(token.revoked or "not revoked"),
        reason=f"revoked {ago(token.revoked, now)}" if token.revoked else "",
    )
    inspection.check(
        "expiry", token.expires is None or now < token.expires, expected=f"after {now:%Y-%m-%d %H:%M:%S}Z",
        received=str(token.expires or "never"), reason=f"expired {ago(token.expires, now)}" if token.expires else "",
    )
