"""A live part while the database is away: it asks less and less, says that it is not up to date, and comes back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Fault, Server, make_server, new_database
from tests.console.browser.conftest import Window
from tests.processes import until

pytestmark = pytest.mark.browser
PAUSES = """window.pauses = []; const real = window.setTimeout;
    window.setTimeout = (work, pause) => { pauses.push(pause); return real(work, 100); };"""
"""Notes what the script waits for, and lets it wait a moment only."""
READS = ["find", "findAndModify", "aggregate"]
AWAY = {"errorCode": 50}
"""MaxTimeMSExpired, which the driver does not try again: it would do so for as long as a request may take."""


@pytest.fixture
def name() -> str:
    """The name by which the server is known to the database."""
    return f"away-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def away(tmp_path: Path, mongod_uri: str, name: str) -> Iterator[Server]:
    server = make_server(tmp_path, SCIMD_MONGODB_URI=f"{new_database(mongod_uri)}&appname={name}", SCIMD_WORKERS="1")
    server.start()
    yield server
    server.stop()


def test_co_105_a_live_part_asks_less_and_less_while_the_database_is_away(
    chromium: Any, away: Server, fault: Fault, name: str
) -> None:
    context = chromium.new_context()
    window = Window(context, away)
    page = window.enter()
    page.add_init_script(PAUSES)
    window.go("/console/log")
    until(lambda: page.evaluate("pauses.length > 2"))
    assert set(page.evaluate("pauses")) == {2_000}
    with fault(READS, "alwaysOn", appName=name, **AWAY):
        page.wait_for_selector("text=Not up to date: trying again")
        until(lambda: page.evaluate("pauses.filter(pause => pause > 2000).length >= 7"))
    page.wait_for_selector("text=Not up to date: trying again", state="hidden")
    until(lambda: page.evaluate("pauses.at(-1) === 2000"))
    longer = [pause for pause in page.evaluate("pauses") if pause > 2_000]
    context.close()
    assert longer[:7] == [4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]
    assert set(longer[7:]) <= {60_000}
