"""An application that this process serves: a server without workers and threads, whose start takes 0.03 s and not 0.7."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app import create_app
from app.config import Config
from app.demo.serving import Place
from app.store.mongo.database import Database
from tests import tenants


@dataclass(frozen=True)
class Served:
    """The application; it has what tests use most of a `Server`."""

    url: str
    database: Database

    def create_tenant(self, name: str | None = None, profile: str = "gallery") -> tuple[str, str]:
        """Create a tenant, and return its SCIM URL and a token."""
        return tenants.create(self.database, self.url, name, profile)


@contextmanager
def served(database: Database, **settings: str) -> Iterator[Served]:
    """Serve an application with these settings on a port of its own."""
    place = Place()
    usual = {"SCIMD_PUBLIC_URL": place.url, "SCIMD_RATE_LIMIT": "off"}
    with place.serving(create_app(Config.from_environment(usual | settings), database)):
        yield Served(place.url, database)
