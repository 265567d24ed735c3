"""What the flow is put together from."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from app.auth.limits.sign_on_limits import SignOnLimits
from app.sign_on.flow.record import Record
from app.sign_on.flow.urls import Urls
from app.sign_on.flow.visit import Visit
from app.sign_on.matching import Matching
from app.sign_on.people import People, user_type
from app.sign_on.provider.app_request import AppRequest
from app.sign_on.reasons import Reason, SignOnRefused
from app.store.accounts.tenants import Tenant, Tenants
from app.store.directory.directory import Directory
from app.store.mongo.database import Database
from app.store.mongo.moments import now
from app.store.sign_on.apps import App, Apps
from app.store.sign_on.connection import Connection
from app.store.sign_on.connections import Connections
from app.store.sign_on.sessions import Session, Sessions
from app.store.sign_on.sign_ins import SignIn, SignIns
from app.store.sign_on.signing_keys import SigningKeys
from app.store.sign_on.tickets import Tickets


class Hooks(Protocol):
    """What the flow is told by, or tells, other rooms."""

    def refresh(self, connection: Connection) -> Connection | None:
        """Read what the identity provider publishes once more; return the connection since, None if it is not time."""

    def answer(self, request: AppRequest, sid: str, request_id: str) -> str:
        """Return the URL that brings a person who has signed in back to the app; "" if it is not the app's any more."""

    def refusal(self, request: AppRequest, error: str) -> str:
        """Return the URL that brings somebody who has not back to the app, with an error; "" as for `answer`."""

    def app_name(self, request: AppRequest) -> str:
        """Return the name of the app for its page."""

    def signed_on(self, tenant: str, kind: str, result: str, seconds: float | None) -> None:
        """Count a sign-on by its result; `seconds` are those since it began."""


@dataclass(frozen=True)
class Parts:
    """The parts; `clock` returns the time."""

    database: Database
    base: str
    """What the server's own URLs start with."""
    lifetime: timedelta
    """How long a session lasts at most."""
    record: Record
    limits: SignOnLimits
    directory: Callable[[Tenant], Directory]
    signing_keys: SigningKeys
    hooks: Hooks
    clock: Callable[[], datetime] = now

    def urls(self, tenant: str) -> Urls:
        """Return the URLs of a tenant."""
        return Urls(self.base, tenant)

    def open(self, tenant: str) -> tuple[Tenant, Connection]:
        """Return a tenant and its connection; raises SignOnRefused.

        An unknown tenant and one without a connection cost the same reads.
        """
        found, connection = Tenants(self.database).get(tenant), self.connections.on(tenant)
        if found is None or connection is None:
            raise not_available()
        return found, connection

    def matching(self, tenant: Tenant) -> Matching:
        """Return what finds the users of a tenant."""
        directory = self.directory(tenant)
        return Matching(directory, user_type(directory))

    def app_of(self, tenant: Tenant, connection: Connection) -> App | None:
        """Return the app that the Sign on URL leads to, or None."""
        apps = [app for app in Apps(self.database).for_tenant(tenant) if app.settings.initiate_login_uri]
        named = [app for app in apps if app.id == connection.app]
        return next(iter(named if connection.app else apps), None)

    @property
    def connections(self) -> Connections:
        """The connections of all tenants."""
        return Connections(self.database)

    @property
    def sign_ins(self) -> SignIns:
        """The sign-ins of all tenants."""
        return SignIns(self.database, self.clock)

    @property
    def sessions(self) -> Sessions:
        """The sessions of all tenants."""
        return Sessions(self.database, self.clock)

    @property
    def tickets(self) -> Tickets:
        """The tickets of all tenants."""
        return Tickets(self.database, self.clock)

    @property
    def people(self) -> People:
        """Who is signed in."""
        return People(self.database, self.sessions, self.directory)


def require_running(tenant: Tenant) -> None:
    """Check that a tenant is not suspended; raises SignOnRefused."""
    if tenant.suspended:
        raise SignOnRefused(Reason.SUSPENDED, "The tenant is suspended.")


def not_available() -> SignOnRefused:
    """Return the refusal for a tenant that does not exist, or has no connection that is on."""
    return SignOnRefused(Reason.NOT_AVAILABLE, "There is no sign-in here.")


def session_of(parts: Parts, visit: Visit) -> Session | None:
    """Return the session that a browser has, or None."""
    person = parts.people.by_cookie(visit.tenant, visit.session) if visit.session else None
    return person.session if person else None


def require_browser(visit: Visit, sign_in: SignIn) -> None:
    """Check that a sign-in goes on in the browser that began it; raises SignOnRefused."""
    if not visit.known_browser or not hmac.compare_digest(visit.browser_hash, sign_in.browser):
        raise SignOnRefused(Reason.OTHER_BROWSER, "The sign-in was begun in another browser, or it keeps no cookies.")
