"""Whatever a customer sends is text on the pages: 200 strings through each attribute that takes them, in a real browser."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import requests

from app.console.frame.shown import shown
from app.store.operators.visits import CONSOLE, Visits
from tests.conftest import Server
from tests.console.test_log import ENTERPRISE, USER, Customer
from tests.console.test_people import GROUP

pytestmark = pytest.mark.browser

AWAY = "http://evil.example/x"
COOKIE = "__Host-scimd-console"
WORKBENCH = "/workbench"
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
SIGNATURES = """all => [...(all || document).querySelectorAll("*")].map(each =>
  [each.localName, ...[...each.attributes].map(one => one.name).sort()].join(" "))"""
LISTED = """all => [...all.querySelectorAll('main dd, main td a bdi, main td > bdi, main h1 bdi')].map(
  each => each.textContent)"""
WRITTEN = f"""async text => {{
  const frame = document.createElement("iframe");
  frame.srcdoc = text;
  const loaded = new Promise(done => frame.addEventListener("load", done));
  document.body.append(frame);
  await loaded;
  const found = [({SIGNATURES})(frame.contentDocument), ({LISTED})(frame.contentDocument)];
  frame.remove();
  return found; }}"""
"""Loads a page into a frame, without the policy that its response has, and returns what is in it."""
ALLOWED = {"details", "summary", "a href title", "bdi class", "code", "code title"}
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


class Visitor:
    """Opens pages, each few by another visit, since one may ask for 20 a second."""

    def __init__(self, window: Any) -> None:
        self._window = window
        self._server: Server = window.server
        self._asked = 0
        self._secret = ""

    def __call__(self, path: str) -> Any:
        """Go to a page."""
        self._come_in()
        self._window.page.goto(f"{self._server.url}{path}", wait_until="domcontentloaded")
        return self._window.page

    def written(self, path: str, status: int = 200) -> tuple[set[str], list[str]]:
        """Return the signatures of a page and what it lists, which the browser reads as it reads one that it goes to.

        That takes a fifth of the time, and a script that was let in would run: no policy forbids it.
        """
        self._come_in()
        if not self._window.page.url.endswith(WORKBENCH):
            self._go_to_workbench()
        headers = {"Cookie": f"{COOKIE}={self._secret}"}
        answer = requests.get(f"{self._server.url}{path}", headers=headers, allow_redirects=False, timeout=30)
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8"), (path, answer.text)
        signatures, listed = self._window.page.evaluate(WRITTEN, answer.content.decode())
        return set(signatures), listed

    def _go_to_workbench(self) -> None:
        """Go to an empty page of the same site that has no policy; the server knows nothing of it."""
        empty, url = '<!doctype html><link rel="icon" href="data:,"><body>', f"{self._server.url}{WORKBENCH}"
        self._window.page.route(url, lambda route: route.fulfill(body=empty, content_type="text/html"))
        self._window.page.goto(url)
        self._window.page.unroute(url)

    def _come_in(self) -> None:
        if self._asked % 25 == 0:
            self._secret, _ = Visits(self._server.database).open(kind=CONSOLE, who="alice", role="operator")
            self._window.context.clear_cookies()
            self._window.context.add_cookies([{
                "name": COOKIE, "value": self._secret, "domain": "127.0.0.1", "path": "/", "secure": True, "httpOnly": True,
                "sameSite": "Lax",
            }])
        self._asked += 1


@pytest.fixture
def visited(window: Any) -> Visitor:
    return Visitor(window)


def test_ca_01_what_customers_send_is_text_and_nothing_else(visited, window, customer) -> None:
    assert len(CORPUS) == len(set(CORPUS)) == 200
    dialogs: list[str] = []
    window.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    known = baseline(visited, customer)
    people = {text: send(customer, text) for text in CORPUS}
    assert sum(map(bool, people.values())) >= 170, [text for text, its_id in people.items() if not its_id]
    for text, its_id in people.items():
        if its_id:
            signatures, listed = visited.written(f"{customer.page}/people/{its_id}")
            assert signatures - known <= ALLOWED, text
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
        assert visited.written(f"{customer.page}/log/{event}")[0] - known <= ALLOWED, event
    assert dialogs == []


def test_ca_01_what_is_typed_into_boxes_is_text_and_nothing_else(visited, window, customer) -> None:
    known = baseline(visited, customer)
    boxes = ("person", "credential", "cause", "attribute", "from", "to", "operation", "q")
    for start in range(0, len(CORPUS), len(boxes)):
        typed = dict(zip(boxes, CORPUS[start:], strict=False))
        query = "&".join(f"{name}={requests.utils.quote(text, safe='')}" for name, text in typed.items())
        for path, status in ((f"{customer.page}/log", 422), (f"{customer.page}/people", 200)):
            assert visited.written(f"{path}?{query}", status)[0] - known <= ALLOWED, (path, typed)
        place = requests.utils.quote(CORPUS[start], safe="")
        assert visited.written(f"{customer.page}/log?older={place}", 400)[0] - known <= ALLOWED, CORPUS[start]


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
    for query, status in (("from=x&to=x", 422), ("older=x", 400)):
        found |= visited.written(f"{customer.page}/log?{query}", status)[0]
    return found
