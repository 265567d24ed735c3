"""The log: what happened, what was refused and why, in pages that leave nothing out, live, and found by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property

import pytest
import requests

from app.advice.explain import OF_PEOPLE
from app.config import Config
from app.protocol.cursor import Cursors
from app.protocol.profile import PROFILES
from app.provider import Provider
from app.queries import Queries
from app.schemas.returned import Projection
from app.schemas.tables.user import USER_TYPE
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.log.event import Actor, Event
from app.store.log.events import Events, LogSettings
from app.store.open import open_directory
from tests.console.browsing import Browser, Shown
from tests.processes import until
from tests.sending import send

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def as_sent(user_name: str) -> dict[str, object]:
    """A user as an identity provider sends it."""
    return {
        "schemas": [USER, ENTERPRISE], "userName": user_name, "externalId": f"x-{user_name}", "active": True,
        "displayName": user_name, "name": {"givenName": "Ada", "familyName": "Obi", "formatted": "Ada Obi"},
        "emails": [{"type": "work", "value": user_name, "primary": True}], "title": "Engineer",
        ENTERPRISE: {"department": "Sales"},
    }


class Customer:
    """A tenant with a client."""

    def __init__(self, pages) -> None:
        self.pages = pages
        self.url, self.token = pages.create_tenant(None, "gallery")
        self.name = self.url.split("/")[3]
        self.page = f"/console/customers/{self.name}"
        self.sent = 0

    def send(self, method: str, path: str, body=None, token: str = "") -> requests.Response:
        headers = {"Authorization": f"Bearer {token or self.token}"}
        self.sent += 1
        return send(method, self.url + path, json=body, headers=headers)

    def counted(self, number: int = 0) -> None:
        """Wait until the workers have added up so many requests, or all, which each worker does every two seconds."""
        until(lambda: sum(self._counts()) >= (number or self.sent))

    def _counts(self) -> Iterator[int]:
        for day in self.pages.database.db.days.find({"tenant": self.name}):
            for kinds in day["hours"].values():
                yield from kinds.values()

    def user(self, user_name: str, **changes) -> requests.Response:
        return self.send("POST", "/Users", as_sent(user_name) | changes)

    @cached_property
    def provider(self) -> Provider:
        """What changes people as the server does, without requests: they take half of the processor time."""
        database = self.pages.database
        directory = open_directory(Config.from_environment({}), database, Tenants(database).require(self.name))
        return Provider(directory, Queries(directory, Cursors(b"0" * 43 + b"="), self.name), PROFILES["gallery"], Actor())

    def users(self, *user_names: str) -> list[str]:
        """Create users without requests, and return their ids."""
        shown = Projection.parse(USER_TYPE, None, None)
        return [self.provider.create(USER_TYPE, as_sent(name), shown).resource["id"] for name in user_names]

    def moved(self, number: int) -> None:
        """Wait until the relay has moved so many events to the log."""
        until(lambda: self.pages.database.db.events.count_documents({"tenant": self.name}) >= number)

    def logged(self, resource_id: str) -> None:
        """Wait until the relay has moved an event of a resource to the log, which its page shows."""
        until(lambda: self.pages.database.db.events.find_one({"tenant": self.name, "resource.id": resource_id}))


@pytest.fixture
def customer(pages) -> Customer:
    return Customer(pages)


def rows(shown: Shown) -> list[str]:
    return shown.texts("//tbody/tr")


def test_what_operators_did_is_said_in_words(operator, customer) -> None:
    page = f"{customer.page}/links"
    operator.post(page, operator.get(page).form() | {"role": "status", "days": "1"})
    until(lambda: "create a setup link with the role status" in operator.get(f"{customer.page}/log").main)


def test_co_65_a_refused_user_is_explained_with_the_cure(operator, customer) -> None:
    assert customer.user("svc@x.org", name={"familyName": "Backup"}).status_code == 400
    (row,) = rows(operator.get(f"{customer.page}/log?failed=1"))
    assert "svc@x.org" in row and "refused" in row
    (why,) = [link for link in operator.get(f"{customer.page}/log").links() if re.search(r"/log/[\w-]+$", link)]
    shown = operator.get(why)
    assert shown.heading == "Why was this user refused?"
    assert "400 invalidValue" in shown.texts("//div[@class='head']")[0]
    assert shown.texts("//table//tr[td]/td[1]") == ["name.formatted", "name.givenName"]
    assert "Attribute Mapping" in shown.texts("//ol/li/strong")
    assert '"userName":"svc@x.org"' in shown.texts("//pre")[0].replace('": "', '":"')
    (others,) = [link for link in shown.links() if "cause=required" in link]
    assert len(rows(operator.get(others))) == 1


def test_a_change_shows_old_and_new(operator, customer) -> None:
    user = customer.user("ada@x.org").json()
    operations = [{"op": "replace", "path": "title", "value": "Lead"}]
    message = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations}
    assert customer.send("PATCH", f"/Users/{user['id']}", message).status_code < 300
    customer.moved(2)
    newest, oldest = rows(operator.get(f"{customer.page}/log"))
    assert "title: Engineer → Lead" in newest
    assert "create User ada@x.org" in oldest
    link = operator.get(f"{customer.page}/log").tree.xpath("(//tbody//a[contains(@href, '/log/')]/@href)[1]")[0]
    shown = operator.get(link)
    assert shown.texts("//table//tr/td") == ["title", "Engineer", "Lead"]


def test_a_line_leads_to_whom_it_is_about_and_to_the_credential_by_its_label(pages, operator, customer) -> None:
    customer.token, token = Tokens(pages.database).issue(customer.name, label="Entra 2026")
    ada = customer.user("ada@x.org").json()["id"]
    customer.user("svc@x.org", name={"familyName": "Backup"})
    customer.moved(2)
    pages.command("tenant", "suspend", customer.name)
    pages.command("tenant", "resume", customer.name)
    resumed, _, refused, created = operator.get(f"{customer.page}/log").tree.xpath("//tbody/tr")
    assert created.xpath("td[2]//a/@href") == [f"{customer.page}/people/{ada}"]
    assert refused.xpath("td[2]//a") == []
    for row in (created, refused):
        assert row.xpath("td[5]/a/@href") == [f"{customer.page}/credentials"]
        assert (row.xpath("string(td[5])"), row.xpath("td[5]/a/@title")) == ("Entra 2026", [token.id])
    assert "resume the customer" in resumed.xpath("string(td[2])")
    assert resumed.xpath("td[5]/a") == [] and "command line: " in resumed.xpath("string(td[5])")
    (more,) = created.xpath("td[6]//a/@href")
    assert f"Entra 2026 {token.id}" in operator.get(more).texts("//dd")
    assert "Entra 2026" in operator.get(f"{customer.page}/people/{ada}").texts("//tbody/tr")[0]
    admin = Browser(pages, "setup")
    admin.be_in_setup(customer.name)
    assert "Entra 2026" not in admin.get("/setup/refused").main


def test_ca_04_the_label_of_another_customers_credential_is_not_shown(pages, operator, customer) -> None:
    other = Customer(pages)
    _, token = Tokens(pages.database).issue(other.name, label="secret label")
    Events(pages.database, customer.name, LogSettings(90)).append(Event("create", status=400), Actor(token.id))
    (row,) = rows(operator.get(f"{customer.page}/log"))
    assert token.id in row and "secret label" not in row


def test_a_refused_credential_shows_its_checks(operator, customer) -> None:
    customer.send("GET", "/Users", token="scimd_cut")
    (row,) = rows(operator.get(f"{customer.page}/log"))
    assert "authenticate" in row
    link = operator.get(f"{customer.page}/log").tree.xpath("(//tbody//a[contains(@href, '/log/')]/@href)[1]")[0]
    shown = operator.get(link)
    assert "Secret Token" in shown.main
    assert shown.texts("//table//tr[td]")


def test_who_knocked_at_no_customer_is_in_the_log_of_all(operator, customer) -> None:
    url = customer.url.replace(customer.name, f"{customer.name}-typo")
    requests.get(f"{url}/Users", headers={"Authorization": f"Bearer {customer.token}"}, timeout=30)
    shown = operator.get(f"/console/log?person={customer.name}-typo")
    assert f"{customer.name}-typo" in shown.main
    assert operator.get(shown.tree.xpath("(//tbody//a[contains(@href, '/log/')]/@href)[1]")[0]).status == 200


def test_co_44_pages_leave_nothing_out_and_go_back(operator, customer) -> None:
    names = [f"user-{number:03}@x.org" for number in range(120)]
    customer.users(*names[:-1])
    assert customer.user(names[-1]).status_code == 201
    customer.moved(120)
    seen, shown = [], operator.get(f"{customer.page}/log")
    walk = [shown]
    while older := [link for link in shown.links() if "older=" in link]:
        shown = operator.get(older[0])
        walk.append(shown)
    for each in walk:
        seen += [re.search(r"user-\d+@x.org", row).group() for row in rows(each)]
    assert seen == names[::-1]
    assert [len(rows(each)) for each in walk] == [50, 50, 20]
    (newer,) = [link for link in walk[2].links() if "newer=" in link]
    assert rows(operator.get(newer)) == rows(walk[1])


def test_co_46_the_live_part_has_what_came_since(operator, customer) -> None:
    customer.user("first@x.org")
    customer.moved(1)
    (live,) = operator.get(f"{customer.page}/log").tree.xpath("//@data-poll")
    assert operator.get(live).status == 204
    customer.user("second@x.org")
    customer.user("third@x.org")
    customer.moved(3)
    part = operator.get(live)
    assert part.response.headers["X-Newer"] == "2"
    assert part.texts("//h1") == []
    assert ["third@x.org" in row for row in rows(part)] == [True, False, False]


@pytest.mark.parametrize("query", [
    "person=ada%40x.org", "operation=create", "from=2020-01-01&to=2099-01-01", "credential=nobody", "cause=required&attribute=title",
])
def test_filters_are_in_the_address(operator, customer, query) -> None:
    customer.user("ada@x.org")
    customer.user("bob@x.org")
    customer.moved(2)
    found = {"person=ada%40x.org": 1, "operation=create": 2, "from=2020-01-01&to=2099-01-01": 2}.get(query, 0)
    assert len(rows(operator.get(f"{customer.page}/log?{query}"))) == found


@pytest.mark.parametrize("place", [
    "x", "9999-99-99T00:00:00.000Z", "2026-01-01T00:00:00.000Z~" + "a" * 900, '{"$gt":""}', "2026-01-01T00:00:00.000Z~$where",
    "0001-01-01T00:00:00.000Z",
])
def test_ca_12_a_forged_place_is_no_way_in(operator, customer, place) -> None:
    customer.user("ada@x.org")
    customer.moved(1)
    for name in ("older", "newer", "live"):
        answer = operator.get(f"{customer.page}/log?{name}={requests.utils.quote(place)}")
        assert answer.status == 400 or place.startswith("0001") and answer.status in (200, 204)


@pytest.mark.parametrize("moment", [
    "0001-01-01T00:00:00+23:59", "9999-12-31", "9999-12-31T23:59:59.999-23:59", "0001-01-01", "9999-12-31T23:59:59.999Z",
])
def test_ca_12_the_ends_of_the_calendar_are_no_moments(pages, operator, customer, moment) -> None:
    admin = Browser(pages, "setup")
    admin.be_in_setup(customer.name)
    quoted = requests.utils.quote(moment)
    for path in ("/console/log?from=", "/console/log?to=", f"{customer.page}/log.csv?to="):
        assert operator.get(path + quoted).status == 422
    assert operator.get(f"/console/acts?before={quoted}").status == admin.get(f"/setup/test?live=1&since={quoted}").status == 400


@pytest.mark.parametrize("name", ["from", "to"])
@pytest.mark.parametrize("day", ["2026-13-45", "yesterday", "28.11.2026", "<b>"])
def test_co_42_a_date_that_is_none_is_said_at_the_field(operator, customer, name, day) -> None:
    customer.user("ada@x.org")
    customer.moved(1)
    query = f"log?{name}={requests.utils.quote(day)}&operation=create"
    shown = operator.get(f"{customer.page}/{query}")
    assert (shown.status, rows(shown)) == (422, [])
    assert shown.texts("//title")[0].startswith("Error: ")
    assert shown.tree.xpath("//*[@role='alert' and @data-focus]//a/@href") == [f"#{name}"]
    assert shown.texts(f"//*[@id='{name}-fault']") == [f"{day} is not a date such as 2026-11-28."]
    assert shown.tree.xpath(f"//input[@id='{name}']/@value") == [day], "what was typed is still there"
    assert shown.tree.xpath(f"//input[@id='{name}' and @aria-invalid='true']/@aria-describedby") == [f"{name}-fault"]
    assert shown.tree.xpath("//select[@id='operation']/option[@selected]/@value") == ["create"]
    export = operator.get(f"{customer.page}/{query.replace('log?', 'log.csv?')}")
    assert (export.status, f"{day} is not a date" in export.main) == (422, True)
    assert export.texts("//*[@role='alert']") == [], "there is no field to look at"


def test_co_42_an_end_before_the_beginning_is_said_at_the_field(operator, customer) -> None:
    shown = operator.get(f"{customer.page}/log?from=2026-12-02&to=2026-12-01")
    assert (shown.status, shown.texts("//*[@id='to-fault']")) == (422, ["2026-12-01 is before 2026-12-02."])
    assert operator.get(f"{customer.page}/log?from=2026-12-02&to=2026-12-02").status == 200


def test_a_credential_is_chosen_by_its_label(pages, operator, customer) -> None:
    first, token = customer.token, Tokens(pages.database).issue(customer.name, label="Entra 2026")
    customer.user("ada@x.org")
    customer.token = token[0]
    customer.user("bo@x.org")
    customer.moved(2)
    shown = operator.get(f"{customer.page}/log")
    options = dict(zip(shown.tree.xpath("//select[@id='credential']/option/@value"), shown.texts("//select[@id='credential']/option"), strict=True))
    assert options == {"": "all", token[1].id: f"Entra 2026 · {token[1].id}", first.split("_")[1]: first.split("_")[1]}
    found = operator.get(f"{customer.page}/log?credential={token[1].id}")
    assert [("bo@x.org" in row, "Entra 2026" in row) for row in rows(found)] == [(True, True)]
    assert found.tree.xpath("//select[@id='credential']/option[@selected]/@value") == [token[1].id]


@pytest.mark.parametrize(("name", "query"), [("credential", "credential=zzz"), ("operation", "operation=burn")])
def test_a_filter_that_is_no_choice_is_shown_and_finds_nothing(operator, customer, name, query) -> None:
    customer.user("ada@x.org")
    customer.moved(1)
    shown = operator.get(f"{customer.page}/log?{query}")
    assert rows(shown) == []
    assert shown.tree.xpath(f"//select[@id='{name}']/option[@selected]/@value") == [query.partition("=")[2]]
    assert operator.get(f"/console/log?{query}").tree.xpath(f"//select[@id='{name}']/option[@selected]/@value") == [query.partition("=")[2]]


def test_the_filter_offers_every_operation_about_people(operator, customer) -> None:
    offered = operator.get(f"{customer.page}/log").tree.xpath("//select[@id='operation']/option/@value")
    assert {*OF_PEOPLE, "sign-off"} <= set(offered)


@pytest.mark.parametrize(("query", "said"), [
    ("cause=required&attribute=name.givenName", "name.givenName"), ("attribute=title", "title"), ("cause=burnt", "burnt"),
])
def test_a_filter_by_cause_is_shown_and_can_be_left(operator, customer, query, said) -> None:
    shown = operator.get(f"{customer.page}/log?person=ada&{query}")
    (form,) = shown.tree.xpath("//form[@data-filter]")
    assert said in form.xpath("string(span)")
    (leave,) = form.xpath("a/@href")
    assert leave == f"{customer.page}/log?person=ada"


@pytest.mark.parametrize("path", [
    "/console/acts?before=x", "/console/customers/{name}/people?before=x", "/console/customers/{name}/groups?after=%5B%5D",
    "/console/customers/{name}/deleted?older=x", "/console/log?newer=x",
])
def test_an_address_with_a_place_that_cannot_be_read_is_not_the_first_page(operator, customer, path) -> None:
    shown = operator.get(path.format(name=customer.name))
    assert (shown.status, "address of this page" in shown.main) == (400, True)


def test_ca_04_an_event_of_another_customer_is_not_there(pages, operator, customer) -> None:
    other = Customer(pages)
    other.user("secret@x.org")
    other.moved(1)
    event = pages.database.db.events.find_one({"tenant": other.name})["_id"]
    assert operator.get(f"{other.page}/log/{event}").status == 200
    assert operator.get(f"{customer.page}/log/{event}").status == 404
    assert operator.get(f"/console/log/{event}").status == 404


def test_ca_01_what_is_shown_is_text(operator, customer) -> None:
    evil = '"><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}\u202egpj.exe\u2028'
    customer.user(f"a{evil}@x.org", name={"familyName": evil})
    shown = operator.get(f"{customer.page}/log")
    link = shown.tree.xpath("(//tbody//a[contains(@href, '/log/')]/@href)[1]")[0]
    for each in (shown, operator.get(link), operator.get(f"{customer.page}/log?person={requests.utils.quote(evil)}")):
        assert each.status == 200
        assert each.tree.xpath("//img | //script[not(@src)]") == []
        assert "{{7*7}}" in each.response.text
        assert "\u202e" not in each.main


def test_co_43_what_is_written_from_right_to_left_turns_nothing_round_beside_it(operator, customer) -> None:
    """Without an element of its own for each, a browser shows the new title before the old one."""
    old, new = "\u05de\u05e0\u05d4\u05dc", "\u05de\u05e4\u05ea\u05d7"
    ada = customer.user("ada@x.org", title=old).json()["id"]
    patch = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{"op": "replace", "path": "title", "value": new}]}
    assert customer.send("PATCH", f"/Users/{ada}", patch).status_code == 200
    customer.moved(2)
    for page in (f"{customer.page}/log", f"{customer.page}/people/{ada}"):
        cell = operator.get(page).tree.xpath("(//td[@data-label='Details'])[1]")[0]
        assert [each.text for each in cell.xpath("bdi")] == ["title: ", old, " \u2192 ", new], page


def test_d_687_a_customers_page_counts_each_operation_of_a_bulk_request_as_the_log_does(pages, operator, customer) -> None:
    other = "not a method" * 100
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": name, "data": as_sent(f"{name}@x.org")} for name in ("ada", "bo")
    ]
    operations[1]["data"]["name"] = {"familyName": "Lin", "formatted": "Bo Lin"}
    operations.append({"method": other, "path": "/Users"})
    answer = customer.send("POST", "/Bulk", {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations})
    assert [each["status"] for each in answer.json()["Operations"]] == ["201", "400", "400"]
    customer.counted(3)
    shown = operator.get(customer.page).main
    assert "2 refused today" in shown and "3 changes, 2 of them refused" in shown
    assert "name.givenName is missing" in shown
    pulse = pages.database.db.pulses.find_one({"_id": customer.name})
    assert [(row["method"], row["type"], row["status"]) for row in pulse["recent"]] == [("POST", "User", 201), ("POST", "User", 400), ("", "", 400)]
    before = pulse["lastWrite"]
    customer.send("POST", "/Bulk", {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations[2:]})
    customer.counted(4)
    assert pages.database.db.pulses.find_one({"_id": customer.name})["lastWrite"] == before


def test_an_empty_log_says_where_it_was_looked_and_leads_to_names_that_begin_so(pages, operator, customer) -> None:
    customer.user("svc@x.org", name={"familyName": "Backup"})
    customer.moved(1)
    shown = operator.get(f"{customer.page}/log?person=svc&failed=1")
    assert "No matches. Looked at the log, which goes back 90 days. A person or group is found by the whole name" in shown.main
    (find,) = [link for link in shown.links() if "/find" in link]
    assert "svc@x.org was refused 1 time" in operator.get(find).main
    assert "Looked at the chosen days of the log" in operator.get(f"{customer.page}/log?to=2020-01-01").main
    admin = Browser(pages, "setup")
    admin.be_in_setup(pages.create_tenant(None, "gallery")[0].split("/")[3])
    assert "No refusals in the last 7 days." in admin.get("/setup/refused").main


def test_a_viewer_sees_the_log_too(pages, viewer, customer) -> None:
    customer.user("x", name={})
    assert isinstance(viewer, Browser)
    assert len(rows(viewer.get(f"{customer.page}/log"))) == 1
