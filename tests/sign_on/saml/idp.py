"""An identity provider for tests: it writes responses as Entra does, signs them, and can be told to misbehave."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from xml.sax.saxutils import escape, quoteattr

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml import DigestAlgorithm, SignatureConstructionMethod, SignatureMethod, XMLSigner

from app.sign_on.certificate import Certificate

ENTITY_ID = "https://sts.windows.net/0b1d7e1c-0000-4000-8000-000000000001/"
OUR_ENTITY_ID = "https://scim.example.com/contoso/sign-on/saml/metadata"
ACS_URL = "https://scim.example.com/contoso/sign-on/saml/acs"
REQUEST_ID = "_5a1c2a7e8f904f0a9a2b3c4d5e6f7081"
NOW = datetime(2026, 11, 29, 12, 0, 0, tzinfo=UTC)
CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
MS_CLAIMS = "http://schemas.microsoft.com/identity/claims/"
METHODS = "http://schemas.microsoft.com/claims/authnmethodsreferences"
PASSWORD = "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/password"
OBJECT_ID = "7d0c6b1e-0000-4000-8000-00000000abcd"
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
PLACEHOLDER = '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Id="placeholder"/>'
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"


@dataclass(frozen=True)
class Signer:
    """A key and its certificate."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    certificate: Certificate

    @property
    def pem(self) -> str:
        return self.certificate.parsed.public_bytes(Encoding.PEM).decode()


def signer(name: str = "idp", *, bits: int = 2_048, curve: str = "", starts: int = -30, days: int = 36_500) -> Signer:
    """Return the signer of a name, always the same one; its self-signed certificate starts `starts` days after NOW."""
    return _signer(name, bits, curve, starts, days)


@cache
def _signer(name: str, bits: int, curve: str, starts: int, days: int) -> Signer:
    curves = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
    key = ec.generate_private_key(curves[curve]) if curve else rsa.generate_private_key(65_537, bits)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin = NOW + timedelta(days=starts)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), begin, begin + timedelta(days=days))
    return Signer(key, Certificate.from_der(builder.sign(key, SHA256()).public_bytes(Encoding.DER)))


