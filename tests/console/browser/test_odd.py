"""Odd names where pages have links and reasons: of managers, credentials, operators; with and without scripts."""

from __future__ import annotations

import uuid

import pytest

from app.store.accounts.tokens import Tokens
from app.store.operators.audit import FAILED, AuditLog, Operator
from tests.console.test_log import ENTERPRISE

pytestmark = pytest.mark.browser
HTML = '"><img src=x onerror=alert(1)><b>x</b>{{7*7}}</bdi></a>'
ODD = {"tags": HTML, "turned": "\u202egpj.exe\u2066\u200f", "long": "x" * 8_000, "words": "word " * 1_500, "urn": f"{ENTERPRISE}:" * 20}
OUTSIDE = """[...document.querySelectorAll("main *")].filter(each => !each.closest(".hidden, thead, pre")).filter(
  each => { const box = each.getBoundingClientRect(); return box.width && (box.left < 0 || box.right > innerWidth); }).length"""


@pytest.mark.parametrize("kind", ODD)
def test_ca_01_an_odd_name_is_text_in_a_link_and_moves_nothing(either_window, customer, kind) -> None:
    odd, database = ODD[kind], customer.pages.database
    customer.token, token = Tokens(database).issue(customer.name, label="x")
    database.db.tokens.update_one({"_id": token.id}, {"$set": {"label": odd}})
    boss = customer.user(f"boss-{uuid.uuid4().hex[:6]}@x.org", displayName=odd[:250], title=odd).json()
    ada = customer.user("ada2@x.org", **{ENTERPRISE: {"department": odd[:200], "manager": {"value": boss["id"]}}}).json()
    customer.user("refused@x.org", **{ENTERPRISE: {odd: odd}, "name": {"familyName": odd}})
    customer.moved(6)
    with AuditLog(database).begin(Operator(odd, "console"), "setup link", tenant=customer.name, object_=odd) as entry:
        entry.record(FAILED, reason=odd)
    refused = database.db.events.find_one({"tenant": customer.name, "failed": True}, sort=[("time", -1)])["_id"]
    here = customer.page
    pages = [f"{here}/log", f"{here}/people/{ada['id']}", f"{here}/people/{boss['id']}?json=1", f"{here}/log/{refused}",
             f"/console/acts?customer={customer.name}", f"{here}/people", f"{here}/credentials"]
    page = either_window.enter()
    for width in (1280, 360):
        page.set_viewport_size({"width": width, "height": 800})
        for path in pages:
            either_window.go(path)
            assert page.locator("main img, main b, main script").count() == 0, path
            assert "\u202e" not in page.content(), path
            assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), (path, width)
            assert page.evaluate(OUTSIDE) == 0, (path, width)
