"""What every command gets: the settings, and the database that they name, opened when it is first used."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import Context
from functools import cached_property

from app.config import Config
from app.errors import Unavailable
from app.store.accounts.tenants import Tenants
from app.store.directory.directory import Directory
from app.store.log.relay import drain_unless_running
from app.store.mongo.client import addresses
from app.store.mongo.database import REQUEST_SECONDS, Database, StoreError, budget
from app.store.mongo.failures import is_unreachable, took_too_long
from app.store.open import open_database, open_directory, outboxes, prepare

COMMAND_SECONDS = 60.0
"""The time for a command's database calls, unless it copies, deletes or follows a whole tenant."""


@contextmanager
def in_time(what: str) -> Iterator[None]:
    """Limit the database calls inside the block to `COMMAND_SECONDS`; raises Unavailable, which names `what` ran."""
    try:
        with budget(COMMAND_SECONDS):
            yield
    except Unavailable as error:
        why = error.detail
        if took_too_long(error.__cause__):
            why = f"The database did not finish within {COMMAND_SECONDS:g} seconds."
        raise Unavailable(f"{why} It was working on: {what}") from error


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
        """The database, checked to answer and to have transactions; raises StoreError, Unavailable."""
        database = self._given or open_database(self.config, watch=False)
        try:
            with budget(REQUEST_SECONDS):
                database.check()
        except Unavailable as error:
            if not is_unreachable(error.__cause__):
                raise
            hint = "Is it running, and is SCIMD_MONGODB_URI right?"
            if not self.config.mongodb_uri:
                hint = f"It is the private mongod; mongod.log and keeper.log in {self.config.data_dir}/mongodb say why."
            where = addresses(database.client) or "any address of the connection string"
            raise StoreError(
                f"No primary MongoDB answered within {REQUEST_SECONDS:g} seconds at {where}. {hint}"
            ) from error
        return database

    @cached_property
    def prepared(self) -> Database:
        """The database with its collections and indexes, which are created if they are missing.

        Raises ConfigError, StoreError, Unavailable.
        """
        Context().run(prepare, self.config, self.database)  # an index may take longer than a command
        return self.database

    def directory(self, tenant: str) -> Directory:
        """Return the directory of a tenant; raises NotFound."""
        return open_directory(self.config, self.database, Tenants(self.database).require(tenant))

    def relay(self) -> None:
        """Move the events of this command to the log, unless a server does."""
        with suppress(Unavailable):  # the next server does
            drain_unless_running(self.database, outboxes(self.config))

    def tenant_url(self, tenant: str) -> str:
        """Return the Tenant URL to paste into Entra."""
        return self.config.scim_url(tenant)

    def token_endpoint(self, tenant: str) -> str:
        """Return the OAuth token endpoint to paste into Entra."""
        return self.config.token_endpoint(tenant)
