"""Records what commands do and who runs them: in the audit log, and in the tenant's log if a tenant is concerned."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from app.cli.connection import Connection
from app.store.log.event import Actor, Statuses
from app.store.mongo.database import Session
from app.store.operators.acting import Acting, Subject, TenantItself
from app.store.operators.audit import AuditEntry, Operator

__all__ = ["TenantItself", "acting", "actor", "audited", "audited_change", "operator"]

T = TypeVar("T")
HOW = "command line"


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
    with acting(connection).audited(name, tenant, object_) as entry:
        yield entry
    connection.relay()


def audited_change(
    connection: Connection, act: str, work: Callable[[Session], tuple[Subject, T]], *, tenant: str = "",
    object_: str = "",
) -> T:
    """Do `work` in one transaction with its entries in both logs (`Acting.change`), and return its result."""
    result = acting(connection).change(act, work, tenant=tenant, object_=object_)
    connection.relay()
    return result


def acting(connection: Connection) -> Acting:
    """Return what records the acts of this command."""
    return Acting(connection.database, operator(), connection.config.log_days, actor())
