"""Every attack by SAML over HTTP: refused for its reason, with its page, without a session; the next sign-in works."""

import re
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest
import requests

from app.sign_on.reasons import SHOWN, Reason
from tests.examples import one_of_each
from tests.sign_on.saml.content import CONTENT, XML
from tests.sign_on.saml.idp import encoded, respond
from tests.sign_on.saml.world import SSO_URL, Browser, saml_tenant
from tests.sign_on.saml.wrapping import SIGNED

ATTACKS = one_of_each([*SIGNED, *XML, *CONTENT], lambda attack: (attack.row, *sorted(attack.reasons)))
"""Those of a row that end alike differ in what the function sees, and tests/sign_on/saml/test_corpus.py tries them all."""


@pytest.fixture(scope="module")
def server(live_server):
    before = len(live_server.log.read_text())
    yield live_server
    assert "Traceback" not in live_server.log.read_text()[before:]


@pytest.fixture(scope="module")
def knowing(server):
    """Return a function that returns the tenant whose connection knows these certificates."""
    return cache(lambda *known: saml_tenant(server, known))


@pytest.fixture
def tenant(server):
    return saml_tenant(server)


def refused(tenant, response, reason, events_before=0):
    """Check the page of a refusal, that it sets no cookie and makes no session, and its one line in the log."""
    assert response.status_code == SHOWN[reason].status, response.text
    assert "Set-Cookie" not in response.headers
    assert "Location" not in response.headers
    events = tenant.events()
    assert len(events) == events_before + 1
    assert events[0]["detail"].startswith(f"{reason}:")


def signed_in(tenant, browser=None):
    browser = browser or Browser()
    done = tenant.sign_in(browser)
    assert done.status_code in (200, 303), done.text
    assert f"__Host-scimd-{tenant.name}" in browser.cookies


def is_unsolicited(tenant, response):
    return (response.status_code, response.headers.get("Location")) == (303, f"{tenant.sign_on}?unsolicited")


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_sso_144_an_attack_over_http_is_refused_for_its_reason(knowing, attack):
    tenant = knowing(*attack.known)
    before, sessions, browser = len(tenant.events()), tenant.sessions(), Browser()
    sign_in = tenant.begin(browser)
    response = tenant.answer(browser, sign_in, attack.field(tenant.says(sign_in)))
    reason = Reason(tenant.events()[0]["detail"].partition(":")[0])
    assert reason in attack.reasons
    refused(tenant, response, reason, before)
    assert tenant.sessions() == sessions
    assert not {name for name in browser.cookies if name != "__Host-scimd-browser"}


def test_sso_144_after_all_attacks_an_honest_answer_is_accepted(knowing):
    signed_in(knowing(*SIGNED[0].known))


@pytest.mark.parametrize("fields", [
    [("SAMLResponse", "x"), ("SAMLResponse", "y"), ("RelayState", "z")],
    [("SAMLResponse", "x"), ("RelayState", "y"), ("RelayState", "z")],
    [("RelayState", "z")],
    [(f"a{n}", "b") for n in range(10_000)],
], ids=["response twice", "state twice", "no response", "10,000 fields"])
def test_sa_40_a_form_that_is_not_as_expected_is_refused(tenant, fields):
    refused(tenant, Browser().post(tenant.acs, fields), Reason.MALFORMED)


@pytest.mark.parametrize("how", ["query", "json", "multipart"])
def test_sa_40_a_response_that_does_not_come_by_a_form_is_refused(tenant, how):
    browser = Browser()
    sign_in = tenant.begin(browser)
    fields = {"SAMLResponse": encoded(respond(tenant.says(sign_in))), "RelayState": sign_in.state}
    if how == "query":
        response = requests.post(tenant.acs, params=fields, headers={"Content-Type": "application/x-www-form-urlencoded"}, timeout=30)
    elif how == "json":
        response = requests.post(tenant.acs, json=fields, timeout=30)
    else:
        response = requests.post(tenant.acs, files={name: (None, value) for name, value in fields.items()}, timeout=30)
    refused(tenant, response, Reason.MALFORMED)
    assert tenant.sessions() == 0


def test_sa_39_a_form_of_10_mb_is_refused(tenant):
    refused(tenant, Browser().post(tenant.acs, {"SAMLResponse": "A" * 10_000_000}), Reason.TOO_LARGE)
    signed_in(tenant)


def test_sa_55_a_response_without_a_relay_state_leads_to_the_start_and_only_once(tenant):
    browser = Browser()
    sign_in = tenant.begin(browser)
    response = browser.post(tenant.acs, {"SAMLResponse": encoded(respond(tenant.says(sign_in)))})
    assert is_unsolicited(tenant, response)
    assert browser.get(response.headers["Location"]).headers["Location"].startswith(SSO_URL)
    refused(tenant, browser.get(response.headers["Location"]), Reason.EXPIRED)
    assert tenant.sessions() == 0


