"""Records what commands do and who runs them: in the audit log, and in the tenant's log if a tenant is concerned."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from app.cli.connection import Connection
from app.store.accounts.audit import AuditEntry, AuditLog, Operator
from app.store.accounts.tenants import log_of
from app.store.log.event import Actor, Event, Statuses
from app.store.log.events import Events, LogSettings
from app.store.mongo.database import Session

T = TypeVar("T")
HOW = "command line"


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


def operator() -> Operator:
    """Return the account that runs this command."""
    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:  # a container may run under a user id without a name
        name = f"uid {number}"
    return Operator(name, HOW, address=socket.gethostname())


def actor() -> Actor:
    """Return the actor for this command's changes in a tenant's log, with the statuses that HTTP would have."""
    return Actor(str(operator()), statuses=Statuses(created=201, shown=200, not_shown=204))


@contextmanager
def audited(connection: Connection, name: str, tenant: str, object_: str = "") -> Iterator[AuditEntry]:
    """Record the act that the block is, such as `tenant delete`, and its outcome."""
    with AuditLog(connection.database).begin(operator(), name, tenant=tenant, object_=object_) as entry:
        yield entry
    connection.relay()


def audited_change(
    connection: Connection, act: str, work: Callable[[Session], tuple[Subject, T]], *, tenant: str = "",
    object_: str = "",
) -> T:
    """Do `work` in one transaction with its entries in the audit log and in the tenant's log.

    `act` names the kind of what changes and the operation, such as `token revoke`. `work` returns what it changed and a
    result; the result is returned.
    """
    kind, _, operation = act.partition(" ")
    with audited(connection, act, tenant, object_) as entry:

        def logged(session: Session) -> T:
            subject, result = work(session)
            entry.tenant, entry.object = subject.tenant, subject.id
            event = Event(operation, resource_type=kind, resource_id=subject.id, name=subject.label)
            log = Events(connection.database, log_of(subject.tenant), LogSettings(connection.config.log_days))
            log.append(event, actor(), session)
            return result

        return entry.commit(logged)
