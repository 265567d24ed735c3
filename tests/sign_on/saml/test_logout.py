"""Single logout: which requests end sessions, and what the identity provider is told."""

import base64
import zlib
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from lxml import etree

from app.sign_on.reasons import Reason, SignOnRefused
from app.sign_on.saml.logout import ExpectedLogout, logout_response_url, read_logout_request
from tests.sign_on.saml.idp import ENTITY_ID, NOW, OUR_ENTITY_ID, signer

LOGOUT_URL = "https://scim.example.com/contoso/sign-on/saml/logout"
SLO_URL = "https://login.example.com/0b1d/logout?x=y"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
INDEX = "_c0ffee00-0000-4000-8000-000000000002"
EXPECTED = ExpectedLogout(ENTITY_ID, LOGOUT_URL, (signer().certificate,), NOW)
XML = (
    f'<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_logout-request" Version="2.0" IssueInstant="2026-11-29T12:00:00Z" '
    f'Destination="{LOGOUT_URL}"><Issuer xmlns="urn:oasis:names:tc:SAML:2.0:assertion">{ENTITY_ID}</Issuer>'
    '<NameID xmlns="urn:oasis:names:tc:SAML:2.0:assertion">b.simon@contoso.com</NameID>'
    f"<samlp:SessionIndex>{INDEX}</samlp:SessionIndex></samlp:LogoutRequest>"
)


def deflated(xml):
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return base64.b64encode(compressor.compress(xml.encode()) + compressor.flush()).decode()


def query(xml=XML, by=None, algorithm=RSA_SHA256, state="a b/c", digest=None):
    text = f"SAMLRequest={quote(deflated(xml), safe='')}&RelayState={quote(state)}"
    if by is not None:
        text += f"&SigAlg={quote(algorithm, safe='')}"
        text += "&Signature=" + quote(base64.b64encode(by.key.sign(text.encode(), PKCS1v15(), digest or SHA256())).decode(), safe="")
    return text


def reason(text, **changes):
    with pytest.raises(SignOnRefused) as refused:
        read_logout_request(text, replace(EXPECTED, **changes))
    return refused.value.reason


def test_sso_83_a_signed_request_is_known_to_be_signed():
    request = read_logout_request(query(by=signer()), EXPECTED)
    assert request.signed
    assert (request.name_id, request.session_indexes, request.relay_state) == ("b.simon@contoso.com", (INDEX,), "a b/c")
    assert request.used.id == "_logout-request"
    assert request.used.until == NOW + timedelta(minutes=6)


def test_sso_83_an_unsigned_request_is_known_to_be_unsigned():
    assert not read_logout_request(query(), EXPECTED).signed


def test_sso_83_the_signature_covers_what_was_sent_however_it_is_encoded():
    text = query(by=signer())
    parts = dict(part.split("=", 1) for part in text.split("&"))
    lower = {name: value.replace("%2B", "%2b").replace("%2F", "%2f") for name, value in parts.items()}
    signed = "&".join(f"{name}={lower[name]}" for name in ("SAMLRequest", "RelayState", "SigAlg"))
    signature = base64.b64encode(signer().key.sign(signed.encode(), PKCS1v15(), SHA256())).decode()
    assert read_logout_request(f"{signed}&Signature={quote(signature, safe='')}", EXPECTED).signed


@pytest.mark.parametrize(("text", "expected"), [
    (query(by=signer("other tenant")), Reason.BAD_SIGNATURE),
    (query(by=signer()).replace("a%20b", "a%20c"), Reason.BAD_SIGNATURE),
    (query(by=signer()).replace("&SigAlg=", "&sigalg="), Reason.WEAK_ALGORITHM),
    (query(by=signer(), algorithm="http://www.w3.org/2000/09/xmldsig#rsa-sha1", digest=SHA1()), Reason.WEAK_ALGORITHM),
    (query(by=signer()).replace("&Signature=", "&Signature=%ff"), Reason.MALFORMED),
    (query(by=signer()).replace("&Signature=", "&Signature=%41"), Reason.MALFORMED),
    (query(by=signer()) + "&SAMLRequest=x", Reason.MALFORMED),
    (query(by=signer()) + "&Signature=", Reason.MALFORMED),
    ("", Reason.MALFORMED),
    ("RelayState=x", Reason.MALFORMED),
    ("SAMLRequest=x", Reason.MALFORMED),
    ("SAMLRequest=" + quote(base64.b64encode(XML.encode()).decode(), safe=""), Reason.MALFORMED),
    ("SAMLRequest=" + quote(base64.b64encode(base64.b64decode(deflated(XML))[:-5]).decode(), safe=""), Reason.MALFORMED),
    ("&".join(f"a{n}=" for n in range(30)), Reason.MALFORMED),
    (query(XML.replace("12:00:00Z", "11:53:59Z")), Reason.TOO_LATE),
    (query(XML.replace("12:00:00Z", "12:01:01Z")), Reason.NOT_YET),
    (query(XML.replace(' IssueInstant="2026-11-29T12:00:00Z"', "")), Reason.MALFORMED),
    (query(XML.replace("Version=", 'NotOnOrAfter="2026-11-29T11:58:59Z" Version=')), Reason.TOO_LATE),
    (query(XML.replace(ENTITY_ID, "https://other.example.com/")), Reason.ISSUER),
    (query(XML.replace("contoso/", "fabrikam/")), Reason.DESTINATION),
    (query(XML.replace("LogoutRequest", "LogoutResponse")), Reason.STRUCTURE),
    (query(XML.replace(' ID="_logout-request"', "")), Reason.STRUCTURE),
    (query(XML.replace("</samlp:LogoutRequest>", '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/></samlp:LogoutRequest>')), Reason.STRUCTURE),
    (query(XML.replace("<NameID ", "<EncryptedID ").replace("</NameID>", "</EncryptedID>")), Reason.ENCRYPTED),
    (query(XML.replace(INDEX, "")), Reason.MALFORMED),
    (query("<!DOCTYPE x>" + XML), Reason.MALFORMED),
], ids=range(26))
def test_sa_65_a_bad_request_is_refused(text, expected):
    assert reason(text) == expected


def test_sa_65_a_small_request_that_is_large_once_inflated_is_refused():
    assert reason(query("a" * 100_000_000)) == Reason.TOO_LARGE


def test_sa_65_an_expired_certificate_signs_no_logout():
    expired = signer("expired", starts=-400, days=30)
    assert reason(query(by=expired), certificates=(expired.certificate,)) == Reason.BAD_SIGNATURE


def test_sso_83_the_answer_names_the_request_and_gives_the_relay_state_back():
    request = read_logout_request(query(by=signer()), EXPECTED)
    url = logout_response_url(request, SLO_URL, OUR_ENTITY_ID, NOW, signer("ours").key)
    assert url.startswith(SLO_URL + "&SAMLResponse=")
    parameters = parse_qs(urlsplit(url).query)
    assert parameters["RelayState"] == ["a b/c"]
    message = etree.fromstring(zlib.decompress(base64.b64decode(parameters["SAMLResponse"][0]), -15))
    assert (message.get("InResponseTo"), message.get("Destination")) == ("_logout-request", SLO_URL)
    assert message.find(".//{*}StatusCode").get("Value") == "urn:oasis:names:tc:SAML:2.0:status:Success"
    signed = urlsplit(url).query.removeprefix("x=y&").partition("&Signature=")[0]
    signature = base64.b64decode(parameters["Signature"][0])
    signer("ours").key.public_key().verify(signature, signed.encode(), PKCS1v15(), SHA256())
