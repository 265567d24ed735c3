"""A person signs in by SAML over HTTP: the good ways, and what each step keeps to."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from app.store.sign_on.tickets import Tickets
from tests.sign_on.flow.world import NAME, World, today
from tests.sign_on.saml.idp import How, respond

COOKIE = 43


def test_sso_30_the_way_to_the_identity_provider(world):
    browser = world.browser()
    begun = browser.begin()
    assert len(begun.state) == COOKIE
    assert begun.xml.get("AssertionConsumerServiceURL") == f"{world.url}/saml/acs"
    stored = world.database.db.sign_ins.find_one({"tenant": world.tenant})
    assert begun.state not in str(stored)
    assert (stored["step"], stored["request"], stored["for"]) == ("sent", begun.request, {"kind": "page"})


@pytest.mark.parametrize("what", ["assertion", "response", "both"])
def test_sso_01_a_person_who_was_provisioned_comes_in_by_saml(world, what):
    browser = world.browser()
    answered = browser.answer(browser.begin(), what)
    assert answered.status_code == 303
    assert answered.headers["Location"].startswith(f"{world.url}/finish?state=")
    finished = browser.get(answered.headers["Location"])
    assert (finished.status_code, finished.headers["Location"]) == (303, world.url)
    page = browser.get(world.url)
    assert page.status_code == 200
    assert f"You are signed in to {world.tenant} as {NAME}." in page.text
    (session,) = world.sessions()
    assert (session["user"], session["connection"], session["apps"]) == (world.user_id, world.connection.id, [])
    assert session["sessionIndex"] == "_c0ffee00-0000-4000-8000-000000000002"


def test_a_name_cannot_turn_the_text_of_a_page(world):
    name = "a\u202egpj.exe@contoso.com"
    world.user(name)
    browser = world.browser()
    browser.sign_in(name_id=name)
    page = browser.get(world.url)
    assert page.status_code == 200
    assert "\u202e" not in page.text
    assert "as a\\u202egpj.exe@contoso.com." in page.text


def test_sso_118_a_sign_on_is_one_line_of_the_log_with_the_user(world):
    world.browser().sign_in()
    (event,) = world.events()
    assert event["resource"] == {"type": "User", "id": world.user_id, "name": NAME}
    (session,) = world.sessions()
    assert event["signOn"] == {"connection": world.connection.id, "sid": session["sid"], "address": "127.0.0.1", "amr": ["pwd"]}
    assert "failed" not in event


def test_sso_118_the_log_shows_provisioning_and_sign_on_in_one_list(world):
    world.browser().sign_in()
    world.browser().sign_in(name_id="nobody@contoso.com")
    world.disable(world.user_id)
    world.browser().sign_in()
    shown = world.server.command("events", world.tenant, "--user", NAME)
    lines, _, _ = shown.partition("\n\n")  # what follows sums the refusals up
    assert [lines.count(word) for word in ("create", "sign-on", "patch", "inactive")] == [1, 2, 1, 1], shown
    assert "nobody" not in shown


def test_sso_05_every_sign_in_every_refusal_and_every_end_is_one_event(world):
    """As one list: two who come in, one who is refused, one who signs out, one who is disabled."""
    other = world.user("other@contoso.com")
    first, second = world.browser(), world.browser()
    first.sign_in()
    second.sign_in(name_id="other@contoso.com", attributes={})
    world.browser().sign_in(name_id="nobody@contoso.com")
    first.send("POST", f"{world.url}/out", {"Sec-Fetch-Site": "same-origin"})
    world.disable(other)
    second.get(world.url)
    operations = {"$in": ["sign-on", "sign-off"]}
    seen = [
        (event["operation"], event.get("detail", "").partition(":")[0], event["resource"].get("id"))
        for event in world.database.db.events.find({"tenant": world.tenant, "operation": operations}, sort=[("time", 1), ("_id", 1)])
    ]
    assert seen == [
        ("sign-on", "", world.user_id), ("sign-on", "", other), ("sign-on", "not-provisioned", None),
        ("sign-off", "person", world.user_id), ("sign-off", "disabled", other),
    ]


def test_scimd_events_counts_the_reasons_why_people_were_refused(world):
    for name in ("nobody@contoso.com", "other@contoso.com", NAME):
        if name == NAME:
            world.disable(world.user_id)
        world.browser().sign_in(name_id=name)
    shown = world.server.command("events", world.tenant, "--failed")
    assert "2 x not-provisioned: No user has this userName." in shown
    assert "1 x inactive: The user is disabled.\n" in shown
    assert "Secret Token" not in shown


def test_the_reference_on_the_page_leads_to_the_line_of_the_log(world):
    world.browser().sign_in(name_id="other@contoso.com")
    page = world.browser().sign_in(name_id="nobody@contoso.com")
    (reference,) = re.findall("Reference <code>([0-9a-f]+)</code>", page.text)
    shown = world.server.command("events", world.tenant, "--reference", reference)
    assert reference in shown
    assert "nobody@contoso.com" in shown
    assert "other@contoso.com" not in shown


def test_sso_38_a_response_that_nobody_asked_for_leads_to_the_start_and_is_not_read(world):
    browser = world.browser()
    for state in ("", "x" * COOKIE, "https://evil.example.com/", "y" * 10_000, "a\x00b"):
        response = browser.post("<not-even-xml", state)
        assert (response.status_code, response.headers["Location"]) == (303, f"{world.url}?unsolicited")
    assert world.reasons() == []


def test_sso_38_a_browser_is_sent_on_once_and_not_in_circles(world):
    browser = world.browser()
    browser.begin()
    browser.begin(f"{world.url}?unsolicited")
    response = browser.get(f"{world.url}?unsolicited")
    assert response.status_code == 400
    assert "took too long" in response.text
    assert world.reasons() == ["expired"]
    browser.begin()


def test_sso_38_with_the_session_of_the_identity_provider_an_unsolicited_response_ends_signed_in(world):
    browser = world.browser()
    where = browser.post("<a/>", "unknown").headers["Location"]
    answered = browser.answer(browser.begin(where))
    assert browser.get(answered.headers["Location"]).headers["Location"] == world.url
    assert browser.is_signed_in()


def test_sa_56_the_second_of_two_answers_is_too_late(world):
    browser = world.browser()
    begun = browser.begin()
    first, second = browser.answer(begun), browser.answer(begun)
    assert (first.status_code, second.status_code) == (303, 400)
    assert world.reasons() == ["expired"]
    browser.get(first.headers["Location"])
    assert len(world.sessions()) == 1


def test_a_reload_of_finish_is_too_late(world):
    browser = world.browser()
    where = browser.answer(browser.begin()).headers["Location"]
    assert browser.get(where).status_code == 303
    again = browser.get(where)
    assert again.status_code == 400
    assert f'href="{world.url}"' in again.text
    assert len(world.sessions()) == 1
    assert browser.is_signed_in()


def test_sa_61_an_answer_that_was_posted_into_another_browser_signs_nobody_in(world):
    attacker, victim = world.browser(), world.browser()
    where = attacker.answer(attacker.begin()).headers["Location"]
    for browser in (victim, world.browser()):
        assert browser.get(where).status_code == 400
        victim.begin()  # has a cookie of its own the second time
    assert victim.get(where).status_code == 400
    assert set(world.reasons()) == {"other-browser"}
    assert world.sessions() == []
    assert attacker.get(where).status_code == 303


def test_two_tabs_of_a_browser_sign_in_at_the_same_time(world):
    browser = world.browser()
    first, second = browser.begin(), browser.begin()
    for begun in (second, first):
        assert browser.get(browser.answer(begun).headers["Location"]).status_code == 303
    assert len(world.sessions()) == 1


def test_sso_70_a_new_sign_in_has_a_new_cookie_and_the_session_of_the_same_person_goes_on(world):
    browser = world.browser()
    first, second = browser.begin(), browser.begin()
    browser.get(browser.answer(first).headers["Location"])
    (before,), cookie = world.sessions(), browser.session
    world.database.db.sessions.update_one({"sid": before["sid"]}, {"$set": {"apps": ["app_1"]}})
    browser.get(browser.answer(second).headers["Location"])
    (after,) = world.sessions()
    assert (after["sid"], after["apps"]) == (before["sid"], ["app_1"])
    assert browser.session != cookie
    assert browser.is_signed_in()
    browser.cookies[browser.session_name] = cookie
    assert not browser.is_signed_in()


def test_sso_70_the_session_of_somebody_else_in_that_browser_ends(world):
    other = world.user("other@contoso.com")
    browser = world.browser()
    first, second = browser.begin(), browser.begin()
    browser.get(browser.answer(first).headers["Location"])
    browser.get(browser.answer(second, name_id="other@contoso.com", attributes={}).headers["Location"])
    assert [row["user"] for row in world.sessions()] == [other]
    (event,) = world.events("sign-off")
    assert (event["detail"], event["resource"]["id"]) == ("replaced", world.user_id)


def ticket(world):
    return Tickets(world.database).create(world.tenant, world.connection.id)


def test_op_21_a_cookie_that_was_planted_before_the_sign_in_is_replaced(world):
    browser = world.browser()
    browser.cookies[browser.session_name] = "p" * COOKIE
    browser.sign_in()
    assert browser.session not in ("", "p" * COOKIE)


def test_sso_71_a_session_ends_when_the_identity_provider_says_so(world):
    browser = world.browser()
    begun = browser.begin()
    says = browser.says(begun)
    ends = (datetime.now(UTC) + timedelta(minutes=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    xml = respond(says, "assertion", How(today()), ("SessionIndex=", f'SessionNotOnOrAfter="{ends}" SessionIndex='))
    browser.get(browser.post(xml, begun.state).headers["Location"])
    (session,) = world.sessions()
    assert session["expires"].strftime("%Y-%m-%dT%H:%M:%SZ") == ends


def test_sso_71_a_session_lasts_for_eight_hours_otherwise(world):
    world.browser().sign_in()
    (session,) = world.sessions()
    assert session["expires"] - session["created"] == pytest.approx(timedelta(hours=8), abs=timedelta(minutes=1))


def test_sso_82_a_person_signs_out(world):
    browser = world.browser()
    browser.sign_in()
    asked = browser.get(f"{world.url}/out")
    assert f"Sign out of {world.tenant}?" in asked.text
    assert len(world.sessions()) == 1
    own = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}
    done = browser.send("POST", f"{world.url}/out", own)
    assert (done.status_code, done.headers["Location"], browser.session) == (303, f"{world.url}/out", "")
    assert "You are signed out" in browser.get(f"{world.url}/out").text
    assert world.sessions() == []
    (event,) = world.events("sign-off")
    assert event["detail"] == "person"


def test_sso_81_the_page_says_that_the_identity_provider_is_not_signed_out_of(world):
    browser = world.browser()
    browser.sign_in()
    browser.send("POST", f"{world.url}/out", {"Sec-Fetch-Site": "same-origin"})
    page = browser.get(f"{world.url}/out").text
    assert "You may still be signed in at your organisation" in page
    assert "login.example.com" not in page


@pytest.mark.parametrize("headers", [
    {}, {"Origin": "https://evil.example.com"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
])
def test_sso_104_a_page_of_another_site_signs_nobody_out(world, headers):
    browser = world.browser()
    browser.sign_in()
    assert browser.send("POST", f"{world.url}/out", headers).status_code == 403
    assert len(world.sessions()) == 1
    done = browser.send("POST", f"{world.url}/out", {"Origin": world.server.url})
    assert done.status_code == 303
    assert world.sessions() == []


def test_sso_19_a_test_of_a_connection_that_is_off_shows_everything_and_makes_no_session(live_server):
    world = World(live_server, changes={"on": False})
    world.user_id = world.user()
    secret = ticket(world)
    browser = world.browser()
    assert browser.get(world.url).status_code == 404
    answered = browser.answer(browser.begin(f"{world.url}/test/{secret}"))
    assert world.browser().get(answered.headers["Location"]).status_code == 400
    page = browser.get(answered.headers["Location"])
    assert page.status_code == 200
    for shown in ("The test has passed", NAME, "Audience", "objectidentifier", "7d0c6b1e-0000-4000-8000-00000000abcd"):
        assert shown in page.text, shown
    assert world.sessions() == []
    outcome = Tickets(world.database).outcome(world.tenant, secret)
    assert (outcome["passed"], outcome["user"], outcome["name"]) == (True, world.user_id, NAME)
    assert world.database.db.connections.find_one({"tenant": world.tenant})["tested"]
    assert [event.get("failed", False) for event in world.events("sign-on-test")] == [False, True]  # then the other browser
    for url in (f"{world.url}/test/{secret}", f"{world.url}/test/nonsense", f"{world.server.url}/unknown/sign-on/test/x"):
        over = browser.get(url)  # used, mistyped, or of a customer that does not exist: the same page
        assert over.status_code == 404
        assert "works once, for 15 minutes" in over.text


def test_sso_19_a_test_that_fails_says_why(world):
    secret, browser = ticket(world), world.browser()
    answered = browser.answer(browser.begin(f"{world.url}/test/{secret}"), audience="https://other.example.com/")
    page = browser.get(answered.headers["Location"])
    assert "audience" in page.text
    assert "https://other.example.com/" in page.text
    outcome = Tickets(world.database).outcome(world.tenant, secret)
    assert (outcome["passed"], outcome["reason"]) == (False, "audience")
    (failed,) = [check for check in outcome["checks"] if not check["passed"]]
    assert (failed["name"], failed["received"]) == ("Audience", "https://other.example.com/")
    moments = next(check["received"] for check in outcome["checks"] if check["name"] == "Moments of the conditions")
    assert re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ(, )?){2}", moments)
    assert "tested" not in world.database.db.connections.find_one({"tenant": world.tenant})
