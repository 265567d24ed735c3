"""The database that the settings name, or else the private one."""

from __future__ import annotations

from app.config import Config
from app.store import embedded
from app.store.database import Database, connect


def open_database(config: Config, *, watch: bool = True) -> Database:
    """Give the database of these settings; raises StoreError where the private mongod cannot be started.

    `watch` says that this process stays, and may have to see to the private mongod.
    """
    uri = config.mongodb_uri or embedded.use(config.data_dir, watch=watch).uri()
    return connect(uri, threads=config.threads)
