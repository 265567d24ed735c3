"""What every command has at hand: the settings, and the database they name, opened when it is first used."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import Context
from functools import cached_property

from app.config import Config
from app.errors import Unavailable
from app.store.mongo.database import Database, budget
from app.store.mongo.failures import took_too_long
from app.store.open import open_database, prepare

COMMAND_SECONDS = 60.0
"""What a command may take of the database, unless it moves, deletes or follows a whole tenant."""


@contextmanager
def in_time(what: str) -> Iterator[None]:
    """Let the database take `COMMAND_SECONDS` for what is inside; raises Unavailable, which says `what` that was."""
    try:
        with budget(COMMAND_SECONDS):
            yield
    except Unavailable as error:
        why = error.detail
        if took_too_long(error.__cause__):
            why = f"The database did not finish within {COMMAND_SECONDS:g} seconds."
        raise Unavailable(f"{why} It was asked for: {what}") from error


class Connection:
    """The settings and the database of one run of `scimd`."""

    def __init__(self, environ: Mapping[str, str] | None = None, database: Database | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._given = database

    @cached_property
    def config(self) -> Config:
        """The settings; raises ConfigError."""
        return Config.from_environment(self._environ)

    @cached_property
    def database(self) -> Database:
        """The database, which answers and has transactions; raises StoreError, Unavailable."""
        database = self._given or open_database(self.config, watch=False)
        database.check()
        return database

    @cached_property
    def prepared(self) -> Database:
        """The database with its collections and indexes; nothing else may have made them yet.

        Raises ConfigError, StoreError, Unavailable.
        """
        Context().run(prepare, self.config, self.database)  # an index may take longer than a command
        return self.database

    def tenant_url(self, tenant: str) -> str:
        """Return what is pasted into Entra as Tenant URL."""
        return f"{self.config.base_url}/{tenant}/scim/v2"

    def token_endpoint(self, tenant: str) -> str:
        """Return what is pasted into Entra as OAuth token endpoint."""
        return f"{self.config.base_url}/{tenant}/oauth/token"
