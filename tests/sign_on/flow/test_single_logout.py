"""An identity provider says by SAML that a person has signed out there."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from lxml import etree

from app.store.sign_on.connections import Connections
from tests.sign_on.flow.world import World, today
from tests.sign_on.saml import test_logout as bare
from tests.sign_on.saml.test_logout import INDEX, LOGOUT_URL, XML, query

SLO_URL = "https://login.example.com/saml2/logout"


@pytest.fixture
def world(live_server):
    made = World(live_server)
    made.database.db.connections.update_one({"_id": made.connection.id}, {"$set": {"saml.sloUrl": SLO_URL}})
    made.user_id = made.user()
    return made


def request(world, *, by=None, index=INDEX, name="b.simon@contoso.com", issued=None, number="1"):
    """Return the query of a request."""
    moment = (issued or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
    xml = XML.replace(LOGOUT_URL, f"{world.url}/saml/logout").replace("2026-11-29T12:00:00Z", moment).replace("_logout-request", f"_logout-{number}")
    xml = xml.replace("b.simon@contoso.com", name)
    xml = xml.replace(INDEX, index) if index else xml.replace(f"<samlp:SessionIndex>{INDEX}</samlp:SessionIndex>", "")
    return query(xml, by)


def send(world, text):
    """Send a request as a frame of the identity provider does: without cookies."""
    return world.browser().get(f"{world.url}/saml/logout?{text}")


@pytest.mark.parametrize("is_signed", [True, False])
def test_sso_83_the_session_with_the_index_ends_and_the_identity_provider_is_told(world, is_signed):
    browser = world.browser()
    browser.sign_in()
    world.browser().sign_in(session_index="_another")
    response = send(world, request(world, by=today() if is_signed else None))
    assert response.status_code == 303
    assert response.headers["Location"].startswith(f"{SLO_URL}?")
    sent = parse_qs(urlsplit(response.headers["Location"]).query)
    assert sent["RelayState"] == ["a b/c"]
    answer = etree.fromstring(bare.zlib.decompress(bare.base64.b64decode(sent["SAMLResponse"][0]), -15))
    assert (answer.get("InResponseTo"), answer.get("Destination")) == ("_logout-1", SLO_URL)
    assert not browser.is_signed_in()
    assert [row["sessionIndex"] for row in world.sessions()] == ["_another"]
    assert [event["detail"] for event in world.events("sign-off")] == ["idp"]


def test_sso_83_a_signed_request_without_an_index_ends_all_sessions_of_the_name(world):
    other = world.user("other@contoso.com")
    for index in ("_1", "_2"):
        world.browser().sign_in(session_index=index)
    world.browser().sign_in(name_id="other@contoso.com", attributes={})
    send(world, request(world, by=today(), index=""))
    assert [row["user"] for row in world.sessions()] == [other]


def test_sa_65_nothing_ends_by_a_request_that_is_not_good(world):
    world.browser().sign_in()
    old = datetime.now(UTC) - timedelta(minutes=10)
    for text in (
        request(world, index=""), request(world, index="_wrong"), request(world, by=today("other")),
        request(world, by=today(), name="other@contoso.com"), request(world, by=today(), issued=old), "", "SAMLRequest=x", "%ff",
        query(f"<samlp:LogoutRequest>{' ' * 4_000_000}", None),  # 5 KB, as it is sent
    ):
        assert send(world, text).status_code != 500
    assert len(world.sessions()) == 1
    assert world.events("sign-off") == []


def test_sa_65_a_signed_request_is_good_once(world):
    text = request(world, by=today(), index="")
    world.browser().sign_in()
    send(world, text)
    world.browser().sign_in()
    response = send(world, text)
    assert (response.status_code, world.reasons()) == (403, ["replay"])
    assert "You were not signed out" in response.text and f'href="{world.url}/out"' in response.text
    assert "Start again" not in response.text
    assert len(world.sessions()) == 1


def test_sa_65_the_key_of_another_tenants_identity_provider_ends_nothing(world):
    other = World(world.server)
    other.user()
    other.browser().sign_in()
    connections = Connections(world.database)
    connections.turn_off(world.tenant, world.connection.id)
    world.connect(by=today("strange"))
    send(other, request(other, by=today("strange"), index=""))
    assert len(other.sessions()) == 1


def test_sso_83_a_tenant_without_saml_has_no_single_logout(live_server):
    response = World(live_server).browser().get(f"{live_server.url}/no-such-tenant/sign-on/saml/logout?SAMLRequest=x")
    assert response.status_code == 404