def test_sa_56_the_same_post_again_is_refused(tenant):
    browser = Browser()
    sign_in = tenant.begin(browser)
    field = encoded(respond(tenant.says(sign_in)))
    first = tenant.answer(browser, sign_in, field)
    refused(tenant, tenant.answer(browser, sign_in, field), Reason.EXPIRED)
    browser.get(first.headers["Location"])
    refused(tenant, browser.get(first.headers["Location"]), Reason.EXPIRED, 2)
    assert tenant.sessions() == 1


def test_sa_56_of_eight_posts_at_once_on_two_workers_one_is_accepted(tenant):
    browser = Browser()
    sign_in = tenant.begin(browser)
    field = encoded(respond(tenant.says(sign_in)))
    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(lambda _: tenant.answer(Browser(), sign_in, field).status_code, range(8)))
    assert statuses == [303, *[SHOWN[Reason.EXPIRED].status] * 7]
    with ThreadPoolExecutor(8) as pool:
        url = f"{tenant.sign_on}/finish?state={sign_in.state}"
        done = list(pool.map(lambda _: Browser(dict(browser.cookies)).get(url).status_code, range(8)))
    assert done.count(SHOWN[Reason.EXPIRED].status) == 7
    assert tenant.sessions() == 1


def test_sa_58_a_used_assertion_is_refused_even_if_its_sign_in_is_lost_or_restored(tenant, server):
    browser = Browser()
    sign_in = tenant.begin(browser)
    kept = server.database.db.sign_ins.find_one({"tenant": tenant.name})
    field = encoded(respond(tenant.says(sign_in)))
    browser.get(tenant.answer(browser, sign_in, field).headers["Location"])
    assert tenant.sessions() == 1
    server.database.db.sign_ins.delete_one({"_id": kept["_id"]})
    assert is_unsolicited(tenant, tenant.answer(browser, sign_in, field))
    server.database.db.sign_ins.insert_one(kept)
    refused(tenant, tenant.answer(browser, sign_in, field), Reason.REPLAY, 1)
    assert tenant.sessions() == 1


def test_sa_59_a_response_for_one_tenant_is_worth_nothing_at_another(tenant, server):
    other, browser = saml_tenant(server), Browser()
    mine, theirs = tenant.begin(browser), other.begin(browser)
    field = encoded(respond(tenant.says(mine)))
    assert is_unsolicited(other, other.answer(browser, mine, field))
    refused(other, other.answer(browser, theirs, field), Reason.DESTINATION)
    field = encoded(re.sub(' Destination="[^"]*"', "", respond(tenant.says(mine))))
    refused(other, other.answer(browser, other.begin(browser), field), Reason.IN_RESPONSE_TO, 1)
    assert (tenant.sessions(), other.sessions()) == (0, 0)


@pytest.mark.parametrize("state", ["", "unknown", "s" * 43, "https://evil.example.com/", "//evil.example.com", "x" * 10_000, "a\0b", "a\r\nLocation: https://evil.example.com"])
def test_sa_60_a_strange_relay_state_leads_to_the_start_and_never_elsewhere(tenant, state):
    browser = Browser()
    sign_in = tenant.begin(browser)
    field = encoded(respond(tenant.says(sign_in)))
    response = browser.post(tenant.acs, {"SAMLResponse": field, "RelayState": state})
    assert is_unsolicited(tenant, response) or response.status_code == SHOWN[Reason.MALFORMED].status
    assert "evil" not in str(response.headers)
    assert tenant.sessions() == 0


def test_sa_60_an_expired_state_is_no_longer_answered(tenant, server):
    browser = Browser()
    sign_in = tenant.begin(browser)
    old = server.database.db.sign_ins.find_one({"tenant": tenant.name})
    before = {name: old[name].replace(year=2_000) for name in ("started", "expires") if name in old}
    server.database.db.sign_ins.update_one({"_id": old["_id"]}, {"$set": before})
    response = tenant.answer(browser, sign_in, encoded(respond(tenant.says(sign_in))))
    assert is_unsolicited(tenant, response) or response.status_code == SHOWN[Reason.EXPIRED].status
    assert tenant.sessions() == 0


@pytest.mark.parametrize("cookies", [{}, {"__Host-scimd-browser": "b" * 43}])
def test_sa_61_the_answer_to_an_attacker_signs_in_no_other_browser(tenant, cookies):
    attacker, victim = Browser(), Browser(dict(cookies))
    sign_in = tenant.begin(attacker)
    posted = tenant.answer(victim, sign_in, encoded(respond(tenant.says(sign_in))))
    page = victim.get(posted.headers["Location"])
    refused(tenant, page, Reason.OTHER_BROWSER)
    assert "your browser blocks cookies" in page.text
    assert victim.cookies == cookies
    assert tenant.sessions() == 0


def test_sa_62_the_address_of_finish_is_worth_nothing_to_somebody_else(tenant):
    mine, other = Browser(), Browser()
    other_sign_in = tenant.begin(other)
    assert other_sign_in.state
    sign_in = tenant.begin(mine)
    finish = tenant.answer(mine, sign_in, encoded(respond(tenant.says(sign_in)))).headers["Location"]
    refused(tenant, other.get(finish), Reason.OTHER_BROWSER)
    assert tenant.sessions() == 0
