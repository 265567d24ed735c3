"""The strings of the corpus where no attribute of the standard has them: schemas of one's own, labels, headers, long values."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from app.console.frame.shown import shown
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.operators.visits import SETUP, Visits
from tests.conftest import Server, make_server, new_database
from tests.console.browser.test_corpus import ALLOWED, CORPUS, PLAIN, SIGNATURES, visited
from tests.console.test_log import USER, Customer
from tests.processes import until

__all__ = ["visited"]
pytestmark = pytest.mark.browser
MORE = "urn:example:more:2.0:User"
SCHEMA = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": MORE, "name": "More",
    "attributes": [{"name": "notes", "type": "string", "multiValued": True}, {"name": "motto", "type": "string"}],
}
TEXTS = [text for text in CORPUS if text.strip()]
LONG = 8_192


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, mongod_uri: str) -> Iterator[Server]:
    """A server with a schema of its own."""
    folder = tmp_path_factory.mktemp("schemas")
    (folder / "more.json").write_text(json.dumps(SCHEMA))
    server = make_server(
        tmp_path_factory.mktemp("own"), SCIMD_WORKERS="1", SCIMD_SCHEMAS_DIR=str(folder), SCIMD_MONGODB_URI=new_database(mongod_uri),
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture
def pages(own: Server) -> Server:
    return own


@pytest.fixture
def customer(pages: Server) -> Customer:
    return Customer(pages)


@pytest.fixture(autouse=True)
def dialogs(window: Any) -> Iterator[list[str]]:
    """No dialog opens."""
    found: list[str] = []
    window.page.on("dialog", lambda dialog: (found.append(dialog.message), dialog.dismiss()))
    yield found
    assert found == []


def test_ca_01_attributes_of_schemas_of_ones_own(visited, customer) -> None:
    known = set()
    for number, notes in enumerate((["plain", "y" * 300], TEXTS[:100], TEXTS[100:])):
        more = {"schemas": [USER, MORE], MORE: {"notes": notes, "motto": notes[-1]}}
        answer = customer.user(f"{number}@x.org", **more)
        assert answer.status_code == 201, answer.text
        customer.logged(answer.json()["id"])
        kept = answer.json()[MORE]["notes"]
        page = visited(f"{customer.page}/people/{answer.json()['id']}?json=1")
        found = set(page.evaluate(SIGNATURES))
        known = known or found
        assert found - known <= ALLOWED
        listed = page.evaluate("() => [...document.querySelectorAll('dd bdi')].map(each => each.textContent)")
        assert {shown(text)[:200] for text in kept} <= {text[:200] for text in listed}


def test_ca_01_labels_of_credentials(visited, window, customer) -> None:
    tokens, paths = Tokens(customer.pages.database), (f"{customer.page}/credentials", customer.page, "/setup/tokens", "/setup")
    tokens.issue(customer.name, label=PLAIN)
    visited("/console")
    secret, _ = Visits(customer.pages.database).open(kind=SETUP, who="setup link x", role="setup", tenant=customer.name)
    window.context.add_cookies([{
        "name": "__Host-scimd-setup", "value": secret, "domain": "127.0.0.1", "path": "/", "secure": True, "httpOnly": True, "sameSite": "Lax",
    }])
    known = {path: set(visited(path).evaluate(SIGNATURES)) for path in paths}
    for text in TEXTS:
        tokens.issue(customer.name, label=text)
    for path in paths:
        page = visited(path)
        assert set(page.evaluate(SIGNATURES)) - known[path] <= ALLOWED, path
        labels = page.evaluate("() => [...document.querySelectorAll('main bdi')].map(each => each.textContent)")
        assert {shown(text)[:200] for text in TEXTS} <= {text[:200] for text in labels}, path


def test_ca_01_the_provider_of_a_customer_and_the_headers_of_a_request(visited, customer) -> None:
    tenants, known = Tenants(customer.pages.database), set()
    requests.get(f"{customer.url}/Users", headers={"Authorization": "Bearer x", "X-Request-Id": "plain", "User-Agent": "plain"}, timeout=30)
    customer.moved(1)
    denied = {"_id": customer.name, "denied": {"$exists": True}}
    until(lambda: customer.pages.database.db.pulses.find_one(denied))  # which the customer's page shows
    for number, text in enumerate([PLAIN, *TEXTS[:40]]):
        tenants.choose_provider(customer.name, text)
        sent = text.encode("ascii", "ignore").decode()
        headers = {"X-Request-Id": sent, "User-Agent": sent, "Authorization": f"Bearer {sent}"}
        headers = {name: re.sub(r"[^ -~]", "", value).strip() or "x" for name, value in headers.items()}
        assert requests.get(f"{customer.url}/Users", headers=headers, timeout=30).status_code == 401
        newest = customer.pages.database.db.events.find_one({"tenant": customer.name}, sort=[("time", -1), ("_id", -1)])
        found = set()
        for path in (customer.page, f"{customer.page}/log", f"{customer.page}/log/{newest['_id']}"):
            found |= visited.written(path)[0]
        known = known or found
        assert found - known <= ALLOWED, text
        assert re.fullmatch(r"[A-Za-z0-9._:-]{1,64}", newest["request"]), number


@pytest.mark.parametrize("piece", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "\u202e", "{{7*7}}"])
def test_ca_01_values_of_8192_characters(visited, customer, piece) -> None:
    known = set()
    for text in ("y" * LONG, (piece * LONG)[:LONG]):
        answer = customer.user(f"{uuid.uuid4()}@x.org", title=text, displayName=text)
        if answer.status_code != 201:  # the event has what was sent
            event = customer.pages.database.db.events.find_one({"tenant": customer.name, "failed": True}, sort=[("time", -1), ("_id", -1)])
            paths = [f"{customer.page}/log/{event['_id']}"]
        else:
            customer.logged(answer.json()["id"])
            paths = [f"{customer.page}/people/{answer.json()['id']}?json=1", f"{customer.page}/people", f"{customer.page}/log"]
        found = set()
        for path in paths:
            page = visited(path)
            found |= set(page.evaluate(SIGNATURES))
            assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), path
        known = known or found
        assert found - known <= ALLOWED
