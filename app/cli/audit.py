"""Who runs a command, and the lines about it: one in `acts`, and one in the tenant's log where it concerns a tenant."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from app.cli.connection import Connection
from app.store.accounts.audit import AuditEntry, AuditLog, Operator
from app.store.log.events import Actor, Event, Events, Statuses
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
    """A tenant as what an operator changes."""

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
    except KeyError:  # a container may run under a number that has no name
        name = f"uid {number}"
    return Operator(name, HOW, address=socket.gethostname())


def actor() -> Actor:
    """Return who stands in a tenant's log for what this command does, and the statuses that it would have by HTTP."""
    return Actor(str(operator()), statuses=Statuses(created=201, shown=200, not_shown=204))


def act(connection: Connection, name: str, tenant: str, object_: str = "") -> AbstractContextManager[AuditEntry]:
    """Begin an act, such as `tenant delete`; what is done inside is settled at the end."""
    return AuditLog(connection.database).begin(operator(), name, tenant=tenant, object_=object_)


def change(
    connection: Connection, kind: str, operation: str, work: Callable[[Session], tuple[Subject, T]], *,
    tenant: str = "", object_: str = "",
) -> T:
    """Do `work`, with its line in the tenant's log and its act, as one transaction; return what it returns second."""
    with act(connection, f"{kind} {operation}", tenant, object_) as begun:

        def whole(session: Session) -> T:
            subject, result = work(session)
            begun.tenant, begun.object = subject.tenant, subject.id
            event = Event(operation, resource_type=kind, resource_id=subject.id, name=subject.label)
            log = Events(connection.database, subject.tenant, days=connection.config.log_days)
            log.append(event, actor(), session)
            return result

        return begun.commit(whole)
