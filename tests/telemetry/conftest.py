"""A server that serves metrics."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Server, free_port, make_server, new_database
from tests.processes import until
from tests.telemetry.scraping import listens


@pytest.fixture(scope="module")
def metered(tmp_path_factory: pytest.TempPathFactory, mongod_uri: str) -> Iterator[Server]:
    """Return a server of two workers that serves metrics."""
    settings = {"SCIMD_WORKERS": "2", "SCIMD_METRICS_BIND": f"127.0.0.1:{free_port()}"}
    server = make_server(tmp_path_factory.mktemp("metered"), **settings, SCIMD_MONGODB_URI=new_database(mongod_uri))
    server.start()
    until(lambda: listens(server))
    yield server
    if server.process and server.process.poll() is None:
        assert server.stop() == 0


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory, mongod_uri: str) -> Iterator[Server]:
    """Return a server that serves metrics and has the lowest rate limit that can be set."""
    settings = {"SCIMD_WORKERS": "2", "SCIMD_RATE_LIMIT": "25", "SCIMD_METRICS_BIND": f"127.0.0.1:{free_port()}"}
    server = make_server(tmp_path_factory.mktemp("limited"), **settings, SCIMD_MONGODB_URI=new_database(mongod_uri))
    server.start()
    until(lambda: listens(server))
    yield server
    assert server.stop() == 0
