"""scimd, a SCIM 2.0 service provider; `create_app` returns the WSGI application."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.config import Config
    from app.store.mongo.database import Database


def create_app(config: Config | None = None, database: Database | None = None) -> Flask:
    """Return the WSGI application.

    Without arguments, the settings come from the environment and the database from the settings. Raises ConfigError for
    an invalid setting and StoreError for a database that cannot be used. While the database does not answer, requests
    are answered with 503.
    """
    from app.assembly import assemble

    return assemble(config, database)
