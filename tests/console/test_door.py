"""The door of the web pages: links, visits, roles, and requests that other sites make a browser send."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import requests
from flask import Flask

from app.console.frame.access import MAY, Need
from app.store.accounts.tenant_deletion import TenantDeletion
from app.store.accounts.tenants import Tenants
from app.store.mongo.moments import aware, now
from app.store.operators.acting import Acting
from app.store.operators.audit import AuditLog, Operator
from app.store.operators.links import LinkActs, Links
from app.store.operators.visits import SETUP, Visits
from app.store.operators.visits import SPEC as VISITS
from tests.console.browsing import Browser, Shown

NOWHERE = "There is no such page, or it is not for you."
METHODS = ("GET", "POST")


def routes(app: Flask) -> list[tuple[str, str, Need | None]]:
    """Path, method and need of each page."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint.partition(".")[0] in ("console", "setup") and rule.methods:
            need = getattr(app.view_functions[rule.endpoint], "needs", None)
            found += [(rule.rule, method, need) for method in METHODS if method in rule.methods]
    return found


def at(path: str, tenant: str) -> str:
    """A path with something for each of its arguments."""
    return re.sub(r"<[^>]*>", "x", re.sub(r"<any\((\w+)[^>]*>", r"\1", path.replace("<customer>", tenant)))


def test_co_30_each_route_says_what_it_needs(application: Flask) -> None:
    assert routes(application)
    assert [route for route in routes(application) if route[2] is None] == []


def test_co_30_each_role_may_what_the_table_says(pages, application, operator, viewer, tenant) -> None:
    setting_up, status = Browser(pages, "setup"), Browser(pages, "setup")
    setting_up.enter_setup(tenant)
    status.enter_setup(tenant, "status")
    people = {"operator": operator, "viewer": viewer, "setup": setting_up, "status": status}
    for path, method, need in routes(application):
        if need is Need.NOBODY or path.endswith("/out"):
            continue
        for role, browser in people.items():
            # A field that no form has: who may come in is told so, and nothing is done.
            answer = browser.get(at(path, tenant)) if method == "GET" else browser.post(at(path, tenant), {"zzz": "1"})
            own = path.startswith("/console") == (role in ("operator", "viewer"))
            if not own or need not in MAY[role]:
                refused = 403 if own and method == "POST" and path.startswith("/console") else 404
                assert answer.status == (401 if path in ("/console", "/setup") else refused), path
                assert answer.status != 404 or NOWHERE in answer.main
            else:
                assert answer.status in (200, 303, 400, 404), (path, role, answer.status)
                assert answer.status != 404 or "x" in at(path, "").split("/"), path


@pytest.mark.parametrize(("accept", "status", "location"), [
    ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 303, "/console"), ("*/*", 404, None),
    ("application/scim+json", 404, None), ("", 404, None), ("\xff;q=x", 404, None),
])
def test_the_front_door_leads_a_browser_to_the_console_and_no_other_client(pages, accept, status, location) -> None:
    answer = requests.get(f"{pages.url}/", headers={"Accept": accept}, timeout=30, allow_redirects=False)
    assert (answer.status_code, answer.headers.get("Location")) == (status, location)
    assert status == 303 or answer.json()["status"] == "404"


def test_ca_04_who_is_not_in_sees_one_page_for_all(pages, tenant) -> None:
    nobody = Browser(pages)
    known, unknown = nobody.get(f"/console/customers/{tenant}"), nobody.get("/console/nothing/here")
    assert (known.status, unknown.status) == (404, 404)
    assert NOWHERE in known.main
    assert re.sub("[0-9a-f]{32}", "", known.response.text) == re.sub("[0-9a-f]{32}", "", unknown.response.text)
    assert nobody.get("/console").status == 401
    assert "scimd console link" in nobody.get("/console").main


def test_ca_04_a_setup_visit_opens_no_page_of_the_console(pages, tenant) -> None:
    browser = Browser(pages, "setup")
    assert browser.enter_setup(tenant).status == 303
    assert browser.get("/setup").status == 200
    browser.cookies["__Host-scimd-console"] = browser.cookies["__Host-scimd-setup"]
    assert browser.get("/console").status == 401
    assert browser.get(f"/console/customers/{tenant}").status == 404


def test_co_22_get_and_head_of_a_link_do_nothing(pages) -> None:
    secret = Links(pages.database).make_console("operator", "alice")
    for _ in range(20):
        assert Browser(pages).get(f"/console/enter/{secret}").heading == "Sign in to the console"
        requests.head(f"{pages.url}/console/enter/{secret}", timeout=30)
    assert Browser(pages).post(f"/console/enter/{secret}", follow="no").status == 303


