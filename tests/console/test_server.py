"""The pages on the server, on what is pushed, and on sign-on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from app.advice.wording import utc
from app.advice.words import OUTCOMES
from app.store.delivery import starting
from app.store.delivery.endpoint import OFF, ON, WEBHOOK
from app.store.delivery.endpoints import Endpoints
from app.store.delivery.put_aside import GIVEN_UP, PutAside, PutAsides
from app.store.delivery.touched import Touched
from app.store.mongo.moments import now
from app.store.operators.audit import AuditLog
from tests.console.test_log import Customer
from tests.sign_on.flow.world import World


@pytest.fixture
def customer(pages) -> Customer:
    return Customer(pages)


@pytest.fixture
def endpoint(pages, customer):
    place = starting.newest(pages.database)
    url = "https://secret-name:443/path-with-secret"
    return Endpoints(pages.database).create(customer.name, WEBHOOK, place=place, url=url)


def test_health_says_how_the_database_is_and_shows_no_password(pages, operator) -> None:
    shown = operator.get("/console/health")
    assert shown.status == 200
    facts = dict(zip(shown.texts("//dt"), shown.texts("//dd"), strict=True))
    assert facts["MongoDB"].startswith("6.")
    assert (facts["SCIMD_RATE_LIMIT"], facts["SCIMD_SCHEMAS_DIR"]) == ("off", "not set")
    assert facts["SCIMD_LOG_VALUES"] in ("on", "off") and not {"-", "", "True", "False"}.intersection(facts.values())
    assert facts["SCIMD_MONGODB_URI"] in ("set", "not set")
    assert "mongodb://" not in shown.main
    assert "ms" in facts["Answers in"]


def test_an_endpoint_is_turned_off_and_on(pages, operator, customer, endpoint) -> None:
    page = f"{customer.page}/feed"
    shown = operator.get(page)
    assert endpoint.id in shown.main and "secret-name" in shown.main
    assert "path-with-secret" not in shown.response.text
    shown = operator.post(page, {"act": "disable", "endpoint": endpoint.id})
    assert shown.texts("//p[@role='status']") == [OUTCOMES["disable"]] and "nothing is sent" in OUTCOMES["disable"]
    assert Endpoints(pages.database).get(endpoint.id).state == OFF
    shown = operator.post(page, {"act": "enable", "endpoint": endpoint.id})
    assert shown.texts("//p[@role='status']") == [OUTCOMES["enable"]]
    assert Endpoints(pages.database).get(endpoint.id).state == ON
    acts = [act["act"] for act in AuditLog(pages.database).find(tenant=customer.name)]
    assert acts == ["webhook disable", "webhook enable"]


def test_what_an_endpoint_has_not_accepted_is_tried_again_only_while_it_is_on(pages, operator, customer, endpoint) -> None:
    moment = now() + timedelta(hours=5)
    waits = PutAside(
        endpoint=endpoint.id, event="waits", seq=1, tenant=customer.name, type="scimd.user.created", time=moment,
        touched=Touched("", frozenset({"x"})), next=moment, attempts=2, status=404, reason="answered 404",
    )
    PutAsides(pages.database).put(waits)
    PutAsides(pages.database).put(replace(waits, event="gone", seq=2, state=GIVEN_UP, forget=moment))

    def said() -> list[list[str]]:
        shown = operator.get(f"{customer.page}/feed")
        return [[shown.texts(f"//tr[contains(., '{each}')]/td[@data-label='{name}']")[0] for name in ("Answer", "Next")] for each in ("waits", "gone")]

    assert said() == [["answered 404", utc(moment)], ["answered 404", "-"]]
    Endpoints(pages.database).disable(endpoint.id, "turned off")
    assert said() == [["answered 404", "-"], ["answered 404", "-"]]


def test_ca_04_an_endpoint_of_another_customer_is_left_alone(pages, operator, endpoint) -> None:
    other = Customer(pages)
    assert operator.post(f"{other.page}/feed", {"act": "disable", "endpoint": endpoint.id}).status == 422
    assert endpoint.id not in operator.get(f"{other.page}/feed").main
    assert Endpoints(pages.database).get(endpoint.id).state == ON


def test_an_event_that_is_not_in_the_log_is_said(operator, customer, endpoint) -> None:
    sent = {"act": "resend", "endpoint": endpoint.id, "event": "nothing"}
    assert operator.post(f"{customer.page}/feed", sent).status == 422


def test_sign_on_shows_the_connection_and_who_was_refused(pages, operator) -> None:
    world = World(pages)
    user = world.user("b.simon@contoso.com")
    world.browser().sign_in()
    world.browser().sign_in(name_id="nobody@contoso.com")
    shown = operator.get(f"/console/customers/{world.tenant}/sign-on")
    assert world.connection.id in shown.main
    assert "nobody@contoso.com" in shown.main
    (signed_in,) = shown.tree.xpath("//h2[.='Signed in now']/following-sibling::ul/li/a")
    assert signed_in.text_content() == "b.simon@contoso.com" and user not in shown.main
    assert "b.simon@contoso.com" in operator.get(signed_in.get("href")).main
    (why,) = [link for link in shown.links() if "/log/" in link]
    page = operator.get(why)
    assert page.status == 200
    (sentence,) = page.texts("//h2[.='not-provisioned']/following-sibling::p[1]")
    assert sentence.endswith("that the match rule names?"), "a sentence of ours is not cut"


def test_without_sign_on_the_page_says_how_to_begin(operator, customer) -> None:
    assert f"scimd sso set {customer.name}" in operator.get(f"{customer.page}/sign-on").main
    assert f"scimd webhook create {customer.name}" in operator.get(f"{customer.page}/feed").main
