"""Draws the pictures of docs/console.md: a page each, of a demo with two more customers; `make screenshots` runs it."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from app.store.operators.links import Links
from tests.conftest import Server, make_server
from tests.processes import until

FOLDER = Path(__file__).parents[3] / "docs/console"
PICTURES = {
    "console.overview": "/console",
    "console.customer": "/console/customers/demo",
    "console.customer_log": "/console/customers/demo/log",
    "console.customer_event": "/console/customers/demo/log/{event}",
    "console.people": "/console/customers/demo/people",
    "console.resource": "/console/customers/demo/people/{person}",
    "console.groups": "/console/customers/demo/groups",
    "console.deleted": "/console/customers/demo/deleted",
    "console.credentials": "/console/customers/demo/credentials",
    "console.links": "/console/customers/demo/links",
    "console.state": "/console/customers/demo/state",
    "console.feed": "/console/customers/demo/feed",
    "console.sign_on": "/console/customers/demo/sign-on",
    "console.new_customer": "/console/customers/new",
    "console.find": "/console/find?q=amara",
    "console.log": "/console/log",
    "console.acts": "/console/acts",
    "console.health": "/console/health",
    "setup.start": "/setup",
    "setup.provider": "/setup/provider",
    "setup.values": "/setup/values",
    "setup.test": "/setup/test",
    "setup.done": "/setup/done",
    "setup.tokens": "/setup/tokens",
    "setup.refused": "/setup/refused",
    "setup.refused_one": "/setup/refused/{event}",
}
"""Endpoint of a page -> its address; the file has the endpoint's name, with a hyphen for each dot and underscore."""
NO_PICTURE = {
    "console.enter", "setup.enter", "console.sign_on_start", "console.signed_on", "console.others", "console.event",
    "console.export_log", "console.export_acts", "setup.begin", "console.signed_out", "setup.signed_out",
}
"""Pages with one button or of the same look as another one, and files."""
WIDTH, TALLEST = 1280, 900
"""Pixels; what is below is left out of a picture."""
LOOK = {"viewport": {"width": WIDTH, "height": 400}, "color_scheme": "light", "locale": "en-GB", "timezone_id": "UTC"}


def file_of(endpoint: str) -> str:
    """Return the name of the file with a page's picture."""
    return f"{endpoint.replace('.', '-').replace('_', '-')}.png"


@contextlib.contextmanager
def demo(folder: Path, **settings: str) -> Iterator[Server]:
    """Yield a demo in which everything has arrived, beside a customer that has never connected and a suspended one."""
    server = make_server(folder, SCIMD_WORKERS="1", SCIMD_VENDOR="Example Ltd", SCIMD_SUPPORT="help@example.com", **settings)
    server.start("--demo")
    try:
        for name in ("contoso", "fabrikam"):
            server.command("tenant", "create", name)
        server.command("tenant", "suspend", "fabrikam")
        server.command("setup", "link", "demo")
        events = server.database.db.events
        until(lambda: events.find_one({"tenant": "demo", "operation": "delete"}) and events.find_one({"tenant": "demo", "status": 400}))
        until(lambda: server.database.db.days.find_one({"tenant": "demo", "refused": {"$gte": 2}}))
        yield server
    finally:
        server.stop()


def draw(chromium: Any, server: Server, folder: Path) -> None:
    """Draw all pictures into a folder."""
    database = server.database
    event = database.db.events.find_one({"tenant": "demo", "status": 400})["_id"]
    person = database.db.users.find_one({"tenant": "demo", "userName": "mei.lin@demo.example"})["_id"]
    links = Links(database)
    setup, _ = links.make_setup("demo", "setup", "alice", timedelta(hours=1))
    context = chromium.new_context(**LOOK)
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(f"{server.url}/console/enter/{links.make_console('operator', 'alice')}")
    page.wait_for_url(f"{server.url}/console")
    page.goto(f"{server.url}/setup/enter/{setup}")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(f"{server.url}/setup")
    for endpoint, path in PICTURES.items():
        answer = page.goto(server.url + path.format(event=event, person=person))
        assert answer.status == 200, (endpoint, answer.status)
        height = min(page.evaluate("document.documentElement.scrollHeight"), TALLEST)
        page.screenshot(path=folder / file_of(endpoint), full_page=True, clip={"x": 0, "y": 0, "width": WIDTH, "height": height})
    context.close()


def main() -> None:
    """Draw all pictures into the folder that is named, docs/console by default."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where pictures are drawn

    from tests.browsers import CHROMIUM  # noqa: PLC0415

    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, demo(Path(place)) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        draw(browser, server, folder)
        browser.close()


if __name__ == "__main__":
    main()
