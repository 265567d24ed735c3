"""Customers are added, suspended and deleted, setup links are made, and acts are listed: by pages, as by commands."""

from __future__ import annotations

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from app.store.accounts.tenants import Tenants
from app.store.mongo.moments import now
from app.store.operators.audit import AuditLog
from app.store.operators.visits import SETUP
from tests.console.browsing import Browser
from tests.console.test_log import Customer


def name() -> str:
    return f"c-{uuid.uuid4().hex[:12]}"


def test_a_customer_is_added(pages, operator) -> None:
    new = name()
    assert operator.get("/console/customers/new").form()["profile"] == "gallery"
    shown = operator.post("/console/customers/new", {"name": new, "profile": "interop"})
    assert (shown.heading, "has been created" in shown.main) == (new, True)
    here = f"/console/customers/{new}"
    assert shown.tree.xpath("//*[@role='status'][contains(., 'has been created')]/a/@href") == [f"{here}/links", f"{here}/credentials"]
    for elsewhere in ("/console", "/console/acts"):
        assert operator.get(f"{elsewhere}?done=added").status == 200
    assert Tenants(pages.database).get(new).profile == "interop"
    (act,) = AuditLog(pages.database).find(tenant=new)
    assert (act["act"], act["who"], act["how"], act["outcome"]) == ("tenant create", "alice", "console", "done")


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"name": "Not A Name"}, "cannot be a name"), ({"name": "console"}, "reserves"), ({"name": ""}, "cannot be"),
    ({"profile": "other"}, "no profile"), ({"name": "{taken}"}, "is taken"),
])
def test_co_42_a_name_that_cannot_be_is_said(pages, operator, tenant, changes, sentence) -> None:
    typed = {"name": name(), "profile": "gallery"} | {key: text.format(taken=tenant) for key, text in changes.items()}
    shown = operator.post("/console/customers/new", typed)
    assert (shown.status, shown.main.count(sentence)) == (422, 1)
    assert "tenant" not in shown.main and shown.main.count("1 to 63") <= 1
    assert shown.form()["name"] == typed["name"]
    (field,) = shown.tree.xpath("//*[@role='alert']//a/@href")
    assert sentence in shown.texts(f"//*[@id='{field[1:]}-fault']")[0]


def test_a_customer_is_suspended_and_resumed(pages, operator, tenant) -> None:
    page = f"/console/customers/{tenant}/state"
    assert "refused with 403" in operator.get(page).main
    assert "are refused" in operator.post(page, {"act": "suspend"}).main
    assert Tenants(pages.database).get(tenant).suspended
    assert "accepted again" in operator.post(page, {"act": "resume"}).main
    assert not Tenants(pages.database).get(tenant).suspended


def test_co_33_a_customer_is_deleted_when_its_name_is_typed(pages, operator, tenant) -> None:
    page = f"/console/customers/{tenant}/state"
    for typed in ("", "other", tenant.upper()):
        assert operator.post(page, {"act": "delete", "name": typed}).status == 422
        assert Tenants(pages.database).get(tenant)
    assert operator.post(page, {"act": "delete", "name": tenant}).heading == "Customers"
    assert Tenants(pages.database).get(tenant) is None
    assert operator.get(page).status == 404
    assert pages.database.db.tenants.find_one({"_id": tenant})["deleted_at"]


def test_ca_15_a_customer_that_is_gone_between_page_and_post(pages, operator, tenant) -> None:
    page = f"/console/customers/{tenant}/links"
    form = operator.get(page).form()
    pages.command("tenant", "delete", tenant, "--yes")
    assert operator.post(page, form).status == 404


def test_a_setup_link_is_made_shown_once_and_revoked(pages, operator, tenant) -> None:
    page = f"/console/customers/{tenant}/links"
    form = operator.get(page).form() | {"code": "yes"}
    shown = operator.post(page, form)
    (link,) = re.findall(rf"{pages.url}(/setup/enter/[\w-]+)", shown.response.text)
    (code,) = shown.texts("//*[@id='made-2']")
    assert f"is a secret: with it and the code, anyone can create a Secret Token for {tenant}" in shown.main
    assert "shown already" in operator.post(page, form).main
    person = Browser(pages, SETUP)
    assert person.post(link, {"code": code}, follow="no").status == 303
    (row,) = operator.get(page).texts("//tbody/tr")
    assert "with a code" in row and "1 time" in row
    (revoke,) = operator.get(page).tree.xpath("//form[.//input[@value='revoke']]//input[@name='id']/@value")
    operator.post(page, {"act": "revoke", "id": revoke})
    assert person.get("/setup").status == 401
    assert "No setup links" in operator.get(page).main
    status = operator.post(page, operator.get(page).form() | {"role": "status"}).main
    assert f"is a secret: with it, anyone can see the state and the refusals of {tenant}" in status and "Secret Token" not in status


