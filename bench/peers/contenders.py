"""Who is compared: each server with the same people, started the same way."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.config import Config
from app.store.mongo.database import connect
from bench import loading
from bench.peers.environment import DJANGO_SCIM2, SCIM2_SERVER
from bench.peers.operation import Operation
from bench.peers.operations import operations
from bench.peers.populations import AtRoot, Numbered, population
from bench.people import Population
from bench.processes import ROOT, Server, gunicorn, serving

LOADING = 900.0
"""Seconds that a server may take to load a population."""
STORES_ON_DISK = (DJANGO_SCIM2,)


@dataclass(frozen=True)
class Contender:
    """A server that is compared."""

    name: str
    note: str
    """How it runs and what it stores, for its row."""
    server: Server
    operations: dict[str, Operation]
    token: str = ""
    """Empty for the bare app, whose answers are not SCIM: only their status is looked at."""


@dataclass(frozen=True)
class Place:
    """Where contenders are started."""

    folder: Path
    mongod: Server
    python: Path
    """The Python of the peers' environment."""
    users: int


def scimd(place: Place) -> contextlib.AbstractContextManager[Contender]:
    """Run scimd on the mongod, with a tenant of its own."""
    of = population(place.users)
    with contextlib.closing(connect(place.mongod.uri)) as database:
        token = loading.load_scimd(database, of)
        loading.prepare(database)
    settings = {"SCIMD_MONGODB_URI": place.mongod.uri, "SCIMD_RATE_LIMIT": "off"}
    running = gunicorn("app:create_app()", settings, place.folder / "scimd.log", "/healthz")
    return _contender("scimd", f"{_processes()}; MongoDB, each write waits for its journal", running, of, token)


def bare(place: Place) -> contextlib.AbstractContextManager[Contender]:
    """Run the bare Flask and PyMongo app, which speaks no SCIM, on the same mongod."""
    of = population(place.users)
    loading.load_bare(place.mongod.uri, of)
    running = gunicorn(
        "bench.bare:create_app()", {"SCIMD_MONGODB_URI": place.mongod.uri}, place.folder / "bare.log", "/users/0"
    )
    note = f"{_processes()}; MongoDB; Flask and PyMongo without SCIM, credentials, checks and a log"
    return _contender("bare", note, running, of, "")


def django_scim2(place: Place) -> contextlib.AbstractContextManager[Contender]:
    """Run a Django project with django-scim2 on SQLite."""
    of, token = population(place.users, Numbered), secrets.token_urlsafe()
    environment = {
        "DJANGO_SETTINGS_MODULE": "bench.peers.django_app.settings", "PEERS_TOKEN": token,
        "PEERS_DATABASE": str(place.folder / "django.sqlite3"),
    }
    loading_command = [str(place.python), "-m", "bench.peers.django_app.load", str(place.users)]
    subprocess.run(loading_command, cwd=ROOT, env={**os.environ, **environment}, check=True, timeout=LOADING)
    running = _serve(place, "django.core.wsgi:get_wsgi_application()", environment, DJANGO_SCIM2)
    note = (
        f"{_processes()}; SQLite (WAL), a write does not wait for the disk; no log; a lookup compares UPPER(username), "
        "for which its documentation has no index"
    )
    return _contender(DJANGO_SCIM2, note, running, of, token)


def scim2_server(place: Place) -> contextlib.AbstractContextManager[Contender]:
    """Run scim2-server, in one process: it has everything in memory."""
    of, token = population(place.users, AtRoot), secrets.token_urlsafe()
    environment = {"PEERS_USERS": str(place.users), "PEERS_TOKEN": token}
    running = _serve(place, "bench.peers.memory_app:create_app()", environment, SCIM2_SERVER, workers=1)
    note = f"{_processes(1)}; in memory, nothing is stored, so it cannot have more processes; no log"
    return _contender(SCIM2_SERVER, note, running, of, token)


CONTENDERS: tuple[Callable[[Place], contextlib.AbstractContextManager[Contender]], ...] = (
    scimd, bare, django_scim2, scim2_server,
)


def _serve(
    place: Place, application: str, environment: dict[str, str], name: str, workers: int = 0
) -> contextlib.AbstractContextManager[Server]:
    """Run a peer under gunicorn with as many workers and threads as scimd has, except where `workers` is given."""
    ours = _settings()
    command = [
        str(place.python), "-m", "gunicorn", "--config", str(Path(__file__).with_name("gunicorn.conf.py")),
        "--workers", str(workers or ours.workers), "--threads", str(ours.threads), application,
    ]
    log = place.folder / f"{name}.log"
    return serving(command, environment | {"PYTHONPATH": str(ROOT)}, log, "/v2/Users?count=1", LOADING)


@contextlib.contextmanager
def _contender(
    name: str, note: str, running: contextlib.AbstractContextManager[Server], of: Population, token: str
) -> Iterator[Contender]:
    with running as server:
        yield Contender(name, note, server, operations(of, token), token)


def _processes(workers: int = 0) -> str:
    ours = _settings()
    number = workers or ours.workers
    return f"{number} process{'es' if number > 1 else ''} of {ours.threads} threads"


def _settings() -> Config:
    return Config.from_environment(os.environ)
