"""Who comes in, as the directory changes: only those who were provisioned and are active, and always as themselves."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from app import create_app
from app.background.sign_on import Rest, sign_on_chores
from app.config import Config
from app.sign_on.logout_tokens import Teller
from app.store.mongo.moments import now
from app.store.sign_on.connections import Connections
from app.store.sign_on.sessions import Sessions
from tests.processes import until
from tests.sign_on.flow.world import NAME, PATCH_URN, USER_URN, World
from tests.sign_on.saml.idp import MS_CLAIMS, OBJECT_ID
from tests.tenants import delete_for_good

NO_ACCESS = "You are signed in to your organisation, but have no access here at the moment."
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
OID = f"{MS_CLAIMS}objectidentifier"


def known_as(subject, **more):
    """Return what the identity provider says of the person with an object id."""
    return {"attributes": {OID: (subject,)}, **more}


def refused(world, reason, **changes):
    """Check that a person is refused for a reason, and sees no more than that they have no access."""
    response = world.browser().sign_in(**changes)
    assert response.status_code == 403
    assert NO_ACCESS in response.text
    assert reason not in response.text
    assert world.reasons()[-1:] == [reason]


def comes_in(world, **changes):
    """Check that a person comes in, and return their browser."""
    browser = world.browser()
    assert browser.sign_in(**changes).headers.get("Location") == world.url, world.reasons()
    return browser


def test_pe_01_who_is_not_provisioned_is_refused_until_they_are(world):
    refused(world, "not-provisioned", name_id="new@contoso.com")
    event = world.events()[-1]
    assert event["resource"]["name"] == "new@contoso.com"
    assert "Provision on demand" in event["detail"]
    world.user("new@contoso.com")
    comes_in(world, **known_as("another", name_id="new@contoso.com"))


def test_sso_62_all_who_have_no_access_see_the_same_page_and_the_log_tells_them_apart(live_server):
    world = World(live_server, changes={"match_attribute": "externalId", "match_source": "NameID"})
    for number, twin in enumerate(("twin", "twin", "away", "gone")):
        world.user_id = world.user(f"{twin}{number}@contoso.com", externalId=twin)
        if twin == "away":
            world.disable(world.user_id)
    world.request("DELETE", f"/Users/{world.user_id}")
    pages = [world.browser().sign_in(name_id=name, attributes={}) for name in ("twin", "nobody", "away", "gone")]
    assert {page.status_code for page in pages} == {403}
    assert len({page.text.replace(page.headers["X-Request-Id"], "") for page in pages}) == 1
    assert world.reasons() == ["ambiguous", "not-provisioned", "inactive", "deleted"]
    assert world.events()[1]["resource"]["name"] == "nobody"
    assert "40 minutes" in world.events()[1]["detail"]


def test_sso_66_a_guest_comes_in_by_the_id_where_the_names_differ(live_server):
    """The name at sign-in has #EXT#, and provisioning has sent the address."""
    guest = {"name_id": "guest_example.com#EXT#@contoso.onmicrosoft.com"}
    by_name = World(live_server)
    by_name.user("guest@example.com", externalId=OBJECT_ID)
    refused(by_name, "not-provisioned", **guest)
    by_id = World(live_server, changes={"match_attribute": "externalId", "match_source": OID})
    user = by_id.user("guest@example.com", externalId=OBJECT_ID)
    comes_in(by_id, **guest)
    assert [row["user"] for row in by_id.sessions()] == [user]


def patched(*operations):
    """Return the way of disabling by these operations of a PATCH."""
    return lambda world: world.patch(world.user_id, *operations)


def put(world):
    body = {"schemas": [USER_URN], "userName": NAME, "displayName": NAME, "active": False}
    assert world.request("PUT", f"/Users/{world.user_id}", body).status_code == 200


