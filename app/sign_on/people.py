"""Who is signed in: the session, and the user and tenant behind it, read anew at each use.

So users who are disabled or deleted in the directory, or leave the group whose members alone the connection lets in,
are out with the commit of that change, whatever is still to be told to an app. Their session is ended when it is next
used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.schemas.resource_type import ResourceType
from app.schemas.tables.user import USER_TYPE
from app.sign_on.matching import Matching
from app.sign_on.reasons import Reason
from app.store.accounts.tenants import Tenant, Tenants
from app.store.directory.directory import Directory
from app.store.mongo.database import Database
from app.store.sign_on.logouts import DELETED, DISABLED, End, end_sessions
from app.store.sign_on.sessions import Session, Sessions


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in."""

    tenant: Tenant
    session: Session
    directory: Directory
    name: str
    """The name by which people know the user."""

    @property
    def user_type(self) -> ResourceType:
        """The resource type of users, as the tenant's profile sees it."""
        return user_type(self.directory)

    def is_in(self, group: str) -> bool:
        """Return whether the user is a member of the group with this name; "" is everybody's."""
        return not group or Matching(self.directory, self.user_type).is_member(self.session.user, group)


class People:
    """The people of all tenants; `directory` opens the directory of a tenant."""

    def __init__(self, database: Database, sessions: Sessions, directory: Callable[[Tenant], Directory]) -> None:
        self._database = database
        self._tenants = Tenants(database)
        self._sessions = sessions
        self._directory = directory

    def by_cookie(self, tenant: str, cookie: str) -> Person | None:
        """Return who is signed in to a tenant by the browser with this cookie, or None."""
        return self._person(self._sessions.by_cookie(tenant, cookie))

    def by_sid(self, tenant: str, sid: str) -> Person | None:
        """Return who is signed in to a tenant by the session with this public id, or None."""
        return self._person(self._sessions.by_sid(tenant, sid))

    def in_app(self, tenant: Tenant, sid: str, app: str) -> Person | None:
        """Return who is signed in by this session, and note that they are in an app; `tenant` has just been read."""
        return self._person(self._sessions.add_app(tenant.name, sid, app), tenant)

    def _person(self, session: Session | None, tenant: Tenant | None = None) -> Person | None:
        if session is not None and tenant is None:
            tenant = self._tenants.get(session.tenant)
        if session is None or tenant is None or tenant.suspended:
            return None
        directory = self._directory(tenant)
        kind = user_type(directory)
        user = directory.get(kind, session.user, frozenset({kind.switch or kind.identifier, kind.identifier}))
        person = Person(tenant, session, directory, kind.name_in(user)) if user else None
        if user and person and not kind.is_disabled(user) and person.is_in(session.group):
            return person
        reason = DELETED if user is None else DISABLED if kind.is_disabled(user) else Reason.NOT_IN_GROUP
        end_sessions(self._database, tenant.name, {"sid": session.sid}, End(str(reason), directory.events))
        return None


def user_type(directory: Directory) -> ResourceType:
    """Return the resource type of users."""
    found = directory.catalogue.named(USER_TYPE.name)
    assert found is not None
    return found
