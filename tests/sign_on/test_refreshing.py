"""What identity providers publish is read again; a reading that fails changes nothing and is shown as the fault."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from app.sign_on.refreshing import MOST_AGE, PAUSE, Refreshing, Unusable, certificates, discovered, with_metadata
from app.store.sign_on.connection import Connection, OidcPart, SamlPart
from app.store.sign_on.connections import Connections, Readings
from tests.auth.issuer import running_issuer
from tests.sign_on.metadata import SSO_URL, metadata, running_publisher
from tests.sign_on.saml.idp import ENTITY_ID, signer

THREADS = 8
MS = timedelta(milliseconds=1)
OTHER = "https://sts.windows.net/0b1d7e1c-0000-4000-8000-000000000002/"
DOCTYPE = b'<!DOCTYPE EntityDescriptor [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


@pytest.fixture
def publisher():
    with running_publisher() as one:
        yield one


@pytest.fixture
def issuer():
    with running_issuer() as one:
        root = one.url.rsplit("/", 2)[0]
        one.metadata |= {"authorization_endpoint": f"{root}/authorize", "token_endpoint": f"{root}/token"}
        yield one


@pytest.fixture
def failures():
    return []


@pytest.fixture
def refreshing(database, clock, failures):
    return Refreshing(database, clock, failures.append)


@pytest.fixture
def connections(database, clock):
    return Connections(database, clock)


@pytest.fixture
def saml(connections, publisher):
    part = SamlPart(entity_id="", sso_url="", certificates=(), metadata_url=publisher.url)
    made = Connection(tenant="contoso", kind="saml", match_attribute="userName", match_source="NameID")
    return connections.save(replace(made, saml=with_metadata(part, metadata())))


@pytest.fixture
def openid(connections, issuer):
    part = discovered(OidcPart(issuer=issuer.url, client_id="1"))
    made = Connection(tenant="contoso", kind="oidc", match_attribute="userName", match_source="upn", oidc=part)
    return connections.get("contoso", connections.save(made).id)


def thumbprints(connection):
    return [each.thumbprint for each in certificates(connection)]


def test_sso_15_what_metadata_says_is_stored(saml):
    assert (saml.saml.entity_id, saml.saml.sso_url, saml.saml.slo_url) == (ENTITY_ID, SSO_URL, SSO_URL)
    assert certificates(saml) == (signer().certificate,)
    assert saml.expires == signer().certificate.not_after


def test_sso_16_metadata_is_read_again_after_an_hour_by_one_worker(refreshing, connections, publisher, saml, clock):
    publisher.body = metadata(signer("new").certificate, sso_url="https://idp.example.com/new")
    clock.moment += MOST_AGE - MS
    assert refreshing.round() == 0
    clock.moment += MS
    with ThreadPoolExecutor(THREADS) as threads:
        assert sum(threads.map(lambda _: refreshing.round(), range(THREADS))) == 1
    found = connections.get("contoso", saml.id)
    assert (found.saml.sso_url, found.fetched) == ("https://idp.example.com/new", clock.moment)
    assert thumbprints(found) == [signer("new").certificate.thumbprint]
    assert publisher.fetches == 1


def test_sso_16_what_was_tried_longest_ago_is_read_first_and_nothing_is_claimed_before_its_turn(
    database, refreshing, connections, clock, saml, monkeypatch
):
    others = [connections.save(replace(saml, tenant=name, id="")) for name in ("fabrikam", "tailspin")]
    clock.moment += MOST_AGE
    in_turn, rest = [], ["tailspin", "fabrikam", "contoso"]
    for connection in (others[1], others[0], saml):
        Readings(database, clock).claim(connection, PAUSE)
        clock.moment += PAUSE

    def read(connection):
        in_turn.append(connection.tenant)
        claimed = [each.tenant for name in rest for each in connections.of_tenant(name) if each.attempted == clock.moment]
        assert claimed == in_turn

    monkeypatch.setattr(refreshing, "read", read)
    assert refreshing.round() == 3
    assert in_turn == rest


def test_sso_16_metadata_is_read_at_once_and_then_no_more_for_a_minute(
    refreshing, connections, publisher, saml, clock
):
    publisher.body = metadata(signer().certificate, signer("new").certificate)
    found = refreshing.again(saml)
    assert thumbprints(found) == [signer().certificate.thumbprint, signer("new").certificate.thumbprint]
    for _ in range(100):
        assert refreshing.again(found) is None
    assert publisher.fetches == 1
    clock.moment += PAUSE
    assert refreshing.again(found) == connections.get("contoso", saml.id)
    assert publisher.fetches == 2


def test_sso_16_many_answers_at_once_wait_for_the_one_that_reads(refreshing, publisher, saml, clock):
    publisher.body = metadata(signer("new").certificate)
    clock.moment += MS
    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(lambda _: refreshing.again(saml), range(THREADS)))
    assert [thumbprints(each) for each in found] == [[signer("new").certificate.thumbprint]] * THREADS
    assert publisher.fetches == 1


def test_many_answers_at_once_wait_for_both_requests_of_a_reading(refreshing, openid, clock, monkeypatch):
    monkeypatch.setattr("app.sign_on.refreshing.SECONDS", 1.0)
    clock.moment += MS

    def slowly(part):
        time.sleep(1.5)  # each of the two requests has a second
        return discovered(part)

    monkeypatch.setattr("app.sign_on.refreshing.discovered", slowly)
    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(lambda _: refreshing.again(openid), range(THREADS)))
    assert None not in found


BAD = {
    "doctype": metadata().replace(b"<EntityDescriptor", DOCTYPE + b"<EntityDescriptor", 1),
    "large": metadata() + b" " * (512 << 10),
    "another entity": metadata(entity_id=OTHER),
    "only encryption keys": metadata(use="encryption"),
    "http": metadata(sso_url="http://login.example.com/sso"),
    "no metadata": b"<html/>",
    "no XML": b"{",
    "nothing": b"",
    "two entities": b"<EntitiesDescriptor xmlns='urn:oasis:names:tc:SAML:2.0:metadata'>%s%s</EntitiesDescriptor>" % (
        (metadata(entity_id=OTHER).split(b"?>", 1)[1],) * 2
    ),
}


@pytest.mark.parametrize("name", [*BAD, "error", "redirect", "drip"])
def test_sa_64_metadata_that_is_of_no_use_changes_nothing_and_the_fault_says_why(
    refreshing, connections, publisher, saml, name, failures, monkeypatch
):
    if name == "drip":
        monkeypatch.setattr("app.sign_on.refreshing.SECONDS", 0.3)
    publisher.body = BAD.get(name, publisher.body)
    publisher.behaviour = "good" if name in BAD else name
    fault = refreshing.read(saml)
    assert fault
    assert fault.endswith(".")
    assert connections.get("contoso", saml.id) == replace(saml, fault=fault)
    assert failures == ["contoso"]
    assert publisher.followed == 0
    if name == "another entity":
        assert OTHER in fault
        assert ENTITY_ID in fault
    publisher.body, publisher.behaviour = metadata(), "good"
    assert refreshing.read(saml) == ""
    assert connections.get("contoso", saml.id).fault == ""


def test_sa_64_metadata_that_nobody_serves_changes_nothing(refreshing, connections, saml, publisher):
    publisher.server_close()
    fault = refreshing.read(saml)
    assert "could not be read" in fault
    assert connections.get("contoso", saml.id) == replace(saml, fault=fault)


def test_sso_15_several_entities_need_the_name_of_one(saml):
    mixed = b"<EntitiesDescriptor xmlns='urn:oasis:names:tc:SAML:2.0:metadata'>%s%s</EntitiesDescriptor>" % (
        metadata().split(b"?>", 1)[1], metadata(entity_id=OTHER).split(b"?>", 1)[1].replace(b'"_1"', b'"_2"'),
    )
    assert with_metadata(replace(saml.saml, entity_id=OTHER), mixed).entity_id == OTHER
    with pytest.raises(Unusable, match="--entity-id"):
        with_metadata(replace(saml.saml, entity_id=""), mixed)


def test_a_file_is_not_read_again(refreshing, connections, saml):
    by_hand = connections.save(replace(saml, saml=replace(saml.saml, metadata_url="")))
    assert refreshing.again(by_hand) is None


def test_sso_20_an_issuers_metadata_and_keys_are_read(openid, issuer):
    assert openid.oidc.metadata["token_endpoint"].endswith("/token")
    assert [key["kid"] for key in openid.oidc.keys] == ["a"]


def test_oi_08_keys_are_read_again_once_a_minute(refreshing, openid, issuer, clock):
    issuer.fetches = 0
    issuer.keys = ["a", "b"]
    clock.moment += MS
    found = refreshing.again(openid)
    assert [key["kid"] for key in found.oidc.keys] == ["a", "b"]
    assert [refreshing.again(found) for _ in range(100)] == [None] * 100
    assert issuer.fetches == 1
    clock.moment += PAUSE
    assert refreshing.again(found) is not None


@pytest.mark.parametrize("behaviour", ["error", "redirect", "garbage", "list", "empty", "huge", "cut"])
def test_oi_17_a_key_set_that_is_of_no_use_changes_nothing(refreshing, connections, openid, issuer, behaviour):
    issuer.behaviour = behaviour
    fault = refreshing.read(openid)
    assert connections.get("contoso", openid.id) == replace(openid, fault=fault)
    assert fault


def test_oi_17_metadata_of_another_issuer_changes_nothing(refreshing, connections, openid, issuer):
    issuer.metadata["issuer"] = "https://login.microsoftonline.com/{tenantid}/v2.0"
    assert "placeholder" in refreshing.read(openid)
    assert connections.get("contoso", openid.id).oidc == openid.oidc
