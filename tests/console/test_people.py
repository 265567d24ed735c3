"""Who is there, and what happened to them: people, groups, one of each, whoever is called something, and what was deleted."""

from __future__ import annotations

import re
import uuid

import pytest
import requests

from app.schemas.tables.user import USER_TYPE
from app.store.operators.audit import AuditLog
from app.store.search.order import Position
from tests.console.browsing import Browser, Shown
from tests.console.test_log import ENTERPRISE, Customer
from tests.processes import until

GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


class Company(Customer):
    """A customer with people and groups."""

    def person(self, user_name: str, **changes) -> str:
        answer = self.user(user_name, **changes)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def group(self, name: str, *members: str) -> str:
        body = {"schemas": [GROUP], "displayName": name, "members": [{"value": each} for each in members]}
        answer = self.send("POST", "/Groups", body)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def patch(self, path: str, *operations: dict) -> None:
        answer = self.send("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)})
        assert answer.status_code < 300, answer.text

    def remove(self, path: str) -> None:
        assert self.send("DELETE", path).status_code == 204


def pages_of_people(customer: Customer) -> list[str]:
    """The pages of people and groups: full, empty, of what is found and not found, and of somebody who was deleted."""
    here, end = customer.page, uuid.uuid4().hex[:6]
    ada, gone = (customer.user(f"{name}-{end}@x.org").json()["id"] for name in ("ada", "gone"))
    body = {"schemas": [GROUP], "displayName": f"Sales {end}", "members": [{"value": ada}, {"value": gone}]}
    sales = customer.send("POST", "/Groups", body).json()["id"]
    assert customer.send("DELETE", f"/Users/{gone}").status_code == 204
    return [
        f"{here}/people", f"{here}/people?q=ada@x.org", f"{here}/people?q=nobody", f"{here}/groups", f"{here}/people/{ada}",
        f"{here}/people/{ada}?json=1", f"{here}/people/{gone}", f"{here}/groups/{sales}", f"{here}/groups/{sales}?is={ada}",
        f"{here}/groups/{sales}?only=groups", f"{here}/deleted", "/console/find", "/console/find?q=ada",
    ]


@pytest.fixture
def customer(pages) -> Company:
    return Company(pages)


def rows(shown: Shown) -> list[str]:
    return shown.texts("//tbody/tr")


def names(shown: Shown) -> list[str]:
    return shown.texts("//tbody/tr/td[1]")


def test_who_was_refused_is_found_and_leads_to_why(operator, customer) -> None:
    name = f"svc-{uuid.uuid4().hex[:8]}@x.org"
    assert customer.user(name, name={"familyName": "Backup"}).status_code == 400
    customer.moved(1)
    for page in (f"/console/find?q={name}", f"{customer.page}/people?q={name}", f"/console/find?q={name[:9]}", f"{customer.page}/people?q={name[:9]}"):
        shown = operator.get(page)
        assert f"was refused 1 time in {customer.name}" in shown.main
        assert "No user or group has a name that begins like this; a deleted one is found by its whole name." in shown.main and "No matches" not in shown.main
        (why,) = [link for link in shown.links() if "failed=1" in link]
        assert name in rows(operator.get(why))[0]


def test_a_refusal_names_who_has_the_name_now(operator, customer) -> None:
    refused = customer.user("ada@x.org", name={"familyName": "Obi"})
    assert refused.status_code == 400
    ada = customer.person("ada@x.org")
    assert customer.user("ada@x.org").status_code == 409
    customer.moved(3)
    whys = [link for link in operator.get(f"{customer.page}/log?failed=1").links() if re.search(r"/log/[\w-]+$", link)]
    assert len(whys) == 2
    for why in whys:
        shown = operator.get(why)
        assert "Has this name now" in shown.main
        assert f"{customer.page}/people/{ada}" in shown.links()
    assert "externalId x-ada@x.org" in shown.main


@pytest.mark.parametrize(("first", "second", "said"), [
    ("x1", "x2", "of the refused user: x2; of this one: x1. They differ, so it is another user."),
    ("x1", "x1", "of the refused user: x1; of this one: x1. They are the same, so it is the same user."),
    ("x1", "", "of the refused user: none; of this one: x1. One has none, so it is another user."),
    ("", "", "of the refused user: none; of this one: none. Neither has one."),
])
def test_d_622_of_a_name_that_is_taken_both_external_ids_are_shown_and_compared(operator, customer, first, second, said) -> None:
    customer.person("ada@x.org", externalId=first or None)
    assert customer.user("ada@x.org", externalId=second or None).status_code == 409
    customer.moved(2)
    (why,) = [link for link in operator.get(f"{customer.page}/log?failed=1").links() if re.search(r"/log/[\w-]+$", link)]
    assert said in operator.get(why).main


def test_who_was_renamed_and_keeps_the_name_as_an_e_mail_address_does_not_have_it(operator, customer) -> None:
    ada = customer.person("ada@x.org")
    assert customer.user("ada@x.org", externalId="other").status_code == 409
    customer.moved(2)
    (why,) = [link for link in operator.get(f"{customer.page}/log?failed=1").links() if re.search(r"/log/[\w-]+$", link)]
    assert "Has this name now: ada@x.org" in operator.get(why).main
    change = {"op": "replace", "path": "userName", "value": "ada.obi@x.org"}
    assert customer.send("PATCH", f"/Users/{ada}", {"schemas": [PATCH], "Operations": [change]}).status_code < 300
    assert "Has this name now" not in operator.get(why).main
    assert "ada.obi@x.org" in operator.get(f"{customer.page}/people?q=ada@x.org").main


def test_a_refusal_that_was_cured_since_says_so_on_its_page_and_where_both_are_listed(operator, customer) -> None:
    assert customer.user("ada@x.org", name={"familyName": "Obi"}).status_code == 400
    customer.moved(1)
    (why,) = [link for link in operator.get(f"{customer.page}/log?failed=1").links() if re.search(r"/log/[\w-]+$", link)]
    assert "Solved" not in operator.get(why).main and not operator.get(why).tree.xpath("//details[summary='How to fix it']")
    ada = customer.person("ada@x.org")
    customer.logged(ada)
    shown = operator.get(why)
    assert re.search(r"Solved This user was created on \d+ \w+ \d{4}, [\d:]+ UTC What was done", shown.main)
    (steps,) = shown.tree.xpath("//details[not(@open)][summary='How to fix it']")
    assert "Default value if null" in steps.text_content()
    (done,) = shown.tree.xpath("//a[.='What was done']/@href")
    assert operator.get(done).heading == "What changed" and ada in operator.get(done).main
    for page in ("log", f"people/{ada}", "log?failed=1", "log?cause=required", "log?person=ada@x.org&failed=1"):
        page = f"{customer.page}/{page}"
        assert [row for row in rows(operator.get(page)) if "refused solved since" in row and "Why" in row], page
    own = Browser(customer.pages, "setup")
    own.be_in_setup(customer.name)
    assert "refused solved since" in own.get("/setup/refused").main
    for page in ("/console/find?q=ada@x.org", f"{customer.page}/people?q=ada@"):
        assert re.search(rf"was refused 1 time in {customer.name}, last just now \(solved since\)", operator.get(page).main), page
    (live,) = operator.get(f"{customer.page}/log?failed=1").tree.xpath("//@data-poll")
    assert operator.get(live).status == 204
    assert customer.user("bea@x.org", name={"familyName": "Obi"}).status_code == 400
    until(lambda: operator.get(live).response.headers.get("X-Newer") == "1")
    assert [("solved since" in row) for row in rows(operator.get(live))] == [False, True]
    (link,) = [link for link in own.get("/setup/refused").links() if re.search(r"/refused/[\w-]+$", link)][1:]
    assert "Solved This user was created on" in own.get(link).main and not own.get(link).tree.xpath("//a[.='What was done']")


def test_a_change_is_shown_as_the_api_writes_it(operator, customer) -> None:
    ada = customer.person("ada@x.org")
    customer.patch(f"/Users/{ada}", {"op": "replace", "path": "active", "value": False},
                   {"op": "replace", "path": "emails", "value": [{"value": "b@x.org", "type": "work", "primary": True}]})
    customer.moved(2)
    link = operator.get(f"{customer.page}/log").tree.xpath("(//tbody//a[contains(@href, '/log/')]/@href)[1]")[0]
    cells = operator.get(link).texts("//td")
    assert {"true", "false", "b@x.org (work, primary)"} <= set(cells), cells


# Lists


def test_co_44_people_come_fifty_at_a_time_by_name_and_back(operator, customer) -> None:
    every = [f"p{number:03}@x.org" for number in range(101)]
    customer.users(*every)
    first = operator.get(f"{customer.page}/people")
    assert (first.heading, names(first)) == ("People", every[:50])
    (following,) = [link for link in first.links() if "after=" in link]
    second = operator.get(following)
    assert names(second) == every[50:100]
    (last,) = [link for link in second.links() if "after=" in link]
    assert names(operator.get(last)) == every[100:]
    assert not [link for link in operator.get(last).links() if "after=" in link]
    (back,) = [link for link in second.links() if "before=" in link]
    assert names(operator.get(back)) == every[:50]
    assert not [link for link in operator.get(back).links() if "before=" in link]


@pytest.mark.parametrize("text", ["ada@x.org", "ADA@X.ORG", "x-ada@x.org", "{id}", "mail-of-ada@x.org", "ad"])
def test_a_person_is_found_by_each_name_and_by_its_beginning(operator, customer, text) -> None:
    ada = customer.person("ada@x.org", emails=[{"type": "work", "value": "mail-of-ada@x.org", "primary": True}])
    customer.person("bob@x.org")
    shown = operator.get(f"{customer.page}/people?q={requests.utils.quote(text.format(id=ada))}")
    assert names(shown) == ["ada@x.org"]


def test_co_41_nobody_is_called_that_says_where_it_was_looked(operator, customer) -> None:
    shown = operator.get(f"{customer.page}/people?q=nobody")
    assert "No matches" in shown.main
    assert "deleted ones too" in shown.main
    assert "No users yet" in operator.get(f"{customer.page}/people").main
    assert "No groups yet" in operator.get(f"{customer.page}/groups").main


def test_co_41_a_page_on_which_nothing_is_left_does_not_say_that_the_list_is_empty(operator, customer) -> None:
    group, after = customer.group("Sales"), Position("ffffffff", "~~~~")
    behind = {
        "/console": "after=zzzz", f"{customer.page}/people": f"after={after}", f"{customer.page}/groups": f"after={after}",
        f"{customer.page}/groups/{group}": "after=zzzz", f"{customer.page}/deleted": "older=2020-01-01T00:00:00.000Z",
        "/console/acts": "before=2020-01-01",
    }
    for path, query in behind.items():
        shown = operator.get(f"{path}?{query}")
        assert "Nothing is on this page any more." in shown.main, path
        assert path in shown.links(), path


def test_somebody_who_was_deleted_is_found_as_such(operator, customer) -> None:
    customer.remove(f"/Users/{customer.person('gone@x.org')}")
    (row,) = rows(operator.get(f"{customer.page}/people?q=gone@x.org"))
    assert "deleted" in row


def test_groups_are_listed_by_name_and_a_disabled_person_says_so(operator, customer) -> None:
    customer.person("off@x.org", active=False)
    customer.group("Sales")
    customer.group("Board")
    assert names(operator.get(f"{customer.page}/groups")) == ["Board", "Sales"]
    assert "disabled" in rows(operator.get(f"{customer.page}/people"))[0]
    assert [row.split()[-1] for row in rows(operator.get(f"{customer.page}/people"))] == ["disabled"]


def test_co_12_one_box_finds_somebody_in_all_customers(pages, operator, customer) -> None:
    name = f"{uuid.uuid4().hex}@x.org"
    other = Company(pages)
    customer.person(name)
    other.person(name)
    shown = operator.get(f"/console/find?q={name}")
    assert sorted(row.split()[-2] for row in rows(shown)) == sorted([customer.name, other.name])
    assert names(operator.get(f"/console/find?q={name[:20]}")) == [name, name]
    assert shown.tree.xpath("//header//input[@name='q']/@value") == [name]
    (own,) = [link for link in shown.links() if link.startswith(f"{customer.page}/people/")]
    assert operator.get(own).heading == name
    assert "No matches" in operator.get("/console/find?q=nobody-at-all").main
    assert "Type a name" in operator.get("/console/find").main


@pytest.mark.parametrize("kind", ["nothing", "Users", "$where", "people/x", "groups/x", "people/%00"])
def test_ca_12_what_is_no_kind_is_no_page(operator, customer, kind) -> None:
    assert operator.get(f"{customer.page}/{kind}").status == 404


@pytest.fixture(scope="module")
def beside_another(live_server) -> Company:
    """A customer with a person and a group, beside one with a person."""
    Company(live_server).person("secret@x.org")
    customer = Company(live_server)
    customer.person("ada@x.org")
    customer.sales = customer.group("Sales")
    return customer


@pytest.mark.parametrize("place", ['{"$gt":""}', "$where", "W10", "x" * 8_000, "WyJhIiwgeyIkZ3QiOiAiIn1d", "'"])
def test_ca_12_a_forged_place_in_a_list_is_no_way_in(operator, beside_another, place) -> None:
    """Each list is asked by each name that it reads."""
    places, page = requests.utils.quote(place), beside_another.page
    for path, names_read in (
        ("people", ("after", "before", "q")), ("groups", ("after", "before", "q")), ("deleted", ("older", "newer")),
        (f"groups/{beside_another.sales}", ("after", "before", "is")),
    ):
        for name in names_read:
            answer = operator.get(f"{page}/{path}?{name}={places}")
            assert answer.status in (200, 400), (path, name)
            assert "secret@x.org" not in answer.main


# A person


def test_a_person_shows_names_attributes_groups_and_what_happened(operator, customer) -> None:
    boss = customer.person("bo@x.org", displayName="Bo Lin")
    ada = customer.person("ada@x.org", displayName="Ada Obi", **{ENTERPRISE: {"department": "R&D", "manager": {"value": boss}}})
    sales = customer.group("Sales", ada)
    customer.group("All staff", sales)
    customer.patch(f"/Users/{ada}", {"op": "replace", "path": "title", "value": "Lead"})
    customer.moved(5)
    shown = operator.get(f"{customer.page}/people/{ada}")
    assert shown.heading == "Ada Obi"
    assert "active created" in shown.texts("//div[@class='head']")[0]
    assert shown.texts("//dt")[:2] == ["userName", "displayName"]
    values = dict(zip(shown.texts("//dt"), shown.texts("//dd"), strict=True))
    assert values["emails"] == "ada@x.org (work, primary)"
    assert (values["manager"], values["department"], values["title"]) == ("Bo Lin", "R&D", "Lead")
    assert shown.tree.xpath("//dd/a[.='Bo Lin']/@href") == [f"{customer.page}/people/{boss}"]
    assert shown.texts("//section[h2='Member of']//li") == ["Sales directly", "All staff through Sales"]
    assert ["title: Engineer → Lead" in row for row in rows(shown)] == [True, False, False]
    assert "Sales" in rows(shown)[1]


def test_a_person_has_the_refusals_of_every_name_that_they_had_and_of_nobody_else(operator, customer) -> None:
    ada = customer.person("ada@x.org")
    customer.user("ada@x.org")  # taken
    customer.patch(f"/Users/{ada}", {"op": "replace", "path": "userName", "value": "ada.obi@x.org"})
    customer.user("ADA.obi@x.org")  # taken
    another = customer.person("ada@x.org", externalId="another")
    customer.patch(f"/Users/{another}", {"op": "replace", "path": "title", "value": "Somebody else"})
    customer.moved(6)
    shown = operator.get(f"{customer.page}/people/{ada}")
    assert len(rows(shown)) == 4
    assert sum("refused" in row for row in rows(shown)) == 2
    assert "Somebody else" not in shown.main
    assert sum("refused" in row for row in rows(operator.get(f"{customer.page}/people/{another}"))) == 1


def test_a_long_life_comes_in_pages(operator, customer) -> None:
    ada = customer.person("ada@x.org")
    for number in range(59):
        changed = {"op": "replace", "path": "title", "value": f"T{number}"}
        customer.provider.patch(USER_TYPE, ada, {"schemas": [PATCH], "Operations": [changed]}, None)
    customer.patch(f"/Users/{ada}", {"op": "replace", "path": "title", "value": "T59"})
    customer.moved(61)
    shown = operator.get(f"{customer.page}/people/{ada}")
    assert len(rows(shown)) == 50
    (older,) = [link for link in shown.links() if "older=" in link]
    assert len(rows(operator.get(older))) == 11
    assert "data-poll" not in shown.response.text


def test_co_01_ids_and_json_are_one_click_away(operator, customer) -> None:
    ada = customer.person("ada@x.org")
    shown = operator.get(f"{customer.page}/people/{ada}")
    assert ada not in shown.main
    assert f'"id": "{ada}"' in operator.get(f"{customer.page}/people/{ada}?json=1").texts("//pre")[0]
    assert "password" not in operator.get(f"{customer.page}/people/{ada}?json=1").main


def test_co_34_a_password_is_on_no_page(operator, customer) -> None:
    ada = customer.person("ada@x.org", password="correct horse battery")
    customer.moved(1)
    for path in (f"people/{ada}?json=1", "log", "people"):
        assert "horse" not in operator.get(f"{customer.page}/{path}").response.text
        assert "argon2" not in operator.get(f"{customer.page}/{path}").response.text
    customer.remove(f"/Users/{ada}")
    deleted = operator.get(f"{customer.page}/people/{ada}?json=1")
    assert "assword" not in deleted.texts("//dl")[0]
    assert "argon2" not in deleted.response.text


def test_ca_04_somebody_of_another_customer_is_not_there(pages, operator, customer) -> None:
    other = Company(pages)
    ada = other.person("secret@x.org")
    group = other.group("Secret", ada)
    gone = other.person("gone@x.org")
    other.remove(f"/Users/{gone}")
    for path in (f"people/{ada}", f"groups/{group}", f"people/{gone}", f"groups/{ada}", f"people/{group}"):
        assert operator.get(f"{customer.page}/{path}").status == 404
    own = customer.group("Own", customer.person("own@x.org"))
    assert "No matches" in operator.get(f"{customer.page}/groups/{own}?is=secret@x.org").main
    answer = operator.post(f"{customer.page}/deleted", {"id": gone})
    assert (answer.status, "can be restored" in answer.main) == (422, True)
    assert operator.get(f"{other.page}/people/{gone}").texts("//section[h2='Deleted']")


# A group


def test_a_group_shows_its_members_fifty_at_a_time(operator, customer) -> None:
    members = sorted(customer.users(*(f"m{number:03}@x.org" for number in range(60))))
    group = customer.group("Sales", *members)
    first = operator.get(f"{customer.page}/groups/{group}")
    assert (first.heading, len(rows(first))) == ("Sales", 50)
    (following,) = [link for link in first.links() if "after=" in link]
    second = operator.get(following)
    assert len(rows(second)) == 10
    assert len({*names(first), *names(second)}) == 60
    (back,) = [link for link in second.links() if "before=" in link]
    assert rows(operator.get(back)) == rows(first)


def test_whether_somebody_is_in_a_group_directly_or_through_another(operator, customer) -> None:
    ada, bob, eve = (customer.person(f"{name}@x.org") for name in ("ada", "bob", "eve"))
    sales = customer.group("Sales", ada)
    staff = customer.group("Staff", sales, bob)
    page = f"{customer.page}/groups/{staff}"
    for name, said in (("ada", "member through Sales"), ("bob", "direct member"), ("eve", "not a member")):
        (row,) = rows(operator.get(f"{page}?is={name}@x.org"))
        assert row.endswith(said)
    assert "No matches" in operator.get(f"{page}?is=nobody").main
    assert names(operator.get(f"{page}?only=groups")) == ["Sales"]
    assert operator.get(f"{customer.page}/groups/{sales}").texts("//section[h2='Member of']//li") == ["Staff directly"]
    assert eve


def test_co_41_a_group_of_nobody_says_so(operator, customer) -> None:
    group = customer.group("Empty")
    shown = operator.get(f"{customer.page}/groups/{group}")
    assert "No members." in shown.main
    assert f"{customer.page}/log?person={group}" in shown.links()


# Deleted


def test_co_04_what_was_deleted_comes_back_and_the_act_is_recorded(pages, operator, customer) -> None:
    ada = customer.person("ada@x.org")
    group = customer.group("Sales", ada)
    customer.remove(f"/Users/{ada}")
    shown = operator.get(f"{customer.page}/deleted")
    (row,) = rows(shown)
    assert row.startswith("ada@x.org User")
    assert customer.token.split("_")[1] in row
    assert customer.send("GET", f"/Users/{ada}").status_code == 404
    done = operator.post(f"{customer.page}/deleted", shown.form(f"{customer.page}/deleted"))
    assert "Restored, with its memberships" in done.main
    assert done.texts("//section[h2='Member of']//li") == ["Sales directly"]
    assert customer.send("GET", f"/Users/{ada}").status_code == 200
    assert customer.send("GET", f"/Groups/{group}").json()["members"][0]["value"] == ada
    (act,) = AuditLog(pages.database).find(tenant=customer.name)
    assert [act[key] for key in ("act", "who", "how", "object", "outcome")] == ["restore", "alice", "console", ada, "done"]
    customer.moved(4)
    line = pages.database.db.events.find_one({"tenant": customer.name, "operation": "restore"})
    assert line["credential"] == "console: alice"
    assert "Nothing was deleted in the last 30 days." in operator.get(f"{customer.page}/deleted").main


def test_a_taken_name_is_told_before_the_button(pages, operator, customer) -> None:
    ada = customer.person("ada@x.org")
    customer.remove(f"/Users/{ada}")
    button = operator.get(f"{customer.page}/deleted").form(f"{customer.page}/deleted")
    other = customer.person("ADA@x.org", externalId="other")
    for path in ("deleted", f"people/{ada}"):
        shown = operator.get(f"{customer.page}/{path}")
        assert "Its name is taken by another one" in shown.main
        assert f"{customer.page}/people/{other}" in shown.links()
        assert shown.tree.xpath("//main//form[@method='post']") == []
    refused = operator.post(f"{customer.page}/deleted", button)
    assert (refused.status, "is taken by another User" in refused.main) == (422, True)
    assert refused.texts("//title")[0].startswith("Error: ")
    (act,) = AuditLog(pages.database).find(tenant=customer.name)
    assert act["outcome"] == "failed"


def test_a_deleted_person_shows_who_they_were_and_is_restored_there(operator, customer) -> None:
    ada = customer.person("ada@x.org", displayName="Ada Obi")
    customer.group("Sales", ada)
    customer.remove(f"/Users/{ada}")
    customer.moved(3)
    shown = operator.get(f"{customer.page}/people/{ada}")
    assert "deleted" in shown.texts("//div[@class='head']")[0]
    assert shown.texts("//section[h2='Was a member of']//li") == ["Sales directly"]
    assert "delete User" in rows(shown)[0]
    assert "into 1 group" in shown.main
    done = operator.post(f"{customer.page}/deleted", shown.form(f"{customer.page}/deleted"))
    assert (done.heading, "Restored, with its memberships" in done.main) == ("Ada Obi", True)


def test_a_deleted_group_comes_back_with_its_members(operator, customer) -> None:
    ada = customer.person("ada@x.org")
    group = customer.group("Sales", ada)
    customer.remove(f"/Groups/{group}")
    shown = operator.get(f"{customer.page}/groups/{group}")
    assert "into 0 groups, with 1 member." in shown.main
    done = operator.post(f"{customer.page}/deleted", shown.form(f"{customer.page}/deleted"))
    assert (done.heading, names(done)) == ("Sales", ["ada@x.org"])


def test_co_44_deleted_ones_come_in_pages(operator, customer) -> None:
    for user in customer.users(*(f"d{number:02}@x.org" for number in range(51))):
        customer.provider.delete(USER_TYPE, user)
    first = operator.get(f"{customer.page}/deleted")
    assert len(rows(first)) == 50
    (older,) = [link for link in first.links() if "older=" in link]
    assert names(operator.get(older)) == ["d00@x.org"]


def test_ca_05_a_viewer_restores_nothing_and_has_no_button(viewer, customer) -> None:
    ada = customer.person("ada@x.org")
    customer.remove(f"/Users/{ada}")
    assert isinstance(viewer, Browser)
    for path in ("deleted", f"people/{ada}"):
        assert viewer.get(f"{customer.page}/{path}").tree.xpath("//main//form[@method='post']") == []
    assert viewer.post(f"{customer.page}/deleted", {"id": ada}).status == 403
    assert customer.send("GET", f"/Users/{ada}").status_code == 404


def test_ca_02_a_get_restores_nothing(operator, customer) -> None:
    ada = customer.person("ada@x.org")
    customer.remove(f"/Users/{ada}")
    operator.get(f"{customer.page}/deleted?id={ada}")
    assert operator.post(f"{customer.page}/deleted", {"id": ada}, Sec_Fetch_Site="cross-site").status == 403
    assert operator.post(f"{customer.page}/deleted", {"id": ada, "tenant": "x"}).status == 400
    assert customer.send("GET", f"/Users/{ada}").status_code == 404
