"""The credentials of a tenant as operators see and change them: tokens, clients with their secrets, and trusts."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from app.errors import Conflict, NotFound
from app.store.accounts.clients import TOKEN_LIFETIME, Client, Clients, Secret
from app.store.accounts.credentials import Credentials, credentials_of
from app.store.accounts.tokens import DEFAULT_SCOPES, SCIM_WRITE, Token, Tokens
from app.store.accounts.trusts import Conditions, Trust, Trusts
from app.store.mongo.database import Database, Session
from app.store.mongo.moments import now
from app.store.operators.acting import Acting

T = TypeVar("T", Token, Client, Trust)
C = TypeVar("C", Client, Trust)
TOKEN, SECRET, TRUST = "token", "secret", "trust"  # noqa: S105 - kinds, no secrets
KINDS = (TOKEN, SECRET, TRUST)
VALID, EXPIRED, REVOKED = "valid", "expired", "revoked"
ENDINGS = ("token revoke", "client delete secret", "client delete", "trust delete")
"""The acts after which a customer may have no credential any more."""


@dataclass(frozen=True)
class Credential:
    """A credential; `client` is that of a secret, `expires` None means never.

    It is `in_use` if none was used later that may do as much (D-679), not even one that was revoked since. The secrets
    of a client are used as one.
    """

    kind: str
    id: str
    label: str
    state: str
    created: datetime
    scopes: frozenset[str]
    expires: datetime | None = None
    used: datetime | None = None
    client: str = ""
    in_use: bool = False

    @property
    def writes(self) -> bool:
        """Whether an identity provider can provision with it now."""
        return self.state == VALID and self.provisions

    @property
    def provisions(self) -> bool:
        """Whether it is for an identity provider; one that only reads is the vendor's own."""
        return SCIM_WRITE in self.scopes


def credential_list(database: Database, tenant: str, moment: datetime) -> list[Credential]:
    """Return the credentials of a tenant: those that are valid first, then the newest first."""
    found = _listed(credentials_of(database, tenant), moment)
    newest = {
        kind: max((each.used for each in found if each.used and each.provisions == kind), default=None)
        for kind in (True, False)
    }
    marked = [
        replace(each, in_use=each.state == VALID and each.used == newest[each.provisions] is not None) for each in found
    ]
    return sorted(marked, key=lambda each: (each.state == VALID, each.created), reverse=True)


@dataclass(frozen=True)
class Limit:
    """How many valid credentials of some kinds, all with one label, a tenant may have."""

    most: int
    label: str
    kinds: Collection[str]

    def check(self, database: Database, tenant: str, session: Session) -> None:
        """Check that a tenant may have another one; raises Conflict. MongoDB allows no union in a transaction."""
        tokens, clients = Tokens(database).of_tenant(tenant, session), Clients(database).of_tenant(tenant, session)
        stored = Credentials(tuple(tokens), tuple(clients), tuple(Trusts(database).of_tenant(tenant, session)), {})
        found = [each for each in _listed(stored, now()) if each.state == VALID and each.label == self.label]
        if sum(each.kind in self.kinds for each in found) >= self.most:
            raise Conflict(f"At most {self.most} of these can be created here: revoke one first, or ask us to.")