def bulk(world):
    off = {"schemas": [PATCH_URN], "Operations": [{"op": "replace", "path": "active", "value": False}]}
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [
        {"method": "PATCH", "path": f"/Users/{world.user_id}", "data": off},
    ]}
    assert world.request("POST", "/Bulk", body).status_code == 200


def delete(world):
    assert world.request("DELETE", f"/Users/{world.user_id}").status_code == 204


@pytest.mark.parametrize("disable", [
    patched({"op": "Replace", "path": "active", "value": "False"}), patched({"op": "replace", "path": "active", "value": False}),
    patched({"op": "Replace", "value": {"active": False}}), patched({"op": "Add", "path": "active", "value": "False"}), put, bulk, delete,
])
def test_pe_02_who_is_disabled_is_out_at_once_and_the_app_is_told(world, receiver, disable):
    """The app is told without anybody using the session; how soon follows from the pauses of the chores."""
    browser = comes_in(world)
    world.signed_in_to_app(receiver.url)
    disable(world)
    until(lambda: receiver.tokens)
    assert not browser.is_signed_in()
    refused(world, "deleted" if disable is delete else "inactive")
    assert len(receiver.tokens) == 1


def test_pe_02_the_pauses_of_the_chores_are_less_than_five_seconds(mock_database):
    """A round comes after one and a half times its pause at most (`janitor`): one ends the session, one tells the app."""
    teller = Teller(mock_database, None, None, 90)
    chores = {chore.name: chore for chore in sign_on_chores(Rest(mock_database), mock_database, teller, None, None)}
    assert sum(1.5 * chores[name].pause for name in ("ending sessions", "telling apps")) <= 4


def test_sso_74_who_is_enabled_again_has_no_session(world):
    browser = comes_in(world)
    world.disable(world.user_id)
    world.patch(world.user_id, {"op": "Replace", "path": "active", "value": "True"})
    until(lambda: not world.sessions())
    assert not browser.is_signed_in()
    comes_in(world)


def test_sso_72_pe_02_who_is_disabled_between_answer_and_finish_is_refused(world):
    browser = world.browser()
    where = browser.answer(browser.begin()).headers["Location"]
    world.disable(world.user_id)
    response = browser.get(where)
    assert (response.status_code, world.reasons()) == (403, ["inactive"])
    assert NO_ACCESS in response.text
    assert world.sessions() == []


def test_pe_03_a_deleted_user_is_refused_and_a_new_one_is_another(world):
    browser = comes_in(world)
    assert world.request("DELETE", f"/Users/{world.user_id}").status_code == 204
    assert not browser.is_signed_in()
    refused(world, "deleted")
    new = world.user()
    comes_in(world)
    assert [row["user"] for row in world.sessions()] == [new]
    assert [row["user"] for row in world.database.db.links.find({"tenant": world.tenant})] == [new]


def test_pe_03_a_restored_user_comes_in_without_the_old_session(world):
    browser = comes_in(world)
    world.request("DELETE", f"/Users/{world.user_id}")
    assert not browser.is_signed_in()
    world.server.command("restore", world.tenant, world.user_id)
    assert not browser.is_signed_in()
    comes_in(world)


def test_pe_03_a_session_that_was_not_used_in_between_ends_all_the_same(world):
    browser = comes_in(world)
    world.request("DELETE", f"/Users/{world.user_id}")
    world.server.command("restore", world.tenant, world.user_id)
    deadline = time.monotonic() + 30
    while world.sessions() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not browser.is_signed_in()


def test_pe_04_a_session_belongs_to_the_user_and_not_to_the_name(world):
    browser = comes_in(world)
    world.patch(world.user_id, {"op": "Replace", "path": "userName", "value": "renamed@contoso.com"})
    assert browser.is_signed_in()
    refused(world, "not-provisioned")
    comes_in(world, name_id="renamed@contoso.com")


