"""How many database commands a page takes, as an application in this process sends them."""

from __future__ import annotations

import logging

import structlog

from app.assembly import assemble
from app.config import Config
from app.store.mongo.database import connect
from app.store.mongo.monitoring import observe

_TRIES = 2
"""One request in twenty of a visit also takes a share of its limit from the database."""


class Commands:
    """An application whose commands are counted."""

    def __init__(self, uri: str) -> None:
        self._number = 0
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
        observe(self)
        self._config = Config.from_environment({})
        self._app = assemble(self._config, connect(uri))

    def number(self, path: str, cookie: str) -> int:
        """Return the number of commands of a page, with the one that reads the visit."""
        self._ask(path, cookie)
        return min(self._ask(path, cookie) for _ in range(_TRIES))

    def command(self, name: str, seconds: float, *, failed: bool) -> None:  # noqa: ARG002 - what an observer is told
        """Count a command."""
        self._number += name not in ("endSessions", "ping")

    def connections(self, change: int) -> None:
        """Count nothing."""

    def _ask(self, path: str, cookie: str) -> int:
        self._number = 0
        with self._app.test_client(use_cookies=False) as client:
            client.get(path, headers={"Cookie": cookie}, base_url=self._config.base_url)
        return self._number
