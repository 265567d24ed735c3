"""One tenant floods the service with slow filters and Bulks; another one's requests are answered all the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bench import loading
from bench.measurements import NOISY, QUIET, flooded
from tests.conftest import Server, free_port, make_server, new_database
from tests.processes import until
from tests.telemetry.scraping import listens, scrape

SECONDS = 3.0


@pytest.fixture
def server(tmp_path: Path, mongod_uri: str) -> Iterator[Server]:
    """Yield a server with the default limits, metrics, and the two tenants."""
    settings = {"SCIMD_WORKERS": "2", "SCIMD_RATE_LIMIT": "100", "SCIMD_METRICS_BIND": f"127.0.0.1:{free_port()}"}
    server = make_server(tmp_path, **settings, SCIMD_MONGODB_URI=new_database(mongod_uri))
    server.start()
    yield server
    assert server.stop() == 0, server.log.read_text()


@pytest.mark.long
def test_fa_09_one_tenant_cannot_take_the_service_from_another(server: Server) -> None:
    until(lambda: listens(server))
    credentials = {each.name: loading.load_scimd(server.database, each) for each in (NOISY, QUIET)}
    port = urlsplit(server.url).port
    assert port
    result = flooded(port, credentials, SECONDS)
    print(result)
    assert result["errors"] == 0
    assert result["requests"] > SECONDS
    assert result["flood"].keys() == {200, 429}, "the other one is served as well, as far as its share goes"
    lines = server.command("events", NOISY.name, "--failed", "--json").splitlines()
    refused = [line for line in map(json.loads, lines) if line["status"] == 429]
    assert 1 <= len(refused) <= 2, "a line a minute"
    assert "Too many" in refused[0]["detail"]
    labels = {frozenset(has) for name, has in scrape(server) if name == "scimd_rate_limited_total"}
    assert frozenset({("tenant", NOISY.name), ("limit", "scans")}) in labels
    assert not [each for each in labels if ("tenant", QUIET.name) in each]
