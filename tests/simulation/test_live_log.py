"""A cycle of Entra while an operator's browser has the log live: at the end, the page shows what the log has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.console.frame.asked import ROWS
from app.store.operators.reports.lines import result
from tests.conftest import Server
from tests.console.browser.conftest import Window
from tests.entra.tenancy import database_of, new_tenant
from tests.processes import until
from tests.simulation.directory import Directory
from tests.simulation.entra import Entra
from tests.simulation.mapping import Default

pytestmark = pytest.mark.browser
LINES = """[...document.querySelectorAll('#rows tbody tr')].map(row => [
    row.querySelector('a[href*="/log/"]').pathname.split('/').at(-1), ...[1, 2].map(cell => row.cells[cell].textContent)])"""
Line = tuple[str, str, str]
"""The id of an event, what happened to whom, and the result, as the page shows them."""


@pytest.fixture
def window(chromium: Any, live_server: Server) -> Iterator[Window]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    yield (made := Window(context, live_server))
    context.close()
    assert made.wrong == []


def lines(page: Any) -> list[Line]:
    """Return the lines that the page shows."""
    return [tuple(" ".join(text.split()) for text in line) for line in page.evaluate(LINES)]


def line(event: dict[str, Any]) -> Line:
    """Return what a page must show of an event of the log."""
    resource = event["resource"]
    what = " ".join(f"{event['operation']} {resource['type']} {resource['name']}".split())
    return event["_id"], what, result(event)


def test_co_123_what_a_live_log_shows_after_a_cycle_is_what_the_log_has(live_server: Server, window: Window) -> None:
    where, source = new_tenant(live_server, "gallery"), Directory(people=60, teams=6)
    source.hire_nameless("scanner")  # refused
    tenant, db = where[0].split("/")[-3], database_of(live_server).db
    page = window.enter()
    window.go(f"/console/customers/{tenant}/log")
    page.evaluate("window.notLoadedAgain = true")
    window.loaded.clear()
    entra = Entra(*where, Default(), 1)
    entra.cycle(source)
    entra.close()
    assert len(entra.users) == 60 and len(entra.escrow) == 1
    pending = {"tenant": tenant, "_outbox.time": {"$exists": True}}
    until(lambda: not any(db[name].find_one(pending) for name in ("users", "groups")))
    logged = {event["_id"]: event for event in db.events.find({"tenant": tenant})}
    assert len(logged) > 3 * ROWS

    newest = sorted((event["time"] for event in logged.values()), reverse=True)[:ROWS]
    until(lambda: [logged[each]["time"] for each, *_ in lines(page)] == newest)
    assert page.evaluate("window.notLoadedAgain"), "the log was loaded as a page, not live"
    assert any("live=" in url for url, _ in window.loaded)
    shown = lines(page)
    while (older := page.get_by_role("link", name="Older", exact=True)).count():
        older.click()
        page.wait_for_load_state()
        shown += lines(page)
    assert sorted(shown) == sorted(map(line, logged.values()))
    times = [logged[each]["time"] for each, *_ in shown]
    assert times == sorted(times, reverse=True)
