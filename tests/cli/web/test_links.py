"""scimd console, scimd setup: links are printed once, and who is in is listed and ended."""

import pytest

from app.config import Config
from app.store.accounts.tenants import Tenants
from app.store.open import collections
from app.store.operators.audit import AuditLog
from app.store.operators.links import Links
from app.store.operators.visits import CONSOLE, SETUP, Visits


@pytest.fixture
def database(reused_database):
    reused_database.prepare(collections(Config.from_environment({})))
    Tenants(reused_database).create("contoso", "gallery")
    return reused_database


def secret_in(url, kind):
    start = f"https://scim.example.com/{kind}/enter/"
    assert url.startswith(start)
    return url.removeprefix(start).strip()


def test_co_20_a_console_link_is_printed_and_names_who_comes_in(scimd, database):
    done = scimd("console", "link", "--role", "viewer", "--as", "alice")
    link = Links(database).get(secret_in(done.out, CONSOLE), CONSOLE)
    assert (link.role, link.who) == ("viewer", "alice")
    assert "works once" in done.err
    (act,) = AuditLog(database).find()
    assert (act["act"], act["object"], act["outcome"]) == ("console link", "alice", "done")
    as_json = scimd("console", "link", "--json").json
    assert Links(database).get(secret_in(as_json["url"], CONSOLE), CONSOLE).role == "operator"
    assert scimd("console", "link", "--as", " ").status == 2
    assert scimd("console", "link", "--role", "boss").status == 2


def test_a_link_to_pages_that_are_not_served_is_printed_with_a_warning(scimd, database):
    warned = {}
    for value in ("on", "setup", "off"):
        scimd.settings["SCIMD_CONSOLE"] = value
        printed = [scimd("console", "link"), scimd("setup", "link", "contoso", "--json")]
        assert [each.status for each in printed] == [0, 0]
        warned[value] = ["Warning: " in each.err for each in printed]
    assert warned == {"on": [False, False], "setup": [True, False], "off": [True, True]}


def test_co_26_visits_are_listed_and_ended(scimd, database):
    assert "No one is signed in" in scimd("console", "visits").out
    secret, _ = Visits(database).open(kind=CONSOLE, who="alice", role="operator")
    Visits(database).open(kind=SETUP, who="setup link 1", role="setup", tenant="contoso")
    rows = {row["who"]: row for row in scimd("console", "visits", "--json").json}
    assert rows["setup link 1"]["tenant"] == "contoso"
    assert scimd("console", "end", rows["alice"]["id"]).out == "1 visit ended.\n"
    assert Visits(database).get(secret, CONSOLE) is None
    assert scimd("console", "end", rows["alice"]["id"]).status == 1
    assert scimd("console", "end").status == scimd("console", "end", "x", "--all").status == 2
    assert scimd("console", "end", "").status == scimd("console", "end", " ").status == 2, "a variable never set"
    assert scimd("console", "end", "--all").out == "1 visit ended.\n"
    acts = [(act["object"], act["outcome"]) for act in AuditLog(database).find() if act["act"] == "console end"]
    assert acts == [(rows["alice"]["id"], "done"), (rows["alice"]["id"], "failed"), ("all, 1", "done")]


def test_co_24_a_setup_link_is_printed_listed_and_revoked(scimd, database):
    made = scimd("setup", "link", "contoso", "--may", "status", "--expires", "1h", "--code", "--json").json
    secret = secret_in(made["url"], SETUP)
    assert (len(made["code"]), made["may"]) == (8, "status")
    (row,) = scimd("setup", "list", "contoso", "--json").json
    assert (row["id"], row["may"], row["opened"], row["code"]) == (made["id"], "status", 0, True)
    assert Links(database).enter(secret, SETUP, made["code"]).id == made["id"]
    visit, _ = Visits(database).open(kind=SETUP, who="x", role="status", tenant="contoso", link=made["id"])
    assert scimd("setup", "revoke", made["id"]).status == 0
    assert (Links(database).get(secret, SETUP), Visits(database).get(visit, SETUP)) == (None, None)
    assert scimd("setup", "revoke", made["id"]).status == 1
    assert "Create one: scimd setup link contoso" in scimd("setup", "list", "contoso").out


def test_co_86_an_application_gets_a_link_whose_visits_may_outlast_it(scimd, database):
    made = scimd("setup", "link", "contoso", "--expires", "5m", "--json").json
    printed = scimd("setup", "link", "contoso", "--expires", "5m").out
    handed, mailed = (Links(database).get(secret_in(url, SETUP), SETUP) for url in (made["url"], printed))
    assert (handed.last_visit, mailed.last_visit) == (None, mailed.expires)


def test_co_24_what_a_setup_link_cannot_be(scimd, database):
    assert scimd("setup", "link", "nobody").status == 1
    assert scimd("setup", "link", "contoso", "--expires", "4m").status == 2
    assert scimd("setup", "link", "contoso", "--expires", "31d").status == 2
    for _ in range(5):
        assert scimd("setup", "link", "contoso").status == 0
    sixth = scimd("setup", "link", "contoso")
    assert (sixth.status, "scimd setup list contoso" in sixth.err) == (1, True)
