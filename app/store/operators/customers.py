"""What operators do to tenants: create, suspend, resume and delete them; every act is recorded."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from app.store.accounts.names import check_name
from app.store.accounts.tenant_deletion import TenantDeletion
from app.store.accounts.tenants import Tenant, TenantEvents, Tenants
from app.store.log.events import Events, LogSettings
from app.store.mongo.database import Database, Session
from app.store.operators.acting import Acting, TenantItself
from app.store.sign_on.logouts import DELETED, End, end_sessions


class TenantActs:
    """These acts, of one operator."""

    def __init__(self, database: Database, acting: Acting) -> None:
        self._database = database
        self._acting = acting
        events = TenantEvents(database, acting.actor, days=acting.days)
        self._tenants = Tenants(database, events)
        self._deletion = TenantDeletion(database, events)

    def create(self, name: str, profile: str, rate_limit: int | None = None) -> Tenant:
        """Create a tenant and return it; raises InvalidValue, Conflict, and BeingDeleted for a name that is not free.

        The name of a tenant that was deleted is free once its deletion is finished, which is tried first.
        """
        check_name(name)
        self._deletion.finish(name)

        def work(session: Session) -> tuple[TenantItself, Tenant]:
            return TenantItself(name, profile), self._tenants.create(name, profile, session, rate_limit=rate_limit)

        return self._acting.change("tenant create", work, tenant=name, object_=name)

    def suspend(self, name: str) -> None:
        """Refuse the tenant's requests from now on and keep its data; raises NotFound."""
        self._change("suspend", name, self._tenants.suspend)

    def resume(self, name: str) -> None:
        """Accept the tenant's requests again; raises NotFound."""
        self._change("resume", name, self._tenants.resume)

    def limit(self, name: str, rate_limit: int | None) -> None:
        """Set the tenant's own limit in requests per second, or remove it for None; raises NotFound."""
        self._change("limit", name, lambda name, session: self._tenants.limit(name, rate_limit, session))

    def delete(self, name: str, *, now: bool = True) -> None:
        """Delete a tenant with all its data, or leave the data to the janitor, which begins a minute later.

        In both cases nobody reaches the tenant from now on, and the apps of those who are signed in are told. Raises
        NotFound.
        """
        log = Events(self._database, name, LogSettings(self._acting.days))
        end_all = partial(end_sessions, self._database, name, {}, End(DELETED, log, self._acting.actor))
        with self._acting.audited("tenant delete", name, name):
            end_all()
            self._deletion.begin(name)
            end_all()  # those that have begun meanwhile
            if now:
                self._deletion.delete(name)

    def _change(self, operation: str, name: str, change: Callable[[str, Session], None]) -> None:
        def work(session: Session) -> tuple[TenantItself, None]:
            change(name, session)
            return TenantItself(name), None

        self._acting.change(f"tenant {operation}", work, tenant=name, object_=name)
