"""SA-30 to SA-35, SA-39 to SA-54, SA-57, SA-59, SA-63, SA-68: hostile XML, and well-signed responses that are not for us."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from signxml import SignatureMethod

from app.sign_on.reasons import Reason
from tests.sign_on.saml.corpus import FORGED, Attack, after, attack, before
from tests.sign_on.saml.idp import (
    ACS_URL,
    BEARER,
    CLAIMS,
    OUR_ENTITY_ID,
    SUCCESS,
    How,
    Says,
    encoded,
    respond,
    sign,
    signer,
)

NAME = ">b.simon@contoso.com</NameID>"
ENTITIES = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa">{}]>'.format("".join(
    f'<!ENTITY {chr(ord("b") + n)} "{("&" + chr(ord("a") + n) + ";") * 10}">' for n in range(9)
))
MALFORMED, TOO_LARGE, LARGE = Reason.MALFORMED, Reason.TOO_LARGE, (Reason.TOO_LARGE, Reason.MALFORMED)


def led(title: str, row: str, prefix: str) -> Attack:
    """Return the attack that writes something before a good response."""
    return attack(row, title, lambda says: prefix + respond(says), MALFORMED)


def in_encoding(encoding: str, declared: str | None = None) -> Callable[[Says], bytes]:
    """Return what builds a good response in another encoding."""
    return lambda says: (f'<?xml version="1.0" encoding="{declared or encoding}"?>' + respond(says)).encode(encoding)


def raw(row: str, title: str, change: Callable[[str], str], *reasons: Reason) -> Attack:
    """Return the attack on the encoding of the field."""
    return attack(row, title, lambda says: change(encoded(respond(says))), *reasons, raw=True)


def replaced(row: str, title: str, pattern: str, new: str, *reasons: Reason) -> Attack:
    """Return the attack that replaces a pattern in the assertion before it is signed."""
    def build(says: Says) -> str:
        assertion, count = re.subn(pattern, new, says.assertion(), count=1)
        assert count == 1, pattern
        return says.response(sign(assertion, "assertion")).replace("<!--response-signature-->", "")

    return attack(row, title, build, *reasons)


def said(row: str, title: str, reason: Reason, **changes: str) -> Attack:
    """Return the attack of a well-signed response that says something else."""
    return attack(row, title, lambda says: respond(replace(says, **changes)), reason)


def at(row: str, title: str, seconds: float, *reasons: Reason) -> Attack:
    """Return the attack of a response that was made some seconds from now."""
    return attack(row, title, lambda says: respond(replace(says, now=says.now + timedelta(seconds=seconds))), *reasons)


def outside(row: str, title: str, pattern: str, new: str, *reasons: Reason) -> Attack:
    """Return the attack that changes what is not signed: the envelope of a signed assertion."""
    def build(says: Says) -> str:
        xml, count = re.subn(pattern, new, respond(says), count=1)
        assert count == 1, pattern
        return xml

    return attack(row, title, build, *reasons)


DATA = r"<SubjectConfirmationData [^>]*/>"
CONFIRMATION = r"<SubjectConfirmation .*</SubjectConfirmation>"
CONDITIONS = r"<Conditions .*</Conditions>"
FUTURE = "2100-01-01T00:00:00Z"
XML = [
    after("SA-30", "comment after signing", NAME, f">{FORGED}<!---->.evil</NameID>", MALFORMED),
    before("SA-30", "comment before signing", NAME, ">b.simon@contoso.com<!-- -->.evil</NameID>", MALFORMED),
    after("SA-31", "processing instruction", NAME, ">b.simon<?x y?>@contoso.com</NameID>", MALFORMED),
    after("SA-31", "CDATA", NAME, "><![CDATA[b.simon@contoso.com]]></NameID>", MALFORMED),
    led("DOCTYPE with an entity", "SA-32", '<!DOCTYPE r [<!ENTITY x "y">]>'),
    led("billion laughs", "SA-32", ENTITIES),
    led("quadratic blow-up", "SA-32", f'<!DOCTYPE r [<!ENTITY x "{"a" * 20_000}">]>'),
    after("SA-32", "undefined entity", NAME, ">&x;</NameID>", MALFORMED),
    led("external entity to a file", "SA-33", '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
    led("external entity to http", "SA-33", '<!DOCTYPE r [<!ENTITY x SYSTEM "http://127.0.0.1:9/x">]>'),
    led("external DTD", "SA-33", '<!DOCTYPE r SYSTEM "http://127.0.0.1:9/x.dtd">'),
    led("parameter entity", "SA-33", '<!DOCTYPE r [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x">%x;]>'),
    *(attack("SA-34", f"encoding {name}", in_encoding(name), MALFORMED) for name in ("UTF-16", "UTF-16-LE", "UTF-32", "UTF-7", "cp037")),
    attack("SA-34", "a declaration that lies", in_encoding("UTF-8", "UTF-16"), MALFORMED),
    attack("SA-34", "a declaration of Latin-1", in_encoding("UTF-8", "ISO-8859-1"), MALFORMED),
    led("declaration after a blank", "SA-34", ' <?xml version="1.0"?>'),
    led("two byte order marks", "SA-34", "\ufeff\ufeff"),
    before("SA-34", "byte order mark in the middle", NAME, ">\ufeffb.simon@contoso.com</NameID>", MALFORMED),
    attack("SA-35", "invalid UTF-8", lambda says: respond(says).encode().replace(b"b.simon", b"b.\xff", 1), MALFORMED),
    attack("SA-35", "overlong UTF-8", lambda says: respond(says).encode().replace(b"b.simon", b"b.\xc0\xaf", 1), MALFORMED),
    attack("SA-35", "surrogate in UTF-8", lambda says: respond(says).encode().replace(b"b.simon", b"b.\xed\xa0\x80", 1), MALFORMED),
    *(after("SA-35", f"character {text!r}", NAME, f">{text}</NameID>", MALFORMED) for text in ("\0", "\x01", "\x1b", "&#0;", "&#xD800;", "&#x1;", "&#x110000;", "\uffff")),
    after("SA-39", "300 levels", NAME, ">" + "<x>" * 300 + "</x>" * 300 + "</NameID>", *LARGE),
    after("SA-39", "20,000 levels", NAME, ">" + "<x>" * 20_000 + "</NameID>", *LARGE),
    after("SA-39", "12,000 attributes", "<NameID ", "<NameID " + " ".join(f'a{n}=""' for n in range(8_000)) + " ", *LARGE),
    after("SA-39", "33 attributes", "<NameID ", "<NameID " + " ".join(f'a{n}=""' for n in range(32)) + " ", TOO_LARGE),
    after("SA-39", "5,000 elements", NAME, ">" + "<x/>" * 5_000 + "</NameID>", TOO_LARGE),
    after("SA-39", "1 MB", NAME, ">" + "a" * 1_000_000 + "</NameID>", TOO_LARGE),
    after("SA-39", "10 MB", NAME, ">" + "a" * 10_000_000 + "</NameID>", TOO_LARGE),
    raw("SA-40", "base64url", lambda text: "-_" + text[2:], MALFORMED),
    raw("SA-40", "foreign characters", lambda text: text[:8] + "%*" + text[8:], MALFORMED),
    raw("SA-40", "letters that are not ASCII", lambda text: text + "ä", MALFORMED),
    raw("SA-40", "one character less", lambda text: text.rstrip("=")[:-1], MALFORMED),
    raw("SA-40", "empty", lambda text: "", MALFORMED),
    attack("SA-40", "plain XML", respond, MALFORMED, raw=True),
    attack("SA-40", "text", lambda says: "Hello", MALFORMED),
    after("SA-68", "]]> in text", NAME, ">b.simon]]>@contoso.com</NameID>", MALFORMED),
    led("default attribute by a DTD", "SA-68", '<!DOCTYPE r [<!ATTLIST NameID Format CDATA "x">]>'),
]
CONTENT = [
    after("SA-41", "EncryptedAssertion", "<Assertion ", '<EncryptedAssertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion"/><Assertion ', Reason.ENCRYPTED),
    outside("SA-41", "EncryptedAssertion instead", "(?s)<Assertion .*</Assertion>", '<EncryptedAssertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion"/>', Reason.ENCRYPTED),
    replaced("SA-41", "EncryptedID", "<NameID .*</NameID>", "<EncryptedID/>", Reason.ENCRYPTED),
    before("SA-41", "EncryptedAttribute", "<AttributeStatement>", "<AttributeStatement><EncryptedAttribute/>", Reason.ENCRYPTED),
    attack("SA-42", "another tenant's key", lambda says: respond(says, how=How(signer("other tenant"))), Reason.UNKNOWN_CERTIFICATE),
    said("SA-42", "another issuer with our certificate", Reason.ISSUER, entity_id="https://sts.windows.net/other/"),
    outside("SA-42", "another issuer of the response", r">https://sts[^<]*</Issuer>", ">https://evil.example.com</Issuer>", Reason.ISSUER),
    said("SA-43", "another audience", Reason.AUDIENCE, audience="https://other.example.com"),
    said("SA-43", "our id as a prefix", Reason.AUDIENCE, audience=OUR_ENTITY_ID + "/x"),
    said("SA-43", "other letter case", Reason.AUDIENCE, audience=OUR_ENTITY_ID.upper()),
    said("SA-43", "empty", Reason.AUDIENCE, audience=""),
    replaced("SA-43", "none", r"<AudienceRestriction>.*</AudienceRestriction>", "", Reason.AUDIENCE),
    before("SA-43", "two restrictions", "</AudienceRestriction>", "</AudienceRestriction><AudienceRestriction><Audience>urn:x</Audience></AudienceRestriction>", Reason.AUDIENCE),
    *(replaced("SA-44", f"recipient {value}", r'Recipient="[^"]*"', f'Recipient="{value}"', Reason.RECIPIENT) for value in (ACS_URL.replace("contoso", "fabrikam"), ACS_URL + "/", ACS_URL.replace("https", "http"), ACS_URL.replace(".com", ".com:8443"), "")),
    replaced("SA-44", "no recipient", r' Recipient="[^"]*"', "", Reason.RECIPIENT),
    outside("SA-45", "destination of another tenant", r'Destination="[^"]*"', f'Destination="{ACS_URL.replace("contoso", "fabrikam")}"', Reason.DESTINATION),
    outside("SA-45", "empty destination", r'Destination="[^"]*"', 'Destination=""', Reason.DESTINATION),
    replaced("SA-46", "no confirmation", CONFIRMATION, "", Reason.CONFIRMATION),
    before("SA-46", "holder of key", BEARER, BEARER.replace("bearer", "holder-of-key"), Reason.CONFIRMATION),
    replaced("SA-46", "two", f"({CONFIRMATION})", r"\1\1", Reason.CONFIRMATION),
    replaced("SA-46", "two with data", f"({DATA})", r"\1\1", Reason.CONFIRMATION),
    replaced("SA-46", "no data", DATA, "", Reason.CONFIRMATION),
    replaced("SA-46", "no NotOnOrAfter", r'(<SubjectConfirmationData .*?) NotOnOrAfter="[^"]*"', r"\1", Reason.CONFIRMATION),
    before("SA-46", "NotBefore", "<SubjectConfirmationData ", '<SubjectConfirmationData NotBefore="2020-01-01T00:00:00Z" ', Reason.CONFIRMATION),
    at("SA-47", "all expired", -3_700, Reason.TOO_LATE),
    at("SA-47", "not yet", 400, Reason.NOT_YET),
    replaced("SA-47", "confirmation expired", r'(<SubjectConfirmationData .*?NotOnOrAfter=)"[^"]*"', r'\1"2020-01-01T00:00:00Z"', Reason.TOO_LATE),
    replaced("SA-47", "conditions expired", r'(<Conditions .*?NotOnOrAfter=)"[^"]*"', r'\1"2020-01-01T00:00:00Z"', Reason.TOO_LATE),
    replaced("SA-47", "conditions not yet", r'<Conditions NotBefore="[^"]*"', f'<Conditions NotBefore="{FUTURE}"', Reason.NOT_YET),
    replaced("SA-48", "no conditions", CONDITIONS, "", Reason.CONDITION),
    replaced("SA-48", "two", f"({CONDITIONS})", r"\1\1", Reason.CONDITION),
    replaced("SA-48", "no NotBefore", r' NotBefore="[^"]*"', "", Reason.CONDITION),
    before("SA-48", "an unknown one", "</Conditions>", '<Condition xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="x"/></Conditions>', Reason.CONDITION),
    *(replaced("SA-49", f"moment {value[:40]}", r'(<SubjectConfirmationData .*?NotOnOrAfter=)"[^"]*"', rf'\1"{value}"', MALFORMED) for value in (
        "2100-01-01T00:00:00", "2100-01-01T00:00:00+00:00", "2100-01-01T00:00:00+01:00", "10000-01-01T00:00:00Z", "2099-02-30T00:00:00Z", "2099-12-31T23:59:60Z",
        f"2100-01-01T00:00:00.{'0' * 40}Z", "2100-01-01", "", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2100-01-01T24:00:00Z", "２１００-01-01T00:00:00Z", "2100-01-01T00:00:00Z\n",
    )),
    outside("SA-50", "responder", SUCCESS, SUCCESS.replace("Success", "Responder"), Reason.IDP_ERROR),
    outside("SA-50", "success inside a failure", rf'<samlp:StatusCode Value="{SUCCESS}"/>', f'<samlp:StatusCode Value="urn:x"><samlp:StatusCode Value="{SUCCESS}"/></samlp:StatusCode>', Reason.IDP_ERROR),
    outside("SA-50", "no status", "<samlp:Status>.*</samlp:Status>", "", MALFORMED),
    outside("SA-50", "two statuses", "(<samlp:Status>.*</samlp:Status>)", r"\1\1", MALFORMED),
    replaced("SA-51", "no AuthnStatement", "<AuthnStatement .*</AuthnStatement>", "", MALFORMED),
    replaced("SA-51", "no AuthnInstant", ' AuthnInstant="[^"]*"', "", MALFORMED),
    said("SA-51", "authenticated in the future", Reason.NOT_YET, authenticated=FUTURE),
    replaced("SA-51", "session has ended", "AuthnInstant=", 'SessionNotOnOrAfter="2020-01-01T00:00:00Z" AuthnInstant=', Reason.TOO_LATE),
    replaced("SA-52", "two NameIDs", "(<NameID .*</NameID>)", r"\1\1", MALFORMED),
    replaced("SA-52", "no NameID", "<NameID .*</NameID>", "", MALFORMED),
    said("SA-52", "empty", MALFORMED, name_id=""),
    said("SA-52", "1,025 characters", MALFORMED, name_id="a" * 1_025),
    before("SA-52", "with elements", NAME, ">b.simon<x/>@contoso.com</NameID>", MALFORMED),
    replaced("SA-52", "BaseID", "<NameID ", "<BaseID/><NameID ", MALFORMED),
    replaced("SA-53", "an attribute twice", "</AttributeStatement>", f'<Attribute Name="{CLAIMS}name"><AttributeValue>{FORGED}</AttributeValue></Attribute></AttributeStatement>', MALFORMED),
    replaced("SA-53", "twice in two statements", "</AttributeStatement>", f'</AttributeStatement><AttributeStatement><Attribute Name="{CLAIMS}name"/></AttributeStatement>', MALFORMED),
    before("SA-53", "elements in a value", "<AttributeValue>", "<AttributeValue><x/>", MALFORMED),
    before("SA-53", "no name", "<Attribute Name=", "<Attribute FriendlyName=", MALFORMED),
    said("SA-54", "InResponseTo of another sign-in", Reason.IN_RESPONSE_TO, request_id="_00000000000000000000000000000000"),
    replaced("SA-54", "right outside, wrong inside", '(<SubjectConfirmationData )InResponseTo="[^"]*"', r'\1InResponseTo="_other"', Reason.IN_RESPONSE_TO),
    replaced("SA-54", "missing inside", '(<SubjectConfirmationData )InResponseTo="[^"]*"', r"\1", Reason.IN_RESPONSE_TO),
    outside("SA-54", "wrong outside", 'InResponseTo="[^"]*"', 'InResponseTo="_other"', Reason.IN_RESPONSE_TO),
    outside("SA-54", "missing outside", ' InResponseTo="[^"]*"', "", Reason.IN_RESPONSE_TO),
    attack("SA-55", "unsolicited", lambda says: re.sub(' InResponseTo="[^"]*"', "", respond(says, change=(f'InResponseTo="{says.request_id}" ', ""))), Reason.IN_RESPONSE_TO),
    attack("SA-57", "a used assertion in a new response", lambda says: re.sub('InResponseTo="[^"]*"', f'InResponseTo="{says.request_id}"', respond(Says(
        says.entity_id, says.audience, says.acs_url, "_the-request-that-was", now=says.now)), count=1), Reason.IN_RESPONSE_TO),
    said("SA-59", "made for another tenant", Reason.DESTINATION, acs_url=ACS_URL.replace("contoso", "fabrikam")),
    attack("SA-63", "expired certificate", lambda says: respond(says, how=How(signer("expired", starts=-400, days=30))), Reason.CERTIFICATE_EXPIRED, known=(signer("expired", starts=-400, days=30),)),
    attack("SA-63", "expired, not shown", lambda says: respond(says, how=How(signer("expired", starts=-400, days=30), shows=None)), Reason.CERTIFICATE_EXPIRED, known=(signer("expired", starts=-400, days=30),)),
    attack("SA-63", "not valid yet", lambda says: respond(says, how=How(signer("early", starts=30_000))), Reason.CERTIFICATE_EXPIRED, known=(signer("early", starts=30_000),)),
    attack("SA-63", "certificate removed", lambda says: respond(says, how=How(signer("old"))), Reason.UNKNOWN_CERTIFICATE),
    attack("SA-63", "no certificate known", respond, Reason.UNKNOWN_CERTIFICATE, known=()),
    attack("SA-63", "no certificate known or shown", lambda says: respond(says, how=How(shows=None)), Reason.UNKNOWN_CERTIFICATE, known=()),
    attack("SA-63", "1,024 bits", lambda says: respond(says, how=How(signer("weak", bits=1_024))), Reason.WEAK_ALGORITHM, known=(signer("weak", bits=1_024),)),
    attack("SA-63", "P-521", lambda says: respond(says, how=How(signer("p521", curve="P-521"), SignatureMethod.ECDSA_SHA512)), Reason.WEAK_ALGORITHM, known=(signer("p521", curve="P-521"),)),
]
