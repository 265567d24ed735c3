"""scimd: a SCIM 2.0 service provider. `create_app` is the one place where the parts meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.config import Config
    from app.store.mongo.database import Database


def create_app(config: Config | None = None, database: Database | None = None) -> Flask:
    """Give the WSGI application; the settings come from the environment and the database from the settings.

    Raises ConfigError for a setting that cannot be, StoreError for a database that cannot be used as it is. One that
    does not answer yet is waited for: until then requests are answered with 503.
    """
    from app.assembly import assemble

    return assemble(config, database)
