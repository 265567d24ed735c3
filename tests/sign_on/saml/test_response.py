"""Good responses, in all the ways in which identity providers write them."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from signxml import DigestAlgorithm, SignatureMethod

from app.sign_on.checks import Checks
from app.sign_on.reasons import Reason, SignOnRefused
from app.sign_on.saml.response import Expected, read_response
from tests.sign_on.saml.idp import (
    ACS_URL,
    CLAIMS,
    ENTITY_ID,
    METHODS,
    MS_CLAIMS,
    NOW,
    OBJECT_ID,
    OUR_ENTITY_ID,
    PASSWORD,
    REQUEST_ID,
    How,
    Says,
    encoded,
    respond,
    signer,
)

MULTIPLE = "http://schemas.microsoft.com/claims/multipleauthn"
PASSWORD_CONTEXT = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"  # noqa: S105


def expected(*signers, **changes):
    certificates = tuple(each.certificate for each in signers or [signer()])
    return replace(Expected(ENTITY_ID, OUR_ENTITY_ID, ACS_URL, certificates, REQUEST_ID, NOW), **changes)


def reason(xml, **changes):
    with pytest.raises(SignOnRefused) as refused:
        read_response(encoded(xml), expected(**changes))
    return refused.value.reason


@pytest.mark.parametrize("what", ["assertion", "response", "both"])
def test_sso_43_each_way_of_signing_is_accepted(what):
    identity, used = read_response(encoded(respond(what=what)), expected())
    assert (identity.name_id, identity.subject) == ("b.simon@contoso.com", OBJECT_ID)
    assert identity.values["NameID"] == ("b.simon@contoso.com",)
    assert identity.values[f"{CLAIMS}givenname"] == ("B.",)
    assert identity.auth_time == NOW - timedelta(seconds=20)
    assert identity.session_index == Says().session_index
    assert identity.acr == "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
    assert identity.amr == ("pwd",)
    assert used.id == Says().assertion_id
    assert used.until == NOW + timedelta(seconds=3_660)


@pytest.mark.parametrize("name", ["SHA256", "SHA384", "SHA512"])
@pytest.mark.parametrize(("family", "by"), [("RSA", signer()), ("ECDSA", signer("ec", curve="P-256")), ("ECDSA", signer("ec384", curve="P-384"))])
def test_sso_42_each_accepted_algorithm_is_verified(name, family, by):
    how = How(by, SignatureMethod[f"{family}_{name}"], DigestAlgorithm[name])
    identity, _ = read_response(encoded(respond(how=how)), expected(by))
    assert identity.subject == OBJECT_ID


def test_sso_42_without_a_certificate_in_it_each_known_one_is_tried():
    xml = respond(how=How(signer("second"), shows=None))
    assert "X509" not in xml
    identity, _ = read_response(encoded(xml), expected(signer(), signer("second")))
    assert identity.subject == OBJECT_ID
    assert reason(xml) == Reason.BAD_SIGNATURE


def test_sso_17_a_second_certificate_of_the_metadata_counts():
    checks = Checks()
    read_response(encoded(respond(how=How(signer("second")))), expected(signer(), signer("second")), checks)
    assert signer("second").certificate.thumbprint in str(checks.made)


def test_sso_42_an_unknown_certificate_is_named_with_those_that_are_known():
    with pytest.raises(SignOnRefused) as refused:
        read_response(encoded(respond(how=How(signer("other")))), expected())
    assert refused.value.reason == Reason.UNKNOWN_CERTIFICATE
    last = refused.value.checks[-1]
    assert (last.expected, last.received) == (signer().certificate.thumbprint, signer("other").certificate.thumbprint)


GOOD = {
    "two audiences": respond(change=("</Audience>", "</Audience><Audience>https://other.example.com</Audience>")),
    "an audience with spn": respond(Says(audience=f"spn:{OUR_ENTITY_ID}")),
    "150 groups": respond(Says(attributes={"Group": tuple(f"group {n}" for n in range(150))})),
    "no Destination": re.sub(r' Destination="[^"]*"', "", respond()),
    "umlauts": respond(Says(name_id="jürgen.groß😀@contoso.com")),
    "one time use": respond(change=("<AudienceRestriction>", "<OneTimeUse/><AudienceRestriction>")),
    "a declaration": '<?xml version="1.0" encoding="UTF-8"?>\n' + respond(),
    "a byte order mark": "\ufeff" + respond(),
    "unused namespaces": respond().replace("<NameID ", "<NameID " + " ".join(f'xmlns:n{n}="u:{n}"' for n in range(1_500)) + " "),
    "another name for the attributes' format": respond(change=('<Attribute Name="', '<Attribute NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri" Name="')),
}


@pytest.mark.parametrize("xml", GOOD.values(), ids=GOOD)
def test_sso_140_what_an_honest_identity_provider_writes_is_accepted(xml):
    identity, _ = read_response(encoded(xml), expected())
    assert identity.name_id


def test_sso_40_base64_may_have_line_breaks():
    text = encoded(respond())
    lines = "\r\n".join(text[n : n + 76] for n in range(0, len(text), 76))
    assert read_response(f"  {lines}\n", expected())[0].subject == OBJECT_ID


@pytest.mark.parametrize("seconds", [-359, 3_659])
def test_sso_45_a_clock_may_be_59_seconds_apart(seconds):
    now = NOW + timedelta(seconds=seconds)
    says = Says(authenticated="2026-11-29T11:50:00Z")
    assert read_response(encoded(respond(says)), expected(now=now))[0].subject == OBJECT_ID


@pytest.mark.parametrize(("seconds", "expected_reason"), [(-361, Reason.NOT_YET), (3_660, Reason.TOO_LATE)])
def test_sa_47_a_clock_may_not_be_more_than_60_seconds_apart(seconds, expected_reason):
    says = Says(authenticated="2026-11-29T11:50:00Z")
    assert reason(respond(says), now=NOW + timedelta(seconds=seconds)) == expected_reason


def test_sso_63_a_persistent_name_is_the_subject_and_another_is_not():
    persistent = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
    assert read_response(encoded(respond(Says(attributes={}))), expected())[0].subject is None
    named = Says(attributes={}, name_id="pairwise", name_format=persistent)
    assert read_response(encoded(respond(named)), expected())[0].subject == "pairwise"
    chosen = expected(subject_source=f"{CLAIMS}surname")
    assert read_response(encoded(respond()), chosen)[0].subject == "Simon"


def test_sso_63_an_attribute_called_nameid_is_not_the_name():
    identity, _ = read_response(encoded(respond(Says(attributes={"NameID": ("admin@contoso.com",)}))), expected())
    assert identity.values["NameID"] == ("b.simon@contoso.com",)


def test_sso_47_a_second_factor_can_be_required():
    assert reason(respond(), require_mfa=True) == Reason.NO_MFA
    methods = {"http://schemas.microsoft.com/claims/authnmethodsreferences": ("http://schemas.microsoft.com/claims/multipleauthn",)}
    identity, _ = read_response(encoded(respond(Says(attributes=methods))), expected(require_mfa=True))
    assert identity.amr == ("mfa", "pwd")
    refeds = respond(change=("urn:oasis:names:tc:SAML:2.0:ac:classes:Password", "https://refeds.org/profile/mfa"))
    assert read_response(encoded(refeds), expected(require_mfa=True))[0].amr == ("mfa", "pwd")


@pytest.mark.parametrize(("methods", "context", "amr"), [
    ((PASSWORD, MULTIPLE), PASSWORD_CONTEXT, ("mfa", "pwd")), ((PASSWORD, "urn:unknown"), "urn:unknown", ("pwd",)),
    ((), "https://refeds.org/profile/mfa", ("mfa",)), (("urn:unknown",), "urn:unknown", ()),
])
def test_sso_48_what_is_known_of_the_methods_becomes_amr_and_the_context_acr(methods, context, amr):
    says = Says(attributes={METHODS: methods} if methods else {})
    identity, _ = read_response(encoded(respond(says, change=(PASSWORD_CONTEXT, context))), expected())
    assert (identity.acr, identity.amr) == (context, amr)


@pytest.mark.parametrize("name", ["EncryptedAssertion", "EncryptedID", "EncryptedAttribute"])
def test_sso_49_an_encrypted_message_is_refused_with_what_to_turn_off(name):
    part = f'<{name} xmlns="urn:oasis:names:tc:SAML:2.0:assertion"/>'
    with pytest.raises(SignOnRefused) as refused:
        read_response(encoded(respond(change=("<AttributeStatement>", f"{part}<AttributeStatement>"))), expected())
    assert refused.value.reason == Reason.ENCRYPTED
    assert "turn token encryption off at the identity provider" in refused.value.detail


def test_sso_46_an_attribute_that_comes_several_times_has_the_values_of_all():
    roles = "".join(f'<Attribute Name="Role"><AttributeValue>{role}</AttributeValue></Attribute>' for role in ("reader", "writer"))
    xml = respond(change=("</AttributeStatement>", f"{roles}</AttributeStatement><AttributeStatement>{roles}</AttributeStatement>"))
    identity, _ = read_response(encoded(xml), expected())
    assert identity.values["Role"] == ("reader", "writer", "reader", "writer")
    assert (identity.name_id, identity.subject) == ("b.simon@contoso.com", OBJECT_ID)


def test_sa_53_what_says_who_the_person_is_comes_once():
    for name, more in ((f"{MS_CLAIMS}objectidentifier", {}), (f"{CLAIMS}name", {}), ("uid", {"match_source": "uid"}), ("uid", {"subject_source": "uid"})):
        again = f'<Attribute Name="{name}"><AttributeValue>{OBJECT_ID}</AttributeValue></Attribute>' * 2
        assert reason(respond(change=("</AttributeStatement>", f"{again}</AttributeStatement>")), **more) == Reason.MALFORMED


def test_sso_36_an_old_authentication_is_not_a_new_one():
    assert reason(respond(Says(authenticated="2026-11-29T11:00:00Z")), forced_since=NOW) == Reason.NOT_REAUTHENTICATED
    assert read_response(encoded(respond()), expected(forced_since=NOW))[0].subject == OBJECT_ID


def test_sso_46_the_end_of_the_session_is_kept():
    xml = respond(change=("AuthnInstant=", 'SessionNotOnOrAfter="2026-11-29T13:00:00Z" AuthnInstant='))
    assert read_response(encoded(xml), expected())[0].session_ends == NOW + timedelta(hours=1)


def test_sso_44_a_failure_of_the_identity_provider_has_no_assertion_and_keeps_its_codes():
    xml = Says().response("").replace("<!--response-signature-->", "")
    denied = '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder"><samlp:StatusCode Value="urn:x:denied"/></samlp:StatusCode><samlp:StatusMessage>AADSTS50105: not assigned</samlp:StatusMessage>'
    xml = re.sub(r"<samlp:StatusCode [^>]*/>", denied, xml)
    with pytest.raises(SignOnRefused) as refused:
        read_response(encoded(xml), expected())
    assert refused.value.reason == Reason.IDP_ERROR
    assert "AADSTS50105" in refused.value.detail
    assert "urn:x:denied" in refused.value.detail


def test_sso_19_the_checks_of_a_good_response_say_what_was_expected_and_received():
    checks = Checks()
    read_response(encoded(respond(what="both")), expected(), checks)
    assert all(check.passed for check in checks.made)
    names = {check.name for check in checks.made}
    assert {"Status", "Issuer of the assertion", "Audience", "Recipient", "Signature of the Response", "Signature of the Assertion"} <= names


def test_sa_68_what_parsers_may_read_differently_is_read_as_it_was_signed():
    xml = respond(change=("b.simon@contoso.com</NameID>", "b.simon&#10;&#13;&#9;&amp;lt;@contoso.com</NameID>"))
    assert read_response(encoded(xml), expected())[0].name_id == "b.simon\n\r\t&lt;@contoso.com"
