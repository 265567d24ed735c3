"""A sign-in by OpenID Connect: its request, and the answer to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from app.auth.refusal import loggable
from app.sign_on.checks import Checks
from app.sign_on.flow.parts import Parts
from app.sign_on.identity import Identity
from app.sign_on.oidc.callback import code_from
from app.sign_on.oidc.client import Client
from app.sign_on.oidc.discovery import Metadata
from app.sign_on.oidc.exchange import exchange
from app.sign_on.oidc.id_token import Expected
from app.sign_on.oidc.keys import Key, pick
from app.sign_on.oidc.request import Request, authorization_url
from app.sign_on.reasons import Reason, SignOnRefused
from app.store.sign_on.connection import Connection, OidcPart
from app.store.sign_on.sign_ins import SignIn
from app.store.sign_on.signing_keys import SAML


def request_url(parts: Parts, connection: Connection, sign_in: SignIn, state: str, login_hint: str) -> str:
    """Return the URL at the identity provider, with the request of a sign-in."""
    return authorization_url(_client(parts, connection), Request(
        state, sign_in.nonce, sign_in.verifier, parts.urls(connection.tenant).callback, force=sign_in.forced,
        login_hint=login_hint, max_age=0 if sign_in.forced else None,  # so that the ID token must have `auth_time`
    ))


def identity(
    parts: Parts, connection: Connection, sign_in: SignIn, parameters: Mapping[str, str], checks: Checks
) -> Identity:
    """Return who has signed in, by the parameters that the browser brought back; raises SignOnRefused."""
    client = _client(parts, connection)
    code = code_from(parameters, client.metadata)
    expected = Expected(
        sign_in.nonce, sign_in.verifier, parts.urls(connection.tenant).callback, parts.clock(),
        forced_since=sign_in.started if sign_in.forced else None, require_mfa=connection.require_mfa,
    )
    return exchange(client, code, expected, checks)


def _client(parts: Parts, connection: Connection) -> Client:
    oidc, keys = _part(connection), parts.signing_keys
    return Client(
        Metadata.from_stored(oidc.metadata), oidc.client_id, _finder(parts, connection), oidc.scopes,
        secret=keys.sealer.unseal(oidc.secret).decode() if oidc.secret else "",
        key=None if oidc.secret else keys.current(SAML),
    )


def _finder(parts: Parts, connection: Connection) -> Callable[[str], Key | None]:
    """Return what finds the identity provider's keys: among those stored, then among those that it publishes now."""

    def find(key_id: str) -> Key | None:
        key = pick(_part(connection).keys, key_id)
        if key is not None:
            return key
        fresh = parts.hooks.refresh(connection)
        return pick(_part(fresh).keys, key_id) if fresh else None

    return find


def _part(connection: Connection) -> OidcPart:
    if connection.oidc is None:
        raise SignOnRefused(Reason.MALFORMED, f"The connection is for {loggable(connection.kind)}.")
    return connection.oidc
