"""The request for authentication that a browser takes to the identity provider."""

import base64
import zlib
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree

from app.sign_on.saml.request import AuthnRequest, authn_request_url, new_request_id
from tests.sign_on.saml.idp import ACS_URL, NOW, OUR_ENTITY_ID, REQUEST_ID, signer

REQUEST = AuthnRequest(REQUEST_ID, "https://login.example.com/0b1d/saml2", OUR_ENTITY_ID, ACS_URL, NOW)
STATE = "s" * 43


def sent(url):
    """Return the parameters of a URL, and the message in them."""
    query = parse_qs(urlsplit(url).query)
    assert all(len(values) == 1 for values in query.values())
    message = zlib.decompress(base64.b64decode(query["SAMLRequest"][0]), -15)
    return {name: values[0] for name, values in query.items()}, etree.fromstring(message)


def test_sso_31_a_request_says_what_it_must_and_nothing_more():
    url = authn_request_url(REQUEST, STATE)
    assert url.startswith("https://login.example.com/0b1d/saml2?SAMLRequest=")
    query, message = sent(url)
    assert query.keys() == {"SAMLRequest", "RelayState"}
    assert query["RelayState"] == STATE
    assert message.tag == "{urn:oasis:names:tc:SAML:2.0:protocol}AuthnRequest"
    assert message.attrib == {
        "ID": REQUEST_ID, "Version": "2.0", "IssueInstant": "2026-11-29T12:00:00Z",
        "Destination": REQUEST.sso_url, "AssertionConsumerServiceURL": ACS_URL,
        "ProtocolBinding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
    }
    assert [(each.tag, each.text) for each in message] == [("{urn:oasis:names:tc:SAML:2.0:assertion}Issuer", OUR_ENTITY_ID)]


def test_sso_31_values_cannot_break_the_xml():
    odd = replace(REQUEST, our_entity_id='urn:"><x/>&amp;', acs_url='https://a.example.com/"<>&')
    _, message = sent(authn_request_url(odd, STATE))
    assert message[0].text == odd.our_entity_id
    assert message.get("AssertionConsumerServiceURL") == odd.acs_url


def test_sso_31_an_id_is_new_and_does_not_begin_with_a_digit():
    ids = {new_request_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(each) == 33 and each.startswith("_") for each in ids)


def test_sso_36_a_new_authentication_can_be_demanded():
    _, message = sent(authn_request_url(replace(REQUEST, force=True), STATE))
    assert message.get("ForceAuthn") == "true"


def test_sso_33_a_hint_goes_along_as_a_parameter():
    query, _ = sent(authn_request_url(REQUEST, STATE, login_hint="b.simon+x@contoso.com&prompt=none"))
    assert query["login_hint"] == "b.simon+x@contoso.com&prompt=none"


def test_sso_35_a_query_that_the_url_has_stays():
    url = authn_request_url(replace(REQUEST, sso_url="https://login.example.com/sso?idp=1&x=%20"), STATE)
    assert url.startswith("https://login.example.com/sso?idp=1&x=%20&SAMLRequest=")
    assert sent(url)[0]["idp"] == "1"


def test_sso_32_a_signed_request_is_signed_over_the_query_exactly_as_it_is_sent():
    key = signer("ours").key
    url = authn_request_url(REQUEST, "state/with+signs=", signer=key, login_hint="b@c")
    assert sent(url)[0]["SigAlg"] == "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
    signed, _, rest = urlsplit(url).query.partition("&Signature=")
    assert [part.partition("=")[0] for part in signed.split("&")] == ["SAMLRequest", "RelayState", "SigAlg"]
    signature = base64.b64decode(parse_qs("s=" + rest)["s"][0])
    key.public_key().verify(signature, signed.encode(), PKCS1v15(), SHA256())
    with pytest.raises(InvalidSignature):
        key.public_key().verify(signature, signed.replace("state", "State").encode(), PKCS1v15(), SHA256())
