"""The authorization endpoint: an app's request becomes a code, a sign-in, or an error.

As long as the app and the redirect URI are not known to be good, the answer is a page. After that it is a redirect,
with `iss` in errors, too (RFC 9207 section 2). Who is kept out by the group of an app is in the log (D-720).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from authlib.oauth2.rfc6749 import OAuth2Error
from authlib.oauth2.rfc6749.errors import AccessDeniedError, InvalidRequestError

from app.auth.limits.rate_limits import Limits
from app.auth.refusal import Check
from app.schemas.tables.user import USER_TYPE
from app.sign_on.people import People, Person
from app.sign_on.provider.app_request import HINT, AppRequest, Wishes, check, kept, single
from app.sign_on.provider.server import ProviderServer, Servers
from app.sign_on.provider.unanswered import NotAvailable, named, repeated, unknown_app, unknown_redirect_uri
from app.store.accounts.tenants import Tenant, Tenants
from app.store.log.event import Actor, Event
from app.store.mongo.database import Database
from app.store.mongo.moments import now
from app.store.sign_on.apps import App, Apps
from app.store.sign_on.connections import Connections

OPERATION = "app-sign-on"


@dataclass(frozen=True)
class Redirect:
    """The browser goes to `url`."""

    url: str


@dataclass(frozen=True)
class SignInNeeded:
    """The person has to sign in first; then `request` is answered."""

    request: AppRequest
    force: bool
    """Whether they must authenticate again, even if the identity provider knows them."""
    login_hint: str
    max_age: int | None


class NotInGroup(AccessDeniedError):
    """A person who is signed in may not use an app."""

    def __init__(self, person: Person, app: App) -> None:
        super().__init__("The person is not in the group of this app.")
        self.person = person
        self.app = app

    @property
    def occasion(self) -> str:
        """What has one line of the log in a minute: the session and the app."""
        return f"{self.person.session.sid} at {self.app.id}"

    @property
    def event(self) -> Event:
        """The line of the log."""
        session, group = self.person.session, self.app.settings.group
        return Event(
            OPERATION, USER_TYPE.name, session.user, self.person.name, status=403,
            detail=f"The user is not a member of {group!r}, whose members alone may use {named(self.app)}.",
            checks=[vars(Check("group", group, "not a member", False))],
            sign_on={
                "connection": session.connection, "app": self.app.id, "sid": session.sid, "address": session.address,
            },
        )


Outcome = Redirect | SignInNeeded | NotAvailable


class Authorization:
    """Answers the requests of apps."""

    def __init__(self, database: Database, people: People, servers: Servers, limits: Limits) -> None:
        self._apps = Apps(database)
        self._tenants = Tenants(database)
        self._connections = Connections(database)
        self._people = people
        self._servers = servers
        self._limits = limits

    def authorize(
        self, tenant_name: str, pairs: Sequence[tuple[str, str]], cookie: str, request_id: str = ""
    ) -> Outcome:
        """Return what happens with a request; `pairs` are its parameters, `cookie` is that of the session, or ""."""
        parameters, twice = single(pairs)
        app, redirect_uri = self._app(tenant_name, parameters), parameters.get("redirect_uri", "")
        if isinstance(app, NotAvailable):
            return app
        for name in ("client_id", "redirect_uri"):
            if name in twice:
                return repeated(name)
        if redirect_uri not in app.settings.redirect_uris:
            return unknown_redirect_uri(app, redirect_uri)
        request = AppRequest(tenant=tenant_name, app=app.id, parameters=kept(parameters))
        try:
            if twice:
                raise InvalidRequestError("A parameter is given more than once.")
            wishes = check(parameters)
            if HINT in parameters:
                self._name_subject(request, wishes, parameters[HINT])
            self._server(request, app).check(request["parameters"])
            return self._signed_in(request, app, wishes, cookie)
        except OAuth2Error as error:
            if "state" in twice:
                request["parameters"].pop("state", None)
            _note(error, self._limits, request_id)
            return Redirect(self._refusal(request, error))

    def answer(self, request: AppRequest, sid: str, request_id: str = "") -> str:
        """Return where the browser goes with the answer to a request, after the person has signed in.

        It is "" if the app has been deleted since, or has the redirect URI no more.
        """
        app = self._app(request["tenant"], {"client_id": request["app"]})
        if isinstance(app, NotAvailable) or not _is_redirect_uri(app, request):
            return self.refusal_url(request, "access_denied")
        person = self._people.by_sid(request["tenant"], sid)
        try:
            if person is None:
                raise AccessDeniedError("The person is not signed in any more.")
            return self._code(request, app, person)
        except OAuth2Error as error:
            _note(error, self._limits, request_id)
            return self._refusal(request, error)

    def refusal_url(self, request: AppRequest, error: str) -> str:
        """Return where the browser goes with an error, such as `access_denied`; "" as for `answer`."""
        app = self._apps.get(request["app"])
        return self._refusal(request, OAuth2Error(error=error)) if app and _is_redirect_uri(app, request) else ""

    def app_name(self, request: AppRequest) -> str:
        """Return the name of the app for people."""
        app = self._apps.get(request["app"])
        return app.settings.name if app else ""

    def _name_subject(self, request: AppRequest, wishes: Wishes, hint: str) -> None:
        """Note whom a hint means; raises OAuth2Error if that is not known and no one can be asked (D-695)."""
        if subject := self._servers.subject(request["tenant"], hint):
            request["subject"] = subject
        elif wishes.silent:
            raise OAuth2Error("The id_token_hint is none that can be verified.", error="login_required")

    def _signed_in(self, request: AppRequest, app: App, wishes: Wishes, cookie: str) -> Outcome:
        person = self._people.by_cookie(request["tenant"], cookie) if cookie else None
        fresh = person is not None and not wishes.login and not _is_too_old(person, wishes.max_age)
        other = person is not None and not _is_meant(request, person)
        if person is not None and fresh and not other:
            return Redirect(self._code(request, app, person))
        if wishes.silent:
            raise OAuth2Error("The person has to sign in.", error="login_required")
        force = wishes.login or wishes.max_age is not None or other
        return SignInNeeded(request, force, wishes.login_hint, wishes.max_age)

    def _code(self, request: AppRequest, app: App, person: Person) -> str:
        if not _is_meant(request, person):  # a MUST of OpenID Connect Core section 3.1.2.1
            raise OAuth2Error("Another person is signed in than the one of the id_token_hint.", error="login_required")
        if not person.is_in(app.settings.group):
            raise NotInGroup(person, app)
        code = self._server(request, app).grant(request["parameters"], person)
        return self._back(request, {"code": code})

    def _app(self, tenant_name: str, parameters: Mapping[str, str]) -> App | NotAvailable:
        # All three are always read, so that the time does not tell which of them is missing.
        tenant: Tenant | None = self._tenants.get(tenant_name)
        app = self._apps.get(parameters.get("client_id", ""))
        connection = self._connections.on(tenant_name)
        if tenant is not None and app is not None and app.serves(tenant) and connection is not None:
            return app
        return unknown_app(tenant, app, parameters.get("client_id", ""), connected=connection is not None)

    def _server(self, request: AppRequest, app: App) -> ProviderServer:
        return self._servers.of(request["tenant"], app)

    def _refusal(self, request: AppRequest, error: OAuth2Error) -> str:
        description = {"error_description": error.description} if error.description else {}
        return self._back(request, {"error": error.error or "server_error", **description})

    def _back(self, request: AppRequest, answer: Mapping[str, str]) -> str:
        parameters = request["parameters"]
        state = {"state": parameters["state"]} if "state" in parameters else {}
        issuer = {"iss": self._servers.issuer(request["tenant"])}
        return with_query(parameters["redirect_uri"], {**answer, **state, **issuer})


def with_query(url: str, parameters: Mapping[str, str]) -> str:
    """Return a URL, which may have a query but no fragment, with more parameters."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(parameters)}"


def _note(error: OAuth2Error, limits: Limits, request_id: str) -> None:
    """Write a line of the log if it is the group of an app that keeps a person out, once a minute (D-720)."""
    if isinstance(error, NotInGroup) and limits.may_log(error.occasion):
        error.person.directory.events.append(error.event, Actor(error.app.id, request_id))


def _is_redirect_uri(app: App, request: AppRequest) -> bool:
    return request["parameters"]["redirect_uri"] in app.settings.redirect_uris


def _is_meant(request: AppRequest, person: Person) -> bool:
    return request.get("subject", person.session.user) == person.session.user


def _is_too_old(person: Person, max_age: int | None) -> bool:
    # 0 always asks the person to sign in, in the millisecond of the last sign-in, too.
    return max_age is not None and (now() - person.session.authenticated).total_seconds() >= max_age
