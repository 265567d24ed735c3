"""Acts of operators: each has its entry in the audit log, and in the tenant's log if a tenant is concerned."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from app.store.accounts.tenants import NOT_DELETED, log_of, no_tenant
from app.store.accounts.tenants import SPEC as TENANTS
from app.store.delivery.endpoint import Endpoint
from app.store.directory.directory import Directory
from app.store.log.changes import Change, Request
from app.store.log.event import Actor, Event
from app.store.log.events import Events, LogSettings
from app.store.mongo.database import Database, Session
from app.store.operators.audit import AuditEntry, AuditLog, Operator

T = TypeVar("T")


class Subject(Protocol):
    """What an operator changes: a credential, or a tenant."""

    @property
    def tenant(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def label(self) -> str: ...


@dataclass(frozen=True)
class TenantItself:
    """A tenant as the subject of a change."""

    tenant: str
    label: str = ""

    @property
    def id(self) -> str:
        """The name."""
        return self.tenant


@dataclass(frozen=True)
class EndpointItself:
    """An endpoint as the subject of a change; its URL may contain a secret, so the label is the host."""

    tenant: str
    id: str
    label: str


class Acting:
    """The acts of one `operator`; `days` is how long a tenant's log is kept, `actor` who they are in it."""

    def __init__(self, database: Database, operator: Operator, days: int, actor: Actor | None = None) -> None:
        self._database = database
        self.operator = operator
        self.days = days
        self.actor = actor or Actor(str(operator), operator.request)

    @contextmanager
    def audited(self, act: str, tenant: str = "", object_: str = "") -> Iterator[AuditEntry]:
        """Record the act that the block is, such as `tenant delete`, and its outcome."""
        with AuditLog(self._database).begin(self.operator, act, tenant=tenant, object_=object_) as entry:
            yield entry

    def restore(self, directory: Directory, resource_id: str) -> Change:
        """Restore a deleted resource of a tenant with its memberships; raises NotFound, Uniqueness."""
        with self.audited("restore", directory.tenant, resource_id):
            return directory.restore(resource_id, Request("restore", self.actor))

    def change(
        self, act: str, work: Callable[[Session], tuple[Subject, T]], *, tenant: str = "", object_: str = "",
        check: Callable[[str, Session], object] | None = None,
    ) -> T:
        """Do `work` in one transaction with its entries in the audit log and in the tenant's log.

        `act` names the kind of what changes and the operation, such as `token revoke`. `work` returns what it changed
        and a result; the result is returned. `check` is for a limit on what the tenant has: of acts with one, each
        begins when the one before is stored. It counts in the transaction, since a majority may not have that one yet.
        Raises NotFound if the tenant is gone.
        """
        kind, _, operation = act.partition(" ")
        with self.audited(act, tenant, object_) as entry:

            def logged(session: Session) -> T:
                if check is not None:
                    self._wait_for(tenant, session)
                    check(tenant, session)
                subject, result = work(session)
                entry.tenant, entry.object = subject.tenant, subject.id
                event = Event(operation, resource_type=kind, resource_id=subject.id, name=subject.label)
                log = Events(self._database, log_of(subject.tenant), LogSettings(self.days))
                log.append(event, self.actor, session)
                return result

            return entry.commit(logged)

    def _wait_for(self, tenant: str, session: Session) -> None:
        """Write to the tenant's document, so that another act that does so begins again after this one."""
        query = {"_id": tenant, **NOT_DELETED}
        if not self._database.db[TENANTS.name].update_one(query, {"$inc": {"acts": 1}}, session=session).matched_count:
            raise no_tenant(tenant)


def change_endpoint(
    acting: Acting, act: str, work: Callable[[Session], Endpoint], *, tenant: str = "", object_: str = ""
) -> Endpoint:
    """Do `work` in one transaction with its entries in both logs, and return the endpoint as `work` returns it."""

    def logged(session: Session) -> tuple[EndpointItself, Endpoint]:
        endpoint = work(session)
        return EndpointItself(endpoint.tenant, endpoint.id, urlsplit(endpoint.url).hostname or ""), endpoint

    return acting.change(act, logged, tenant=tenant, object_=object_)
