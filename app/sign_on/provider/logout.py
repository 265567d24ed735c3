"""Logout by an app (OpenID Connect RP-Initiated Logout 1.0).

Authlib's endpoint verifies the signature of an `id_token_hint` and nothing else, with one key set for all tenants. So
here a hint counts only if it is an ID token of this tenant, for an app that is still for this tenant, and of the
session that the browser has, if the browser shows one. It may have expired.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.sign_on.provider.app_request import HINT, MOST_CHARACTERS, single
from app.sign_on.provider.authorize import Redirect, with_query
from app.sign_on.provider.server import hinted
from app.store.accounts.tenants import Tenant, Tenants
from app.store.log.events import Events
from app.store.mongo.database import Database
from app.store.sign_on.apps import App, Apps
from app.store.sign_on.logouts import End, end_sessions
from app.store.sign_on.sessions import Session, Sessions
from app.store.sign_on.signing_keys import SigningKeys

APP = "app"
"""Why the session ended, as in the log."""


@dataclass(frozen=True)
class AskFirst:
    """The person is asked whether to sign out; nothing has ended."""


@dataclass(frozen=True)
class SignedOut:
    """The session of the hint has ended, and the browser has nowhere to go."""


@dataclass(frozen=True)
class _Hint:
    app: App
    sid: str


class Logout:
    """Answers apps that want to sign a person out; `log` opens that of a tenant."""

    def __init__(self, database: Database, keys: SigningKeys, log: Callable[[Tenant], Events]) -> None:
        self._database = database
        self._apps = Apps(database)
        self._tenants = Tenants(database)
        self._sessions = Sessions(database)
        self._keys = keys
        self._log = log

    def answer(
        self, tenant_name: str, issuer: str, pairs: Sequence[tuple[str, str]], cookie: str
    ) -> Redirect | AskFirst | SignedOut:
        """End the session that a valid hint names, and return what follows; `pairs` are the parameters."""
        parameters, repeated = single(pairs)
        tenant = self._tenants.get(tenant_name)
        # The hint is verified for an unknown tenant, too, so that the time does not tell which tenants exist.
        hint = None if repeated else self._hint(issuer, parameters)
        own = self._sessions.by_cookie(tenant_name, cookie) if cookie else None
        if tenant is None or hint is None or not hint.app.serves(tenant) or not _is_of(own, hint):
            return AskFirst()
        end_sessions(self._database, tenant_name, {"sid": hint.sid}, End(APP, self._log(tenant)))
        uri, state = parameters.get("post_logout_redirect_uri", ""), parameters.get("state", "")
        if uri not in hint.app.settings.logout_uris or len(state) > MOST_CHARACTERS:
            return SignedOut()
        return Redirect(with_query(uri, {"state": state}) if state else uri)

    def _hint(self, issuer: str, parameters: Mapping[str, str]) -> _Hint | None:
        """Return what a hint says, or None if it is none that counts."""
        claims = hinted(parameters.get(HINT, ""), issuer, self._keys)
        audience = claims.get("aud")
        if not isinstance(audience, str):
            return None
        app, sid = self._apps.get(audience), claims.get("sid")
        if app is None or not isinstance(sid, str):
            return None
        return _Hint(app, sid) if parameters.get("client_id", app.id) == app.id else None


def _is_of(own: Session | None, hint: _Hint) -> bool:
    """Return whether a hint is of the session of the browser; none is shown in a POST from another site."""
    return own is None or own.sid == hint.sid
