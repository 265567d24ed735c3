"""Reports the commands and connections of the MongoDB client to an observer, for metrics."""

from __future__ import annotations

from typing import Protocol

from pymongo import monitoring


class Observer(Protocol):
    """Counts commands and connections."""

    def command(self, name: str, seconds: float, *, failed: bool) -> None:
        """Count a command that took `seconds`."""

    def connections(self, change: int) -> None:
        """Count a connection taken from the pool (1) or returned to it (-1)."""


def observe(observer: Observer) -> None:
    """Report every command and connection of clients that are created from now on."""
    monitoring.register(_Commands(observer))
    monitoring.register(_Pool(observer))


class _Commands(monitoring.CommandListener):
    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Ignore the event; a command is counted when it has ended."""

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        self._observer.command(event.command_name, event.duration_micros / 1e6, failed=False)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        self._observer.command(event.command_name, event.duration_micros / 1e6, failed=True)


class _Pool(monitoring.ConnectionPoolListener):
    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def connection_checked_out(self, event: monitoring.ConnectionCheckedOutEvent) -> None:
        self._observer.connections(1)

    def connection_checked_in(self, event: monitoring.ConnectionCheckedInEvent) -> None:
        self._observer.connections(-1)

    def _ignore(self, event: object) -> None:
        """Ignore an event that is not counted."""

    pool_created = pool_ready = pool_cleared = pool_closed = _ignore
    connection_created = connection_ready = connection_closed = _ignore
    connection_check_out_started = connection_check_out_failed = _ignore