def test_pe_05_a_name_that_is_given_to_a_colleague_does_not_open_the_account_of_the_one_who_had_it(world):
    comes_in(world, **known_as("first"))
    refused(world, "other-subject", **known_as("second"))
    world.request("DELETE", f"/Users/{world.user_id}")
    new = world.user()
    comes_in(world, **known_as("second"))
    assert new in [row["user"] for row in world.sessions()]


def test_sso_63_a_subject_that_has_another_user_is_refused(world):
    world.user("other@contoso.com")
    comes_in(world, **known_as("first"))
    refused(world, "linked-elsewhere", **known_as("first", name_id="other@contoso.com"))


def test_sso_63_provisioning_vouches_for_a_new_subject_by_the_external_id(world):
    comes_in(world, **known_as("first"))
    world.patch(world.user_id, {"op": "Add", "path": "externalId", "value": "second"})
    comes_in(world, **known_as("second"))
    refused(world, "other-subject", **known_as("third"))


def test_sso_63_an_answer_without_the_subject_does_not_open_the_account_that_it_protects(world):
    comes_in(world, **known_as("first"))
    refused(world, "other-subject", attributes={})


def test_sso_63_without_an_object_id_a_persistent_name_id_is_the_subject(world):
    persistent = {"attributes": {}, "name_format": PERSISTENT}
    comes_in(world, **persistent)
    (link,) = world.database.db.links.find({"tenant": world.tenant})
    assert (link["subject"], link["user"]) == (NAME, world.user_id)


def test_pe_06_two_users_with_one_external_id_are_ambiguous(live_server):
    world = World(live_server, changes={"match_attribute": "externalId", "match_source": OID})
    world.user("a@contoso.com", externalId=OBJECT_ID)
    comes_in(world)
    world.user("b@contoso.com", externalId=OBJECT_ID)
    refused(world, "ambiguous")


def test_sso_60_a_user_is_found_by_an_address(live_server):
    world = World(live_server, changes={"match_attribute": "emails", "match_source": "NameID"})
    world.user("a", emails=[{"value": "x@contoso.com", "type": "home"}, {"value": "B.Simon@contoso.com", "type": "work"}])
    comes_in(world)
    refused(world, "not-provisioned", name_id="a")


@pytest.mark.parametrize(("stored", "said", "is_same"), [
    ("b.simon@contoso.com", "B.SIMON@Contoso.com", True),
    ("m\u00fcller@contoso.com", "mu\u0308ller@contoso.com", True),
    ("kelvin@contoso.com", "\u212aelvin@contoso.com", True),  # NFC makes it a K
    ("full@contoso.com", "\uff46ull@contoso.com", False),
    ("blank@contoso.com", "blank@contoso.com ", False),
    ("ilker@contoso.com", "\u0131lker@contoso.com", False),
    ("i\u0307lker@contoso.com", "\u0130lker@contoso.com", True),
    ("\U0001f600 \u00e4\u00f6\u00fc@contoso.com", "\U0001f600 \u00c4\u00d6\u00dc@contoso.com", True),
])
def test_pe_07_names_are_compared_as_their_uniqueness_is(live_server, stored, said, is_same):
    world = World(live_server)
    user = world.user(stored)
    taken = world.request("POST", "/Users", {"schemas": [USER_URN], "userName": said, "displayName": "x"}).status_code == 409
    assert taken == is_same
    if is_same:
        comes_in(world, name_id=said)
        assert [row["user"] for row in world.sessions()] == [user]


def test_pe_07_who_is_no_user_is_nobody(world):
    for said in ("blank@contoso.com ", f"{NAME} ", f" {NAME}", f"{NAME}\u200b"):
        refused(world, "not-provisioned", name_id=said)


@pytest.mark.parametrize("said", ["$ne", '{"$gt":""}', "{'$ne': null}", ".*", "*", "^b", "b.simon@contoso.com' or '1'='1", "$where"])
def test_pe_08_a_name_is_a_name_and_nothing_else(world, said):
    refused(world, "not-provisioned", name_id=said)


