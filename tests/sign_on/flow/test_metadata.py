"""Metadata that is read again because of an answer that no known certificate has signed, over HTTP."""

import pytest

from app.store.sign_on.connections import Connections
from tests.sign_on.flow.test_single_logout import request, send
from tests.sign_on.flow.world import SSO_URL, today
from tests.sign_on.metadata import metadata, running_publisher
from tests.sign_on.saml import idp
from tests.sign_on.saml.idp import How, respond


@pytest.fixture
def publisher():
    with running_publisher() as one:
        yield one


def publish(world, publisher):
    """Note where the metadata of the connection is."""
    world.database.db.connections.update_one({"_id": world.connection.id}, {"$set": {"saml.metadataUrl": publisher.url}})


@pytest.mark.parametrize(("shows", "reason"), [("by", "unknown-certificate"), (None, "bad-signature")])
def test_sso_16_a_certificate_that_the_metadata_has_got_this_minute_is_found(world, publisher, shows, reason):
    """The identity provider signs with a certificate that is not known yet: its metadata is read once more."""

    def sign_in(name):
        browser = world.browser()
        begun = browser.begin()
        answered = browser.post(respond(browser.says(begun), "assertion", How(today(name), shows=shows)), begun.state)
        return browser.get(answered.headers["Location"]) if answered.status_code == 303 else answered

    new = today("new").certificate
    publisher.body = metadata(new, sso_url=SSO_URL)
    publish(world, publisher)
    assert sign_in("new").headers["Location"] == world.url
    for _ in range(5):
        assert sign_in("strange").status_code == 403
    assert publisher.fetches == 1
    assert world.reasons() == [reason] * 5
    assert Connections(world.database).get(world.tenant, world.connection.id).saml.certificates[0].thumbprint == new.thumbprint


def test_sso_16_83_a_sign_out_with_a_certificate_that_the_metadata_has_got_this_minute_is_carried_out(world, publisher):
    world.browser().sign_in()
    publisher.body = metadata(today("new").certificate, sso_url=SSO_URL)
    publish(world, publisher)
    for by, sessions in (("new", 0), ("strange", 0)):
        send(world, request(world, by=today(by), index="", number=by))
        assert (len(world.sessions()), publisher.fetches) == (sessions, 1)
    assert world.reasons() == ["bad-signature"]


@pytest.mark.parametrize(("body", "behaviour", "fault"), [
    (b'<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><x>&y;</x>', "good", "DTD"), (b"x" * 1_000_000, "good", "524288 bytes"),
    pytest.param(None, "drip", "too long", marks=pytest.mark.long), (None, "redirect", "302"), (None, "error", "500"),
    (metadata(entity_id="https://sts.windows.net/other/"), "good", idp.ENTITY_ID), (metadata(use="encryption"), "good", "certificate"),
    (b"", "good", ""),
])
def test_sa_64_bad_metadata_changes_nothing_and_good_answers_go_on(world, publisher, body, behaviour, fault):
    publisher.body, publisher.behaviour = metadata() if body is None else body, behaviour
    publish(world, publisher)
    before = Connections(world.database).get(world.tenant, world.connection.id)
    assert world.browser().sign_in(by=today("strange")).status_code == 403
    assert world.reasons() == ["unknown-certificate"]
    after = Connections(world.database).get(world.tenant, world.connection.id)
    assert (after.saml, after.on) == (before.saml, True)
    assert fault in after.fault and after.fault
    assert publisher.followed == 0
    assert after.fault in world.server.command("sso", "show", world.tenant)
    assert world.browser().sign_in().headers["Location"] == world.url
