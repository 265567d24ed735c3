"""Which customers need attention, and whether one is all right."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from app.advice.wording import day
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.mongo.moments import now
from tests.console.test_log import Customer
from tests.processes import until


@pytest.fixture
def customer(pages) -> Customer:
    return Customer(pages)


def row_of(shown, name: str) -> str:
    (row,) = [row for row in shown.texts("//table//tr") if row.startswith(name)]
    return row


def at(operator, name: str):
    """The page of the overview that begins with a customer."""
    return operator.get(f"/console?after={name[:-1]}{chr(ord(name[-1]) - 1)}")


def test_co_41_a_customer_that_never_came_says_what_to_do(operator, customer) -> None:
    shown = operator.get(customer.page)
    assert shown.heading == customer.name
    assert "Never connected" in shown.main
    assert f"No change has come in these 28 days, since {day(now() - timedelta(days=27))}." in shown.main
    assert shown.tree.xpath("//section[h2='28 days']//*[local-name()='svg']") == []
    assert customer.url in shown.main
    assert any(link.endswith("/links") for link in shown.links())


def test_a_customer_shows_its_figures_and_refusals_by_cause(pages, operator, customer) -> None:
    customer.user("ada@x.org")
    for number in range(3):
        customer.user(f"svc{number}@x.org", name={"familyName": "Backup", "formatted": "x"})
    customer.counted()
    shown = operator.get(customer.page)
    assert "3" in shown.texts("//section[h2='Changes refused in the last 7 days']//strong")
    assert "Users 1" in " ".join(shown.texts("//dl/*"))
    assert "name.givenName is missing" in shown.main
    (why,) = [link for link in shown.links() if "cause=" in link]
    assert len(operator.get(why).texts("//tbody/tr")) == 3
    moment = now()
    assert "4 changes, 3 of them refused" in shown.main and f"Most on one day: 4, on {day(moment)}." in shown.main
    assert shown.texts("//p[contains(@class, 'axis')]/span") == [day(moment - timedelta(days=27)), "today"]
    assert "refused today" in row_of(at(operator, customer.name), customer.name)


def test_who_needs_attention_is_at_the_top(pages, operator, customer) -> None:
    token, _ = Tokens(pages.database).issue(customer.name, lifetime=timedelta(days=6, hours=1))
    (first,) = [each for each in Tokens(pages.database).of_tenant(customer.name) if each.expires is None]
    Tokens(pages.database).revoke(first.id)
    customer.token = token
    customer.user("ada@x.org")
    customer.counted()
    shown = operator.get("/console")
    (line,) = [text for text in shown.texts("//main//li") if customer.name in text]
    assert "Expires in 6 days" in line and line.endswith(f"Renew of {customer.name}")
    assert f"{customer.page}/credentials" in shown.links()


def test_co_44_customers_come_in_pages_by_name(pages, operator) -> None:
    start = f"p{uuid.uuid4().hex[:8]}"
    names = [f"{start}-{number:03}" for number in range(101)]
    pages.database.db.tenants.insert_many([
        {"_id": name, "profile": "gallery", "created": now(), "suspended": False} for name in names
    ])
    try:
        first = operator.get(f"/console?after={start}")
        rows = [row.split()[0] for row in first.texts("//tbody/tr")]
        assert rows == names[:50]
        (following,) = [link for link in first.links() if "after=" in link]
        second = operator.get(following)
        assert [row.split()[0] for row in second.texts("//tbody/tr")] == names[50:100]
        (back,) = [link for link in second.links() if "before=" in link]
        assert [row.split()[0] for row in operator.get(back).texts("//tbody/tr")] == names[:50]
    finally:
        pages.database.db.tenants.delete_many({"_id": {"$in": names}})


def test_a_suspended_customer_says_so(pages, operator, customer) -> None:
    Tenants(pages.database).suspend(customer.name)
    assert "Suspended" in operator.get(customer.page).main
    assert "Suspended" in row_of(at(operator, customer.name), customer.name)


def test_d_600_a_customer_whose_last_token_was_revoked_is_locked_out_at_once(pages, operator, customer) -> None:
    customer.user("ada@x.org")
    customer.counted()
    assert "Healthy" in operator.get(customer.page).main
    (token,) = [each.id for each in Tokens(pages.database).of_tenant(customer.name)]
    operator.post(f"{customer.page}/credentials", {"act": "revoke", "kind": "token", "id": token})
    shown = operator.get(customer.page)
    assert "Locked out" in shown.main and f"The token {token} was revoked on" in shown.main
    assert [text for text in operator.get("/console").texts("//main//li") if customer.name in text and "Locked out" in text]
    until(lambda: customer.send("GET", "/Users").status_code == 401, pause=0.4)  # workers remember it for some seconds
    customer.counted()
    shown = operator.get(customer.page)
    assert f"was refused: The token was revoked. The token {token} was revoked on" in shown.main
    assert "Create one, and paste it into the identity provider." in shown.main
    (why,) = shown.tree.xpath("//main//a[.='Why']/@href")
    assert "The token was revoked" in operator.get(why).texts("//tbody/tr")[0]
    (line,) = [text for text in operator.get("/console").texts("//main//li") if customer.name in text]
    assert line.endswith(f"Renew of {customer.name}")
    _, fresh = Tokens(pages.database).issue(customer.name)
    assert f"The token {fresh.id} has not been used yet: paste it" in operator.get(customer.page).main