def test_pe_09_two_first_sign_ins_of_one_person_at_once_have_one_link(world):
    browsers = [world.browser() for _ in range(8)]
    wheres = [browser.answer(browser.begin()).headers["Location"] for browser in browsers]
    with ThreadPoolExecutor(8) as pool:
        finished = list(pool.map(lambda pair: pair[0].get(pair[1]), zip(browsers, wheres, strict=True)))
    assert [response.headers.get("Location") for response in finished] == [world.url] * 8
    assert world.database.db.links.count_documents({"tenant": world.tenant}) == 1
    assert len(world.sessions()) == 8


def test_sa_56_of_eight_answers_at_once_on_all_workers_one_is_taken(world):
    browser = world.browser()
    begun = browser.begin()
    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(response.status_code for response in pool.map(lambda _: browser.answer(begun), range(8)))
    assert statuses == [303] + [400] * 7


def test_sso_64_pe_10_nobody_comes_in_while_the_tenant_is_suspended(world):
    browser = comes_in(world)
    begun, where = world.browser(), world.browser()
    first, second = begun.begin(), where.answer(where.begin()).headers["Location"]
    world.server.command("tenant", "suspend", world.tenant)
    for response in (browser.get(world.url), begun.answer(first), where.get(second)):
        assert response.status_code == 403
        assert "Sign-in is switched off for your organisation at the moment." in response.text
    assert set(world.reasons()) == {"suspended"}
    world.server.command("tenant", "resume", world.tenant)
    comes_in(world)


def test_pe_10_a_tenant_that_is_made_again_has_nothing_of_the_old_one(world):
    browser, waiting = comes_in(world), world.browser()
    where = waiting.answer(waiting.begin()).headers["Location"]
    begun = world.browser().begin()
    delete_for_good(world.database, world.tenant)
    for collection in ("sessions", "sign_ins", "links", "connections", "tickets", "used_assertions"):
        assert world.database.db[collection].count_documents({"tenant": world.tenant}) == 0, collection
    again = World(world.server, world.tenant)
    again.user()
    assert not browser.is_signed_in()
    assert waiting.get(where).status_code == 400
    assert waiting.answer(begun).headers["Location"] == f"{world.url}?unsolicited"
    assert again.sessions() == []


def test_sso_65_only_the_members_of_a_group_come_in_nested_ones_included(live_server):
    world = World(live_server, changes={"group": "Staff"})
    user = world.user()
    refused(world, "not-in-group")
    inner = world.group("Inner", user)
    refused(world, "not-in-group")
    world.group("Staff", inner)
    comes_in(world)


def test_sso_65_72_a_session_ends_when_it_is_used_after_the_person_has_left_the_group(live_server):
    world = World(live_server, changes={"group": "Staff"})
    user = world.user()
    group = world.group("Staff", user)
    browser, waiting = comes_in(world), world.browser()
    begun = waiting.begin()
    where = waiting.answer(begun).headers["Location"]
    app = world.signed_in_to_app("https://app.example.com/logout")
    assert browser.is_signed_in()
    world.leave(group, user)
    assert not browser.is_signed_in()
    assert world.sessions() == []
    (row,) = world.database.db.logouts.find({"tenant": world.tenant})
    assert (row["app"], row["reason"]) == (app, "not-in-group")
    assert [event["detail"] for event in world.events("sign-off")] == ["not-in-group"]
    assert waiting.get(where).status_code == 403
    assert world.reasons()[-1:] == ["not-in-group"]
    assert world.sessions() == []


def test_a_deleted_group_leads_into_no_other_one_that_names_it_again(live_server):
    """A deleted group keeps its members, since it may be restored, and its id may be sent once more."""
    world = World(live_server, changes={"group": "Staff"})
    user = world.user()
    inner = world.group("Inner", user)
    assert world.request("DELETE", f"/Groups/{inner}").status_code == 204
    world.group("Staff", inner)
    assert "groups" not in world.request("GET", f"/Users/{user}?attributes=groups").json()
    refused(world, "not-in-group")


