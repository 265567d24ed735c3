"""A real server for all tests of the pages, and browsers of each role at it."""

from __future__ import annotations

import uuid

import pytest
from flask import Flask

from app.assembly import assemble
from app.config import Config
from app.store.mongo.database import Database
from tests.conftest import Server
from tests.console.browsing import Browser


@pytest.fixture
def pages(live_server: Server) -> Server:
    """The server."""
    return live_server


@pytest.fixture
def application(mongod: Database) -> Flask:
    """The application, to ask it for its routes."""
    return assemble(Config.from_environment({}), mongod)


@pytest.fixture
def operator(pages: Server) -> Browser:
    browser = Browser(pages)
    browser.be_in()
    return browser


@pytest.fixture
def viewer(pages: Server) -> Browser:
    browser = Browser(pages)
    browser.be_in("viewer", "bob")
    return browser


@pytest.fixture
def tenant(pages: Server) -> str:
    """The name of a new tenant."""
    name = f"t-{uuid.uuid4().hex[:12]}"
    pages.create_tenant(name, "gallery")
    return name