def test_ca_06_a_link_is_good_once(pages) -> None:
    secret = Links(pages.database).make_console("operator", "alice")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: Browser(pages).post(f"/console/enter/{secret}", follow="no"), range(8)))
    assert sorted(answer.status for answer in answers) == [303] + [404] * 7
    gone = {answer.heading for answer in answers if answer.status == 404}
    assert gone == {"This link is no longer valid"}
    assert Browser(pages).get(f"/console/enter/{secret}").heading in gone
    assert Browser(pages).get("/console/enter/never-made").heading in gone


def test_ca_07_a_setup_link_works_after_fifty_scanners(pages, tenant) -> None:
    secret, _ = Links(pages.database).make_setup(tenant, "setup", "alice", timedelta(hours=1))
    for _ in range(50):
        Browser(pages, "setup").post(f"/setup/enter/{secret}", follow="no")
    person = Browser(pages, "setup")
    assert tenant in person.get(f"/setup/enter/{secret}").main
    assert person.post(f"/setup/enter/{secret}", follow="no").status == 303
    assert person.get("/setup").status == 200
    pages.command("setup", "revoke", Links(pages.database).of_tenant(tenant)[0].id)
    assert person.get("/setup").status == 401


def test_a_visit_that_begins_while_its_link_is_revoked_ends_with_it(application, mongod, monkeypatch) -> None:
    """Of eight links that six browsers opened again and again, three left a visit behind when they were revoked."""
    Tenants(mongod).create("contoso", "gallery")
    links, opened, open_visit = Links(mongod), [], Visits.open
    secret, _ = links.make_setup("contoso", "setup", "alice", timedelta(hours=1))

    def open_later(visits: Visits, **parts: Any) -> tuple[str, str]:
        acts = LinkActs(mongod, Acting(mongod, Operator("alice", "console"), 90))
        acts.revoke(links.of_tenant("contoso")[0].id)
        opened.append(open_visit(visits, **parts))
        return opened[0]

    monkeypatch.setattr(Visits, "open", open_later)
    answer = application.test_client().post(
        f"/setup/enter/{secret}", base_url="http://127.0.0.1:8000", headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert answer.status_code == 404 and "no longer valid" in answer.text
    assert Visits(mongod).get(opened[0][0], SETUP) is None
    tried = [each for each in AuditLog(mongod).find(tenant="contoso") if each["act"] == "setup sign-in"]
    assert [(each["outcome"], each["reason"]) for each in tried] == [("failed", "The link has ended at the same moment.")]


def test_the_code_page_counts_down_and_both_sides_are_told_that_the_link_has_ended(pages, operator, tenant) -> None:
    secret, code = Links(pages.database).make_setup(tenant, "setup", "alice", timedelta(hours=1), coded=True)
    person, entry, wrong = Browser(pages, "setup"), f"/setup/enter/{secret}", f"{(int(code) + 1) % 10**8:08}"
    assert "anyone who has it and the code can open" in person.get(entry).main
    for _ in range(6):
        assert "A code has eight digits; this was not counted." in person.post(entry, {"code": "12"}).main
    said = [person.post(entry, {"code": wrong}).main for _ in range(4)]
    assert [each for text in said for each in re.findall(r"\d attempts? left", text)] == ["4 attempts left", "3 attempts left", "2 attempts left", "1 attempt left"]
    for given in (wrong, code):
        ended = person.post(entry, {"code": given})
        assert (ended.status, ended.heading) == (404, "This link is no longer valid")
        assert "It ended after five wrong codes." in ended.main and tenant not in ended.main
        assert ended.texts("//*[@role='alert']") == [], "there is no field to look at"
    assert "It ended after five wrong codes." in person.get(entry).main
    assert "five wrong" not in person.get("/setup/enter/never-made").main
    (row,) = operator.get(f"/console/customers/{tenant}/links").texts("//tbody/tr")
    assert "ended after five wrong codes" in row and "Revoke link" not in row
    acts = [each["reason"] for each in AuditLog(pages.database).find(tenant=tenant) if each["act"] == "setup sign-in"]
    assert len(acts) == 5 and acts[-1].endswith("the link, which has ended with it.")


def test_ca_07_a_visit_by_a_setup_link_ends_with_the_link(pages, tenant) -> None:
    links, visits = Links(pages.database), pages.database.db[VISITS.name]
    for handover in (False, True):
        lifetime = timedelta(minutes=20 if handover else 10)
        secret, _ = links.make_setup(tenant, "setup", "alice", lifetime, handover=handover)
        person = Browser(pages, "setup")
        assert person.post(f"/setup/enter/{secret}", follow="no").status == 303
        link = links.get(secret, SETUP)
        visit = visits.find_one({"link": link.id})
        assert (aware(visit["ends"]) == link.expires) is not handover
        pages.database.db.tickets.update_one({"_id": link.key}, {"$set": {"expires": now()}})
        assert person.get("/setup").status == 200
        assert Browser(pages, "setup").post(f"/setup/enter/{secret}").heading == "This link is no longer valid"
        visits.update_one({"link": link.id}, {"$set": {"ends": now()}})
        assert person.get("/setup").status == 401


def test_ca_07_a_link_is_not_good_for_another_customer_of_the_same_name(pages, tenant) -> None:
    secret, _ = Links(pages.database).make_setup(tenant, "setup", "alice", timedelta(hours=1))
    person = Browser(pages, "setup")
    assert person.post(f"/setup/enter/{secret}", follow="no").status == 303
    pages.command("tenant", "delete", tenant, "--yes")
    pages.database.db.tenants.update_one({"_id": tenant}, {"$set": {"deleted_at": now() - timedelta(minutes=5)}})
    pages.command("tenant", "create", tenant)
    assert person.get("/setup").status == 401
    assert Browser(pages, "setup").post(f"/setup/enter/{secret}").heading == "This link is no longer valid"


def test_ca_07_a_link_of_a_deleted_customer_is_not_good(pages, tenant) -> None:
    secret, _ = Links(pages.database).make_setup(tenant, "setup", "alice", timedelta(hours=1))
    TenantDeletion(pages.database).begin(tenant)
    person = Browser(pages, "setup")
    assert person.get(f"/setup/enter/{secret}").heading == "This link is no longer valid"
    assert person.post(f"/setup/enter/{secret}").heading == "This link is no longer valid"
    assert pages.database.db[VISITS.name].count_documents({"tenant": tenant}) == 0


@pytest.mark.parametrize("written", ["{0} {1}", " {0}-{1} ", "{0}\u00a0{1}", "{0}\u2013{1}"])
def test_co_24_a_code_may_be_written_in_two_groups(pages, tenant, written) -> None:
    secret, code = Links(pages.database).make_setup(tenant, "setup", "alice", timedelta(hours=1), coded=True)
    person, sent = Browser(pages, "setup"), written.format(code[:4], code[4:])
    assert person.post(f"/setup/enter/{secret}", {"code": sent}, follow="no").status == 303
    wrong = written.format(code[:4], f"x{code[4:]}")
    assert person.post(f"/setup/enter/{secret}", {"code": wrong}, follow="no").status == 422


def test_co_24_a_code_is_asked_for_and_the_fifth_wrong_one_ends_the_link(pages, tenant) -> None:
    secret, code = Links(pages.database).make_setup(tenant, "setup", "alice", timedelta(hours=1), coded=True)
    person = Browser(pages, "setup")
    assert "eight digits" in person.get(f"/setup/enter/{secret}").main
    other = {"code": f"{(int(code) + 1) % 10**8:08}"}
    wrong = person.post(f"/setup/enter/{secret}", other, follow="no")
    assert (wrong.status, "not the code" in wrong.main) == (422, True)
    assert Browser(pages, "setup").post(f"/setup/enter/{secret}", {"code": code}, follow="no").status == 303
    inside = Browser(pages, "setup")
    inside.post(f"/setup/enter/{secret}", {"code": code}, follow="no")
    assert inside.get("/setup").status == 200
    for _ in range(4):
        last = person.post(f"/setup/enter/{secret}", other, follow="no")
    assert last.heading == "This link is no longer valid"
    assert inside.get("/setup").status == 401, "what it has opened ends with it"


def test_ca_08_a_cookie_that_was_planted_or_is_old_lets_nobody_in(pages) -> None:
    browser = Browser(pages)
    browser.cookies["__Host-scimd-console"] = "planted"
    browser.enter()
    (given,) = browser.cookies.values()
    assert given != "planted"
    browser.post("/console/out", follow="no")
    assert browser.cookies == {}
    browser.cookies["__Host-scimd-console"] = given
    assert browser.get("/console").status == 401


def test_co_25_the_cookie_is_hidden_from_scripts_and_other_hosts(pages) -> None:
    answer = Browser(pages).enter()
    (cookie,) = answer.response.raw.headers.getlist("Set-Cookie")
    assert re.fullmatch(
        r"__Host-scimd-console=[\w-]{43}; Secure; HttpOnly; Path=/; SameSite=Lax", cookie
    ), cookie


@pytest.mark.parametrize("headers", [
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"},
    {"Origin": "null"}, {"Origin": "https://evil.example"}, {"Origin": "{url}0"}, {}, {"Origin": "https://{host}"},
])
def test_ca_02_another_site_cannot_post(pages, headers) -> None:
    browser = Browser(pages)
    browser.enter()
    (cookie,) = browser.cookies.items()
    host = pages.url.partition("://")[2]
    given = {name: value.format(url=pages.url, host=host) for name, value in headers.items()}
    sent = given | {"Cookie": "=".join(cookie)}
    answer = requests.post(f"{pages.url}/console/out", headers=sent, timeout=30, allow_redirects=False)
    assert answer.status_code == 403
    assert "did not come from one of our own pages" in answer.text
    assert browser.get("/console").status == 200


def test_ca_02_an_older_browser_is_known_by_its_origin(pages) -> None:
    browser = Browser(pages)
    browser.enter()
    cookie = "=".join(*browser.cookies.items())
    sent = {"Cookie": cookie, "Origin": pages.url}
    answer = requests.post(f"{pages.url}/console/out", headers=sent, timeout=30, allow_redirects=False)
    assert answer.status_code == 303


@pytest.mark.parametrize(("headers", "status"), [
    ({"Host": "evil.example"}, 400), ({"Host": "localhost"}, 400), ({"Host": "127.0.0.1.evil.example"}, 400),
    ({"X-Forwarded-Host": "evil.example"}, 200),
])
def test_ca_11_another_host_is_refused(pages, operator, headers, status) -> None:
    cookie = "=".join(*operator.cookies.items())
    answer = requests.get(f"{pages.url}/console", headers=headers | {"Cookie": cookie}, timeout=30)
    assert answer.status_code == status
    assert "evil" not in answer.text


@pytest.mark.parametrize("path", ["//evil.example", "/console//evil.example", "/console/%5Cevil", "/console?next=//evil"])
def test_ca_11_co_98_nothing_leads_elsewhere(pages, operator, path) -> None:
    answer = operator.get(path, follow="no")
    assert "evil" not in answer.response.headers.get("Location", "")


def test_ca_03_co_95_the_headers_forbid_frames_scripts_and_other_origins(pages, operator) -> None:
    for path in ("/console", "/console/nothing"):
        headers = operator.get(path).response.headers
        assert headers["Content-Security-Policy"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
            "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; "
            "trusted-types console"
        )
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "clipboard-write=(self)" in headers["Permissions-Policy"]


def test_co_41_every_error_is_a_page(pages, operator) -> None:
    assert operator.get("/console/nothing").status == 404
    put = requests.put(f"{pages.url}/console", headers={"Cookie": "=".join(*operator.cookies.items())}, timeout=30)
    assert (put.status_code, Shown(put).heading) == (405, "Not possible")
    long = operator.post("/console/out", {"zzz": "x" * 70_000})
    assert (long.status, Shown(long.response).heading) == (413, "Not possible")


def test_ca_14_guessed_links_are_slowed_down_and_noted_once(pages) -> None:
    browser = Browser(pages)
    answers = [browser.get(f"/console/enter/guess-{number}").status for number in range(140)]
    assert answers[0] == 404
    assert 429 in answers  # not always the last: two workers let one more in each second
    # Once a minute, be it for this link or for one of another test.
    noted = [act for act in AuditLog(pages.database).find() if act["act"].endswith("sign-in") and act["outcome"] == "failed" and not act["object"]]
    assert 1 <= len(noted) <= 4


def test_co_26_a_visit_ends_with_its_time_its_pause_and_by_command(pages) -> None:
    visits = pages.database.db[VISITS.name]
    for change in ({"ends": now()}, {"seen": now() - timedelta(minutes=31)}):
        browser = Browser(pages)
        browser.enter(who=str(change))
        assert browser.get("/console").status == 200
        visits.update_one({"who": str(change)}, {"$set": change})
        assert browser.get("/console").status == 401
    browser = Browser(pages)
    browser.enter(who="carol")
    pages.command("console", "end", visits.find_one({"who": "carol"})["_id"][:12])
    assert browser.get("/console").status == 401


def test_co_36_who_comes_in_is_in_the_acts(pages, tenant) -> None:
    Browser(pages).enter("viewer", "dora")
    Browser(pages, "setup").enter_setup(tenant)
    acts = {(act["act"], act["who"].partition(" ")[0], act["role"], act["how"]) for act in AuditLog(pages.database).find()}
    assert {("console sign-in", "dora", "viewer", "console"), ("setup sign-in", "setup", "setup", "setup")} <= acts


def test_co_99_the_log_has_no_link(pages) -> None:
    secret = Links(pages.database).make_console("operator", "alice")
    Browser(pages).get(f"/console/enter/{secret}?q=secret-query")
    Browser(pages).post(f"/console/enter/{secret}", follow="no")
    log = pages.log.read_text()
    assert "/console/enter/<secret>" in log
    assert secret not in log
    assert "secret-query" not in log