class CredentialActs:
    """What an operator does to credentials; every act is recorded. Making one raises Conflict beyond a `limit`.

    What ends a client or a trust revokes its access tokens twice: with the act, and after it those that were issued
    while it was under way, which its transaction does not see (D-676).
    """

    def __init__(self, database: Database, acting: Acting, limit: Limit | None = None) -> None:
        self._acting = acting
        self._check = partial(limit.check, database) if limit else None
        self._tokens = Tokens(database)
        self._clients = Clients(database)
        self._trusts = Trusts(database)

    def issue_token(
        self, tenant: str, lifetime: timedelta | None, label: str = "", scopes: Iterable[str] = DEFAULT_SCOPES,
        user: str | None = None,
    ) -> tuple[str, Token]:
        """Issue a token and return it with its record; raises InvalidValue."""

        def work(session: Session) -> tuple[Token, tuple[str, Token]]:
            issued = self._tokens.issue(
                tenant, lifetime=lifetime, label=label, scopes=scopes, user=user, session=session
            )
            return issued[1], issued

        return self._acting.change("token issue", work, tenant=tenant, check=self._check)

    def create_client(
        self, tenant: str, lifetime: timedelta, label: str = "", scopes: Iterable[str] = DEFAULT_SCOPES,
        token_lifetime: timedelta = TOKEN_LIFETIME,
    ) -> tuple[Client, str]:
        """Create a client and return it with its first secret; raises InvalidValue."""

        def work(session: Session) -> tuple[Client, tuple[Client, str]]:
            created = self._clients.create(
                tenant, lifetime=lifetime, label=label, scopes=scopes, token_lifetime=token_lifetime, session=session
            )
            return created[0], created

        return self._acting.change("client create", work, tenant=tenant, check=self._check)

    def rotate_client(self, client_id: str, lifetime: timedelta, tenant: str = "") -> tuple[Client, Secret, str]:
        """Add a secret; return the client, the secret's record and the secret. Raises NotFound, InvalidValue."""

        def work(session: Session) -> tuple[Client, tuple[Client, Secret, str]]:
            _check(self._clients.require(client_id, session), tenant, "client")
            rotated = self._clients.rotate(client_id, lifetime, session)
            return rotated[0], rotated

        return self._acting.change("client rotate", work, tenant=tenant, object_=client_id)

    def revoke_token(self, token_id: str, tenant: str = "") -> Token:
        """Revoke a token and return its record; raises NotFound."""

        def work(session: Session) -> tuple[Token, Token]:
            token = _check(self._tokens.revoke(token_id, session), tenant, "token")
            return token, token

        return self._acting.change("token revoke", work, tenant=tenant, object_=token_id)

    def delete_secret(self, client_id: str, secret_id: str, tenant: str = "") -> Client:
        """Delete a secret, so that it gets no more access tokens; the last valid one with those. Raises NotFound."""

        def work(session: Session) -> tuple[Client, Client]:
            _check(self._clients.require(client_id, session), tenant, "client")
            client = self._clients.delete_secret(client_id, secret_id, session)
            return self._without_tokens(client, session), client

        return self._without_tokens(
            self._acting.change("client delete secret", work, tenant=tenant, object_=client_id)
        )

    def delete_client(self, client_id: str, tenant: str = "") -> Client:
        """Delete a client with its access tokens; raises NotFound."""

        def work(session: Session) -> tuple[Client, Client]:
            client = _check(self._clients.delete(client_id, session), tenant, "client")
            return client, client

        deleted = self._acting.change("client delete", work, tenant=tenant, object_=client_id)
        return self._without_tokens(replace(deleted, secrets=()))

    def add_trust(
        self, tenant: str, conditions: Conditions, label: str = "", scopes: Iterable[str] = DEFAULT_SCOPES
    ) -> Trust:
        """Trust an issuer, and return the trust; raises InvalidValue.

        Where there is a limit, a trust with these conditions and scopes is returned and no other one made (D-688).
        """
        asked = {**vars(conditions), "scopes": frozenset(scopes)}
        for known in self._trusts.of_tenant(tenant) if self._check else ():
            if all(getattr(known, name) == value for name, value in asked.items()):
                return known

        def work(session: Session) -> tuple[Trust, Trust]:
            trust = self._trusts.add(tenant, conditions, label=label, scopes=scopes, session=session)
            return trust, trust

        return self._acting.change("trust add", work, tenant=tenant, check=self._check)

    def delete_trust(self, trust_id: str, tenant: str = "") -> Trust:
        """Delete a trust with its access tokens; raises NotFound."""

        def work(session: Session) -> tuple[Trust, Trust]:
            trust = _check(self._trusts.delete(trust_id, session), tenant, "trust")
            return trust, trust

        return self._without_tokens(self._acting.change("trust delete", work, tenant=tenant, object_=trust_id))

    def _without_tokens(self, ended: C, session: Session = None) -> C:
        """Revoke the access tokens of a trust, or of a client that has no valid secret any more, and return it."""
        if not isinstance(ended, Client) or not ended.can_come(now()):
            self._tokens.revoke_of_client(ended.tenant, ended.id, session)
        return ended


def _check(found: T, tenant: str, kind: str) -> T:
    """Return a credential if it is of the tenant, where one is named; raises NotFound, which undoes the act.

    The error is the one for a credential that does not exist, which so tells nothing of another tenant.
    """
    if tenant and found.tenant != tenant:
        raise NotFound(f"There is no {kind} {found.id!r}.")
    return found


def _listed(stored: Credentials, moment: datetime) -> list[Credential]:
    return [
        *(_of_token(token, moment) for token in stored.tokens),
        *(_of_secret(client, secret, stored.used.get(client.id), moment)
          for client in stored.clients for secret in client.secrets),
        *(_of_trust(trust, stored.used.get(trust.id)) for trust in stored.trusts),
    ]


def _of_token(token: Token, moment: datetime) -> Credential:
    return Credential(
        TOKEN, token.id, token.label, token.state(moment), token.created, token.scopes, token.expires, token.used
    )


def _of_secret(client: Client, secret: Secret, used: datetime | None, moment: datetime) -> Credential:
    state = VALID if moment < secret.expires else EXPIRED
    return Credential(
        SECRET, secret.id, client.label, state, secret.created, client.scopes, secret.expires, used, client.id
    )


def _of_trust(trust: Trust, used: datetime | None) -> Credential:
    return Credential(TRUST, trust.id, trust.label, VALID, trust.created, trust.scopes, used=used)