def test_ca_07_eight_posts_at_once_make_no_more_than_five(pages, operator, tenant) -> None:
    page = f"/console/customers/{tenant}/links"
    forms = [operator.get(page).form() for _ in range(8)]

    def post(form):
        return operator.post(page, form).status

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(post, forms)) == [200] * 5 + [422] * 3
    assert len(pages_links(pages).of_tenant(tenant)) == 5


def test_ca_04_a_link_of_another_customer_is_not_revoked(pages, operator, tenant) -> None:
    pages.create_tenant(other := name())
    secret, _ = pages_links(pages).make_setup(other, "setup", "alice", timedelta(hours=1))
    (link,) = pages_links(pages).of_tenant(other)
    assert operator.post(f"/console/customers/{tenant}/links", {"act": "revoke", "id": link.id}).status == 422
    assert pages_links(pages).get(secret, SETUP)


def pages_links(pages):
    from app.store.operators.links import Links

    return Links(pages.database)


def test_co_104_a_full_page_of_acts_is_small(pages, operator) -> None:
    of, moment = name(), now()
    pages.database.db.acts.insert_many([
        {"_id": f"{of}-{number:03}", "time": moment - timedelta(seconds=number), "role": "operator", "how": "console",
         "who": "alexandra.longfellow@operators.example.com", "address": "2001:db8:0:1::1234:5678", "tenant": of,
         "act": "client delete secret", "object": "client_0123456789abcdef", "request": "", "outcome": "failed",
         "reason": "This client has no such secret; perhaps another person has deleted it. " + "x" * 40} for number in range(60)
    ])
    shown = operator.get(f"/console/acts?customer={of}")
    assert len(shown.texts("//tbody/tr")) == 50
    assert len(shown.response.content) < 60_000


def test_acts_are_listed_in_pages_that_leave_nothing_out(pages, operator) -> None:
    of, moment = name(), now()
    rows = [
        {"_id": f"{of}-{number}", "time": moment - timedelta(seconds=number // 7), "who": f"person {number}",
         "role": "operator", "how": "console", "address": "", "tenant": of, "act": "token issue", "object": "",
         "request": "", "outcome": "done"} for number in range(130)
    ]
    pages.database.db.acts.insert_many(rows)
    seen, shown = [], operator.get(f"/console/acts?customer={of}")
    while True:
        seen += re.findall(r"person \d+", shown.main)
        older = [link for link in shown.links() if "before=" in link]
        if not older:
            break
        shown = operator.get(older[0])
    assert sorted(seen) == sorted(row["who"] for row in rows)
    assert set(operator.get(f"/console/acts?customer={of}").texts("//td[@data-label='Act']")) == {"create a token"}
    assert operator.get("/console/acts?before=nonsense").status == 400
    assert "No matches" in operator.get(f"/console/acts?customer={name()}").main


def test_an_act_says_who_from_where_and_why_it_failed(pages, operator, tenant) -> None:
    page = f"/console/customers/{tenant}/links"
    operator.post(page, {"act": "revoke", "id": "0123456789ab"})
    secret, code = pages_links(pages).make_setup(tenant, "setup", "alice", timedelta(hours=1), coded=True)
    for given in (f"{(int(code) + 1) % 10**8:08}", code):
        Browser(pages, SETUP).post(f"/setup/enter/{secret}", {"code": given}, follow="no")
    entered, wrong, revoked = operator.get(f"/console/acts?customer={tenant}").texts("//tbody/tr")
    (link,) = pages_links(pages).of_tenant(tenant)
    assert f"an administrator of {tenant} setup link {link.id}, from 127.0.0.1 sign in by a setup link" in entered
    assert entered.endswith("done")
    assert f"setup link {link.id} setup, from 127.0.0.1 sign in by a setup link" in wrong and "administrator" not in wrong
    assert wrong.endswith("failed This is not the code that belongs to the link: 4 attempts left.")
    assert "alice console, from 127.0.0.1, operator revoke a setup link" in revoked
    assert revoked.endswith("failed There is no setup link 0123456789ab.")
    Browser(pages).post("/console/enter/never-made", follow="no")
    assert "unknown console" in operator.get("/console/acts").texts("//tbody/tr[.//span[.='failed']]")[0]


def test_d_570_a_reason_has_no_value_of_a_person(pages, operator) -> None:
    client = Customer(pages)
    deleted = client.user("taken@x.org").json()["id"]
    assert client.send("DELETE", f"/Users/{deleted}").status_code == 204
    assert client.user("taken@x.org").status_code == 201
    assert operator.post(f"{client.page}/deleted", {"id": deleted}).status in (409, 422)
    (act,) = AuditLog(pages.database).find(tenant=client.name)[-1:]
    assert (act["act"], act["outcome"], act["reason"]) == ("restore", "failed", "userName is taken")
