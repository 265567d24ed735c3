"""Whatever a customer sends is text on the pages: 200 strings through each attribute that takes them, in a real browser."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import requests

from app.console.frame.shown import shown
from app.store.operators.visits import CONSOLE, Visits
from tests.console.test_log import ENTERPRISE, USER, Customer
from tests.console.test_people import GROUP

pytestmark = pytest.mark.browser

AWAY = "http://evil.example/x"
TAGS = [
    f"<script src={AWAY}></script>", "<script>alert(1)</script>", f"<img src={AWAY} onerror=alert(1)>", "<svg onload=alert(1)>",
    f"<iframe src={AWAY}></iframe>", f"<form action={AWAY}><button>Sign in", f"<base href={AWAY}>", f"<link rel=stylesheet href={AWAY}>",
    f"<meta http-equiv=refresh content='0;url={AWAY}'>", f"<object data={AWAY}>", f"<embed src={AWAY}>", "<details open ontoggle=alert(1)>",
    f"<video src={AWAY} onerror=alert(1)>", "<style>*{display:none}</style>", f"<a href={AWAY}>x</a>", "<textarea>", "<plaintext>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>", "<template shadowrootmode=open>", "<select><option>", "<title>",
    f"<section id=rows data-poll={AWAY}>", "<time datetime=x>", "<button data-copy=x>", "<form data-submit>", "<p data-secret>",
    "<div style=position:fixed;inset:0>", "<!--", "-->", "<![CDATA[", "]]>", "</td></tr></table>", "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>", "</body></html>", "<bdo dir=rtl>x", "<input autofocus onfocus=alert(1)>",
]
ENDS = ['"', "'", "`", '">', "'>", '"/>', '" onmouseover=alert(1) x="', "' autofocus onfocus=alert(1) x='", "\" style=x \""]
OTHERS = [
    "javascript:alert(1)", "data:text/html,<script>alert(1)</script>", "//evil.example", "{{7*7}}", "{% raw %}", "{# x #}", "${7*7}",
    "#{7*7}", "<%= 7*7 %>", "%3Cscript%3E", "&lt;script&gt;", "&#60;img&#62;", "&", "&amp;amp;", "\\u003cscript\\u003e", "\\x3c",
    "a\u2028b", "a\u2029b", "\u202egpj.exe", "\u2066x\u2069", "\u200bzero", "a\u200db", "\ufeffx", "\u00adsoft", "\u0300", "é" * 20,
    "İ", "ﷺ", "𝕏", "👩\u200d💻", "\ue000", "x" * 201, "<b>" * 100, "=1+1", "' or 1=1", "$where", '{"$gt":""}', "../../etc/passwd", "\ttab",
    "\x7f", "\u0085", "null", "undefined", "__proto__",
]
CORPUS = [*TAGS, *ENDS, *OTHERS]
CORPUS += [f"{end}{tag}" for end in ENDS[:3] for tag in TAGS][: 200 - len(CORPUS)]
PLAIN = "plain"
SIGNATURES = """() => [...document.querySelectorAll("*")].map(each =>
  [each.localName, ...[...each.attributes].map(one => one.name).sort()].join(" "))"""
LISTED = "() => [...document.querySelectorAll('main dd, main td a bdi, main td > bdi, main h1 bdi')].map(each => each.textContent)"
ALLOWED = {"details", "summary", "a href title"}
"""What a long value adds."""


def attributes(text: str, end: str) -> dict[str, Any]:
    """The attributes of a user that take any text, with this one; `end` keeps names apart."""
    element = {"value": text, "display": text, "type": text, "primary": True}
    return {
        "userName": f"{text}{end}", "externalId": f"{text}{end}", "displayName": text, "nickName": text, "title": text,
        "userType": text, "name": dict.fromkeys(("givenName", "familyName", "formatted", "middleName", "honorificPrefix"), text),
        "phoneNumbers": [element], "roles": [element], "entitlements": [element], "ims": [element], "emails": [element],
        "addresses": [dict.fromkeys(("streetAddress", "locality", "region", "postalCode", "formatted", "type"), text)],
        ENTERPRISE: dict.fromkeys(("department", "division", "organization", "costCenter", "employeeNumber"), text),
    }


def send(customer: Customer, text: str) -> str:
    """Provision a user with a text in each attribute, and a group; return the user's id, or "" if it was refused."""
    end = uuid.uuid4().hex[:8]
    headers = {"Authorization": f"Bearer {customer.token}", "User-Agent": text.encode("ascii", "ignore").decode().strip() or "x"}
    headers["User-Agent"] = "".join(each for each in headers["User-Agent"] if each.isprintable()).strip() or "x"
    body = {"schemas": [USER, ENTERPRISE], "active": True} | attributes(text, end)
    answer = requests.post(f"{customer.url}/Users", json=body, headers=headers, timeout=30)
    group = {"schemas": [GROUP], "displayName": f"{text}{end}", "externalId": end}
    requests.post(f"{customer.url}/Groups", json=group, headers=headers, timeout=30)
    return answer.json()["id"] if answer.status_code == 201 else ""


