"""Client authentication at the token endpoint: by a client's secret, or by an assertion of a trusted issuer.

An unknown client, another tenant's client and a wrong secret cost the same work and get the same answer (D-109).
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote_plus

from authlib.oauth2.rfc6749.errors import InvalidRequestError, UnauthorizedClientError
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant

from app.auth.jwt import verify
from app.auth.keys import Keys
from app.auth.refusal import SUSPENDED, Inspection, Refusal, Refused, ago
from app.outgoing.addresses import Networks
from app.store.accounts.clients import TOKEN_LIFETIME, Clients, Secret
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import is_secret
from app.store.accounts.trusts import ASSERTION, Trusts
from app.store.mongo.database import Database

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt")
_NO_SECRET = Secret("", "", datetime.min, datetime.min)
"""Compared with in place of the secrets of an unknown client; no secret has this hash."""


@dataclass(frozen=True)
class AuthenticatedClient:
    """The client or trust that has authenticated, and what its access tokens may be used for."""

    id: str
    label: str
    scopes: frozenset[str]
    lifetime: timedelta

    def check_grant_type(self, grant_type: str) -> bool:
        """Return whether the client may use the grant; Authlib calls this."""
        return grant_type == str(ClientCredentialsGrant.GRANT_TYPE)


class TenantSuspended(UnauthorizedClientError):
    """The client has authenticated, but its tenant is suspended."""


class ClientAuthentication:
    """Authenticates the clients of all tenants."""

    def __init__(
        self, database: Database, clock: Callable[[], float] = time.time, networks: Networks = ()
    ) -> None:
        """Make it; `networks` are those of the setting `SCIMD_WEBHOOK_NETWORKS`."""
        self._tenants = Tenants(database)
        self._clients = Clients(database)
        self._trusts = Trusts(database)
        self._keys = Keys(database, clock, networks)
        self._clock = clock

    def authenticate(self, tenant: str, parameters: Mapping[str, str], authorization: str) -> AuthenticatedClient:
        """Return the client with these parameters and this Authorization header; raises Refused, OAuth2Error."""
        if "client_assertion" in parameters or "client_assertion_type" in parameters:
            if authorization or "client_secret" in parameters:
                raise InvalidRequestError("A client assertion and a secret were sent; send only one of them.")
            return self._by_assertion(tenant, parameters)
        form = {name: parameters[name] for name in ("client_id", "client_secret") if name in parameters}
        basic = basic_credentials(authorization)
        if basic and form != {name: basic[name] for name in form}:  # sent in both places: they must agree (D-82)
            raise Refused(Refusal("client", "the Authorization header and the form have different credentials"))
        sent = basic or form
        return self._by_secret(tenant, sent.get("client_id", ""), sent.get("client_secret", ""))

    def exists(self, client: AuthenticatedClient) -> bool:
        """Return whether the client still exists and has a valid secret, or the trust that stands for it exists."""
        found = self._clients.find(client.id)
        if found is None:
            return self._trusts.find(client.id) is not None
        return found.can_come(datetime.fromtimestamp(self._clock(), UTC))

    def _by_secret(self, tenant: str, client_id: str, secret: str) -> AuthenticatedClient:
        inspection = Inspection("client")
        client = self._clients.find(client_id)
        rows = client.secrets if client else ()
        good = [row for row in rows or (_NO_SECRET,) if is_secret(secret, row.hash)]
        form = f"client_id {client_id or 'missing'}, secret {'sent' if secret else 'missing'}"
        inspection.check(
            "form", bool(client_id and secret), expected="client_id and client_secret", received=form,
            reason="id or secret was not sent",
        )
        if client is None:
            inspection.fail("id", expected="a known one", received=client_id, reason="unknown")
        inspection.check("id", True, expected="a known one", received=client_id, reason="")
        inspection.credential_id, inspection.label = client.id, client.label
        inspection.check(
            "tenant", client.tenant == tenant, expected=tenant, received=client.tenant, reason="of another tenant"
        )
        sent = "one of its own" if good else "another"
        inspection.check("secret", bool(good), expected="one of its own", received=sent, reason="wrong secret")
        moment = datetime.fromtimestamp(self._clock(), UTC)
        inspection.check(
            "expiry", moment < good[0].expires, expected=f"after {moment:%Y-%m-%d %H:%M:%S}Z",
            received=str(good[0].expires), reason=f"secret {good[0].id} expired {ago(good[0].expires, moment)}",
        )
        self._check_tenant(inspection, tenant)
        return AuthenticatedClient(client.id, client.label, client.scopes, client.token_lifetime)

    def _by_assertion(self, tenant: str, parameters: Mapping[str, str]) -> AuthenticatedClient:
        """Check a JWT of a trusted issuer; the `client_id` is optional with it (RFC 7521 section 4.2)."""
        inspection = Inspection("assertion")
        kind = parameters.get("client_assertion_type", "")
        inspection.check(
            "type", kind == ASSERTION_TYPE, expected=ASSERTION_TYPE, received=kind, reason="of another type"
        )
        client_id = parameters.get("client_id")
        of_kind = [trust for trust in self._trusts.of_tenant(tenant) if trust.kind == ASSERTION]
        trusts = [trust for trust in of_kind if client_id in (None, trust.id)]
        inspection.check(
            "client_id", bool(trusts), expected="that of a trust of this tenant", received=client_id or "nothing",
            reason="unknown client_id",
        )
        assertion = parameters.get("client_assertion", "")
        trust, claims = verify(inspection, assertion, trusts, self._keys, self._clock())
        self._check_tenant(inspection, tenant)
        self._trusts.record_audience(trust, claims["aud"])
        return AuthenticatedClient(trust.id, trust.label, trust.scopes, TOKEN_LIFETIME)

    def _check_tenant(self, inspection: Inspection, name: str) -> None:
        """Check that the tenant exists and is active; only its own clients come this far."""
        tenant = self._tenants.get(name)
        if tenant is None:
            inspection.fail(
                "tenant", expected="a tenant", received=name, reason="its tenant is deleted", cause="unknown"
            )
        if tenant.suspended:
            raise TenantSuspended(SUSPENDED, status_code=403)


def claimed_id(parameters: Mapping[str, str], authorization: str) -> str:
    """Return the id that the sender of a token request claims to have, "" if there is none."""
    try:
        basic = basic_credentials(authorization)
    except Refused:
        return ""
    return basic.get("client_id", parameters.get("client_id", ""))


def basic_credentials(authorization: str) -> dict[str, str]:
    """Return `client_id` and `client_secret` of a Basic header, {} without a header; raises Refused for another one."""
    if not authorization:
        return {}
    scheme, _, encoded = authorization.partition(" ")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError:
        text = ""
    client_id, colon, secret = text.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise Refused(Refusal("client", "the Authorization header is not a valid Basic one"))
    # RFC 6749 section 2.3.1
    return {"client_id": unquote_plus(client_id), "client_secret": unquote_plus(secret)}
