"""What is read from the metadata of an identity provider, and what ours says."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from app.sign_on.certificate import Certificate
from app.sign_on.reasons import Reason, SignOnRefused
from app.sign_on.saml.metadata import parse
from app.sign_on.saml.own_metadata import OwnService, own_metadata
from tests.examples import examples
from tests.sign_on.saml.idp import ACS_URL, ENTITY_ID, OUR_ENTITY_ID, signer

MD = "urn:oasis:names:tc:SAML:2.0:metadata"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
SSO_URL, SLO_URL = "https://login.example.com/0b1d/saml2", "https://login.example.com/0b1d/logout"


def key(name="idp", use='use="signing"', **how):
    certificate = signer(name, **how).certificate.text
    return (
        f'<KeyDescriptor {use}><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>{certificate}'
        "</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"
    )


def service(name, url, binding=REDIRECT):
    return f'<{name} Binding="{binding}" Location="{url}"/>'


SERVICES = service("SingleLogoutService", SLO_URL) + service("SingleSignOnService", SSO_URL + "?post", POST) + service("SingleSignOnService", SSO_URL)


def entity(keys=None, services=SERVICES, entity_id=ENTITY_ID, protocols="urn:oasis:names:tc:SAML:2.0:protocol"):
    """Return metadata as Entra writes it, with the roles of WS-Federation beside the one that counts."""
    keys = key() if keys is None else keys
    return (
        f'<EntityDescriptor ID="_8b4e-metadata" entityID="{entity_id}" xmlns="{MD}">'
        f'<RoleDescriptor xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="fed:SecurityTokenServiceType">{key("fed")}</RoleDescriptor>'
        f'<IDPSSODescriptor protocolSupportEnumeration="{protocols}">{keys}{services}</IDPSSODescriptor></EntityDescriptor>'
    )


def reason(xml, entity_id=None):
    with pytest.raises(SignOnRefused) as refused:
        parse(xml.encode() if isinstance(xml, str) else xml, entity_id)
    return refused.value.reason


def test_sso_15_what_counts_is_read_and_everything_else_ignored():
    metadata = parse(f'\ufeff<?xml version="1.0" encoding="utf-8"?><!-- made today --><?x y?>{entity()}'.encode())
    assert metadata.entity_id == ENTITY_ID
    assert (metadata.sso_url, metadata.slo_url) == (SSO_URL, SLO_URL)
    assert metadata.certificates == (signer().certificate,)


def test_sso_17_certificates_for_signing_and_for_any_use_count_each_once():
    keys = key() + key("second", "") + key() + key("other", 'use="encryption"')
    assert parse(entity(keys).encode()).certificates == (signer().certificate, signer("second").certificate)


def test_sso_17_a_weak_key_beside_a_good_one_is_left_out_and_alone_refused():
    weak = key("weak", bits=1_024)
    assert parse(entity(weak + key()).encode()).certificates == (signer().certificate,)
    assert reason(entity(weak)) == Reason.WEAK_ALGORITHM


def test_sso_17_more_than_ten_certificates_are_refused():
    assert reason(entity("".join(key(f"ec {n}", curve="P-256") for n in range(11)))) == Reason.TOO_LARGE
    assert len(parse(entity("".join(key(f"ec {n}", curve="P-256") for n in range(10))).encode()).certificates) == 10


def test_sso_15_of_several_parties_one_is_chosen_by_its_name():
    both = f'<EntitiesDescriptor xmlns="{MD}">{entity()}{entity(key("second"), entity_id="urn:other")}</EntitiesDescriptor>'
    assert reason(both) == Reason.STRUCTURE
    assert parse(both.encode(), "urn:other").certificates == (signer("second").certificate,)
    assert reason(both, "urn:third") == Reason.ISSUER


@pytest.mark.parametrize(("xml", "expected"), [
    ("<!DOCTYPE x>" + entity(), Reason.MALFORMED),
    ('<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]>' + entity(), Reason.MALFORMED),
    (entity() + "<" , Reason.MALFORMED),
    ("", Reason.MALFORMED),
    (entity() + " " * 600_000, Reason.TOO_LARGE),
    (b"x" * 10_000_000, Reason.TOO_LARGE),
    (entity(services=SERVICES + "<Organization/>" * 20_001), Reason.TOO_LARGE),
    (entity(key(use='use="encryption"')), Reason.STRUCTURE),
    (entity(""), Reason.STRUCTURE),
    (entity(key().replace("<X509Certificate>MII", "<X509Certificate>XXX")), Reason.MALFORMED),
    (entity(services=""), Reason.STRUCTURE),
    (entity(services=service("SingleSignOnService", SSO_URL, POST)), Reason.STRUCTURE),
    (entity(protocols="urn:oasis:names:tc:SAML:1.1:protocol"), Reason.STRUCTURE),
    (entity(entity_id=""), Reason.STRUCTURE),
    ("<html/>", Reason.STRUCTURE),
], ids=range(15))
def test_sa_64_bad_metadata_is_refused(xml, expected):
    assert reason(xml) == expected


def test_sa_64_another_entity_is_refused():
    assert reason(entity(entity_id="urn:other"), ENTITY_ID) == Reason.ISSUER


def test_a_certificate_is_read_from_pem_and_base64_and_nothing_else():
    certificate = signer().certificate
    assert Certificate.from_text(signer().pem) == Certificate.from_text(certificate.text) == certificate
    for text in ("", "MII", "ä", certificate.text[:-8], "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"):
        with pytest.raises(SignOnRefused, match="certificate"):
            Certificate.from_text(text)


@settings(max_examples=examples(50), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1_000), st.integers(0, 255)), min_size=1, max_size=3))
def test_a_certificate_that_was_changed_is_read_or_refused(changes):
    der = bytearray(signer().certificate.der)
    for place, value in changes:
        der[place % len(der)] = value
    with suppress(SignOnRefused):
        assert Certificate.from_der(bytes(der)).weakness != ""


def test_a_certificate_of_an_unknown_version_is_refused():
    der = signer().certificate.der
    assert der.count(b"\xa0\x03\x02\x01\x02") == 1
    with pytest.raises(SignOnRefused):
        Certificate.from_der(der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x63"))


def test_sso_21_our_metadata_says_what_an_identity_provider_has_to_know_in_the_order_of_the_schema():
    ours = OwnService(OUR_ENTITY_ID, ACS_URL, "https://scim.example.com/out?a=b&c", [signer().certificate], signs_requests=True)
    root = etree.fromstring(own_metadata(ours))
    assert root.attrib == {"entityID": OUR_ENTITY_ID}
    (role,) = root
    assert (role.get("WantAssertionsSigned"), role.get("AuthnRequestsSigned")) == ("true", "true")
    assert [etree.QName(each).localname for each in role] == ["KeyDescriptor", "SingleLogoutService", "AssertionConsumerService"]
    assert role[0].findtext(".//{*}X509Certificate") == signer().certificate.text
    assert (role[1].get("Binding"), role[1].get("Location")) == (REDIRECT, "https://scim.example.com/out?a=b&c")
    assert (role[2].get("Binding"), role[2].get("Location"), role[2].get("index"), role[2].get("isDefault")) == (POST, ACS_URL, "0", "true")


def test_sso_21_without_signed_requests_our_metadata_has_no_key():
    root = etree.fromstring(own_metadata(OwnService(OUR_ENTITY_ID, ACS_URL, "https://scim.example.com/out")))
    assert root[0].get("AuthnRequestsSigned") == "false"
    assert root.find(".//{*}KeyDescriptor") is None