@pytest.fixture
def visited(window: Any, pages: Any):
    """Opens pages, each few by another visit, since one may ask for 20 a second."""
    asked = []

    def go(path: str) -> Any:
        if len(asked) % 25 == 0:
            secret, _ = Visits(pages.database).open(kind=CONSOLE, who="alice", role="operator")
            window.context.clear_cookies()
            window.context.add_cookies([{
                "name": "__Host-scimd-console", "value": secret, "domain": "127.0.0.1", "path": "/", "secure": True,
                "httpOnly": True, "sameSite": "Lax",
            }])
        asked.append(path)
        window.page.goto(f"{pages.url}{path}", wait_until="domcontentloaded")
        return window.page

    return go


def test_ca_01_what_customers_send_is_text_and_nothing_else(visited, window, customer) -> None:
    assert len(CORPUS) == len(set(CORPUS)) == 200
    dialogs: list[str] = []
    window.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    known = baseline(visited, customer)
    people = {text: send(customer, text) for text in CORPUS}
    assert sum(map(bool, people.values())) >= 170, [text for text, its_id in people.items() if not its_id]
    for text, its_id in people.items():
        if its_id:
            page = visited(f"{customer.page}/people/{its_id}")
            assert set(page.evaluate(SIGNATURES)) - known <= ALLOWED, text
            listed = page.evaluate(LISTED)
            assert shown(text)[:200] in [each[:200] for each in listed], (text, listed)
    customer.moved(400)
    for path, collection in (("people", "users"), ("groups", "groups"), ("log", "events")):
        page, rows = visited(f"{customer.page}/{path}"), 0
        while True:
            assert set(page.evaluate(SIGNATURES)) - known <= ALLOWED, path
            rows += page.locator("main tbody tr").count()
            following = page.locator("main a.button", has_text="Next 50" if path != "log" else "Older")
            if not following.count():
                break
            page = visited(following.get_attribute("href"))
        # A comment or a textarea that was opened would hide the rest of the page.
        assert rows == customer.pages.database.db[collection].count_documents({"tenant": customer.name})
    refused = [each["_id"] for each in customer.pages.database.db.events.find({"tenant": customer.name, "failed": True})]
    for event in refused[:40]:
        assert set(visited(f"{customer.page}/log/{event}").evaluate(SIGNATURES)) - known <= ALLOWED, event
    assert dialogs == []


def test_ca_01_what_is_typed_into_boxes_is_text_and_nothing_else(visited, window, customer) -> None:
    known = baseline(visited, customer)
    boxes = ("person", "credential", "cause", "attribute", "older", "newer", "operation", "q")
    for start in range(0, len(CORPUS), len(boxes)):
        typed = dict(zip(boxes, CORPUS[start:], strict=False))
        query = "&".join(f"{name}={requests.utils.quote(text, safe='')}" for name, text in typed.items())
        for path in (f"{customer.page}/log", f"{customer.page}/people"):
            page = visited(f"{path}?{query}")
            assert set(page.evaluate(SIGNATURES)) - known <= ALLOWED, (path, typed)


def baseline(visited: Any, customer: Customer) -> set[str]:
    """The elements with their attributes that the pages have of harmless values."""
    plain = send(customer, PLAIN)
    send(customer, "y" * 300)
    customer.user("plain@x.org", name={})
    customer.moved(7)
    events = [each["_id"] for each in customer.pages.database.db.events.find({"tenant": customer.name})]
    paths = [f"people/{plain}", "people", "people?q=nobody", "people?q=plain", "groups", "log", "log?person=nobody&from=2020-01-01&cause=x"]
    paths += [f"log/{event}" for event in events]
    found: set[str] = set()
    for path in (*(f"{customer.page}/{each}" for each in paths), "/console/find", "/console/find?q=plain", "/console/find?q=none-x"):
        found |= set(visited(path).evaluate(SIGNATURES))
    return found