def test_sso_02_nothing_that_the_identity_provider_says_changes_the_user(world):
    before = world.request("GET", f"/Users/{world.user_id}").json()
    comes_in(world)
    assert world.request("GET", f"/Users/{world.user_id}").json() == before
    assert world.request("GET", "/Users?count=0").json()["totalResults"] == 1


def test_sso_61_the_value_must_be_there_once_and_short(world):
    rule = {"match_source": "http://example.com/upn"}
    other = World(world.server, changes=rule)
    other.user()
    for values in ((), (NAME, "other"), ("",), ("x" * 1_025,)):
        response = other.browser().sign_in(attributes={"http://example.com/upn": values} if values else {})
        assert response.status_code == 403
    assert set(other.reasons()) <= {"no-identifier", "malformed"}
    assert other.reasons()[0] == "no-identifier"
    comes_in(other, attributes={"http://example.com/upn": (NAME,)})


def test_pe_14_no_answer_becomes_good_again_when_the_clock_is_set_back(world):
    browser = world.browser()
    begun = browser.begin()
    browser.answer(begun)
    # What a clock that is an hour behind sees: everything ends an hour later than it should.
    for collection in ("sign_ins", "used_assertions"):
        world.database.db[collection].update_many(
            {"tenant": world.tenant}, [{"$set": {"expires": {"$add": ["$expires", 3_600_000]}}}],
        )
    assert browser.answer(begun).status_code == 400


def test_sa_58_an_assertion_is_used_up_even_if_its_sign_in_is_lost(world):
    browser = world.browser()
    begun = browser.begin()
    browser.answer(begun, assertion_id="_the-same-assertion")
    world.database.db.sign_ins.update_one(
        {"tenant": world.tenant, "request": begun.request}, {"$set": {"step": "sent"}, "$unset": {"result": ""}},
    )
    response = browser.answer(begun, assertion_id="_the-same-assertion")
    assert (response.status_code, world.reasons()) == (403, ["replay"])


@pytest.mark.parametrize("number", [100, pytest.param(10_000, marks=pytest.mark.long)])
def test_pe_11_ten_thousand_sessions_end_by_off_while_provisioning_goes_on(world, receiver, number):
    comes_in(world)
    (session,) = world.sessions()
    rows = [session | {"_id": f"{each:064x}", "sid": f"{each:032x}"} for each in range(number, 2 * number)]
    world.database.db.sessions.insert_many(rows[:50])
    world.signed_in_to_app(receiver.url)
    world.database.db.sessions.insert_many(rows[50:])
    done = threading.Event()
    failures = []

    def provision():
        while not done.is_set():
            response = world.request("GET", f"/Users/{world.user_id}")
            if response.status_code != 200:
                failures.append(response.status_code)
            time.sleep(0.05)

    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(provision)
        began = now()
        world.server.command("sso", "off", world.tenant)
        took = (now() - began).total_seconds()
        until(lambda: len(receiver.tokens) == 51, seconds=60)
        done.set()
        going.result()
    assert (failures, world.sessions()) == ([], [])
    assert took < 60  # what was asked for


def test_sso_77_a_connection_that_is_turned_off_while_somebody_is_let_in_leaves_no_session(world, monkeypatch):
    """In one process, so that the connection is turned off at the one moment that matters."""
    browser = world.browser()
    where = browser.answer(browser.begin()).headers["Location"]
    opened = Sessions.open

    def slow(self, session):
        made = opened(self, session)
        Connections(world.database).turn_off(world.tenant, world.connection.id)
        return made

    monkeypatch.setattr(Sessions, "open", slow)
    client = create_app(Config.from_environment({"SCIMD_PUBLIC_URL": world.server.url}), world.database).test_client(use_cookies=False)
    headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}
    assert client.get(urlsplit(where).path + "?" + urlsplit(where).query, headers=headers).status_code == 404
    assert world.sessions() == []