@dataclass(frozen=True)
class Says:
    """What the identity provider says; every part can be replaced."""

    entity_id: str = ENTITY_ID
    audience: str = OUR_ENTITY_ID
    acs_url: str = ACS_URL
    request_id: str = REQUEST_ID
    name_id: str = "b.simon@contoso.com"
    name_format: str = EMAIL
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {
        f"{MS_CLAIMS}tenantid": ("0b1d7e1c-0000-4000-8000-000000000001",),
        f"{MS_CLAIMS}objectidentifier": (OBJECT_ID,),
        f"{MS_CLAIMS}displayname": ("B. Simon",),
        f"{MS_CLAIMS}identityprovider": (ENTITY_ID,),
        METHODS: (PASSWORD,),
        f"{CLAIMS}givenname": ("B.",),
        f"{CLAIMS}surname": ("Simon",),
        f"{CLAIMS}emailaddress": ("b.simon@contoso.com",),
        f"{CLAIMS}name": ("b.simon@contoso.com",),
    })
    session_index: str = "_c0ffee00-0000-4000-8000-000000000002"
    authenticated: str = ""
    """The moment of authentication; 20 seconds ago if it is empty."""
    response_id: str = "_11111111-2222-4333-8444-555555555555"
    assertion_id: str = "_66666666-7777-4888-8999-aaaaaaaaaaaa"
    now: datetime = NOW

    def assertion(self) -> str:
        """Return the assertion, with the place for its signature."""
        attributes = "".join(
            f"<Attribute Name={quoteattr(name)}>" + "".join(f"<AttributeValue>{escape(value)}</AttributeValue>" for value in values) + "</Attribute>"
            for name, values in self.attributes.items()
        )
        issued, begin, end = (self.moment(seconds) for seconds in (0, -300, 3_600))
        return (
            f'<Assertion ID="{self.assertion_id}" IssueInstant="{issued}" Version="2.0" xmlns="urn:oasis:names:tc:SAML:2.0:assertion">'
            f"<Issuer>{escape(self.entity_id)}</Issuer><!--assertion-signature-->"
            f"<Subject><NameID Format={quoteattr(self.name_format)}>{escape(self.name_id)}</NameID>"
            f'<SubjectConfirmation Method="{BEARER}"><SubjectConfirmationData InResponseTo={quoteattr(self.request_id)} '
            f'NotOnOrAfter="{end}" Recipient={quoteattr(self.acs_url)}/></SubjectConfirmation></Subject>'
            f'<Conditions NotBefore="{begin}" NotOnOrAfter="{end}"><AudienceRestriction><Audience>{escape(self.audience)}</Audience>'
            f"</AudienceRestriction></Conditions><AttributeStatement>{attributes}</AttributeStatement>"
            f'<AuthnStatement AuthnInstant="{self.authenticated or self.moment(-20)}" SessionIndex={quoteattr(self.session_index)}><AuthnContext>'
            "<AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</AuthnContextClassRef></AuthnContext>"
            "</AuthnStatement></Assertion>"
        )

    def response(self, assertion: str | None = None) -> str:
        """Return the response around an assertion, with the place for its own signature."""
        return (
            f'<samlp:Response ID="{self.response_id}" Version="2.0" IssueInstant="{self.moment(0)}" '
            f'Destination={quoteattr(self.acs_url)} InResponseTo={quoteattr(self.request_id)} '
            'xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol">'
            f'<Issuer xmlns="urn:oasis:names:tc:SAML:2.0:assertion">{escape(self.entity_id)}</Issuer><!--response-signature-->'
            f'<samlp:Status><samlp:StatusCode Value="{SUCCESS}"/></samlp:Status>'
            f"{self.assertion() if assertion is None else assertion}</samlp:Response>"
        )

    def moment(self, seconds: float) -> str:
        """Return the moment that is some seconds from now, with the milliseconds that Entra writes."""
        return (self.now + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


class _WeakSigner(XMLSigner):
    """A signer that also takes algorithms that nobody should use."""

    def check_deprecated_methods(self) -> None:
        pass


@dataclass(frozen=True)
class How:
    """How something is signed."""

    by: Signer = field(default_factory=signer)
    method: SignatureMethod = SignatureMethod.RSA_SHA256
    digest: DigestAlgorithm = DigestAlgorithm.SHA256
    canonicalization: str = EXCLUSIVE
    shows: Signer | None | str = "by"
    """Whose certificate is shown in KeyInfo; None for no KeyInfo."""


def sign(xml: str, what: str, how: How | None = None) -> str:
    """Return a document with the place of one signature (`assertion` or `response`) filled."""
    how = how or How()
    assert f"<!--{what}-signature-->" in xml
    root = etree.fromstring(xml.replace(f"<!--{what}-signature-->", PLACEHOLDER))
    xml_signer = _WeakSigner(
        method=SignatureConstructionMethod.enveloped, signature_algorithm=how.method, digest_algorithm=how.digest,
        c14n_algorithm=how.canonicalization,
    )
    xml_signer.namespaces = {"ds": "http://www.w3.org/2000/09/xmldsig#"}
    shown = how.by if how.shows == "by" else how.shows
    signed = xml_signer.sign(
        root, key=how.by.key, cert=[shown.pem] if isinstance(shown, Signer) else None,
        reference_uri=f"#{root.get('ID')}", id_attribute="ID", always_add_key_value=False,
    )
    if shown is None:
        for element in signed.iter("{http://www.w3.org/2000/09/xmldsig#}KeyInfo"):
            element.getparent().remove(element)
    return etree.tostring(signed, encoding="unicode")


def bare(xml: str) -> str:
    """Return a document without the places for signatures."""
    return xml.replace("<!--assertion-signature-->", "").replace("<!--response-signature-->", "")


def respond(says: Says | None = None, what: str = "assertion", how: How | None = None, change: Change = ()) -> str:
    """Return a response whose assertion, response or both are signed, after texts in it have been replaced."""
    says = says or Says()
    assertion = changed(says.assertion(), change)
    if what in ("assertion", "both"):
        assertion = sign(assertion, "assertion", how)
    xml = says.response(bare(assertion))
    if what in ("response", "both"):
        xml = sign(xml, "response", how)
    return bare(xml)


Change = tuple[()] | tuple[str, str]


def changed(xml: str, change: Change) -> str:
    """Return a document with one text in it replaced; the text must be there."""
    if not change:
        return xml
    old, new = change
    assert xml.count(old) >= 1, f"{old} is not in the document"
    return xml.replace(old, new, 1)


def encoded(xml: str | bytes) -> str:
    """Return a document as a browser posts it."""
    return base64.b64encode(xml.encode() if isinstance(xml, str) else xml).decode()
