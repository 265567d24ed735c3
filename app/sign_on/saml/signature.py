"""Whether the signatures of a response hold, and what exactly they sign.

`signxml` canonicalizes and verifies. Only what it returns is read afterwards: the signed bytes, parsed anew.
"""

from __future__ import annotations

import binascii
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lxml import etree
from signxml import DigestAlgorithm, SignatureConfiguration, SignatureMethod, XMLVerifier

from app.sign_on.certificate import Certificate
from app.sign_on.checks import Checks
from app.sign_on.reasons import Reason, SignOnRefused
from app.sign_on.saml.elements import ASSERTION, child, ds, local, saml
from app.sign_on.saml.shape import Signed

METHODS = frozenset({
    SignatureMethod.RSA_SHA256, SignatureMethod.RSA_SHA384, SignatureMethod.RSA_SHA512,
    SignatureMethod.ECDSA_SHA256, SignatureMethod.ECDSA_SHA384, SignatureMethod.ECDSA_SHA512,
})
DIGESTS = frozenset({DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512})
_OF_RESPONSE = "./"
_OF_ASSERTION = f"./{{{ASSERTION}}}Assertion/"

# At the level debug it writes what it has canonicalized, which is all that is known about a person.
logging.getLogger("signxml").setLevel(logging.INFO)


@dataclass(frozen=True)
class SignedAssertion:
    """An assertion made of the bytes that were signed. Only this module makes one; a test keeps it so."""

    element: etree._Element


@dataclass(frozen=True)
class Trust:
    """What signatures are verified with: the identity provider's certificates, at a moment."""

    certificates: tuple[Certificate, ...]
    now: datetime


class UnknownSigner(SignOnRefused):
    """A known certificate has not signed the response; the metadata may have the one that has by now."""


def verify(root: etree._Element, signatures: Sequence[Signed], trust: Trust, checks: Checks) -> SignedAssertion:
    """Return the signed assertion of a response; raises SignOnRefused unless every signature holds.

    `signatures` are those that `check_shape` has found. The error is UnknownSigner if the certificate that a signature
    shows is not known, and if it shows none and holds with none that is known.
    """
    try:
        verified = [_verify_one(root, each, trust, checks) for each in signatures]
    except SignOnRefused as refusal:
        shows_none = any(not _shown(each.signature) for each in signatures)
        if refusal.reason is Reason.UNKNOWN_CERTIFICATE or (refusal.reason is Reason.BAD_SIGNATURE and shows_none):
            raise UnknownSigner(refusal.reason, refusal.detail, refusal.checks) from refusal
        raise
    # That of the assertion comes last, and signs exactly what is read; else the assertion is a part of what is signed.
    last = verified[-1]
    return SignedAssertion(last if last.tag == saml("Assertion") else child(last, saml("Assertion")))


def _verify_one(root: etree._Element, signed: Signed, trust: Trust, checks: Checks) -> etree._Element:
    what = f"Signature of the {local(signed.parent)}"
    _check_algorithms(signed.signature, checks)
    kinds = set()
    for certificate in _candidates(signed.signature, trust, checks):
        element, kind = _signed_element(root, signed, certificate, trust.now)
        if element is not None:
            checks.check(Reason.BAD_SIGNATURE, what, True, "holds", f"holds with {certificate.thumbprint}")
            return element
        kinds.add(kind)
    return checks.fail(Reason.BAD_SIGNATURE, what, "holds", ", ".join(sorted(kinds)))


def _candidates(signature: etree._Element, trust: Trust, checks: Checks) -> list[Certificate]:
    """Return the known certificate that a signature shows; if it shows none, all that can be used now."""
    shown = _shown(signature)
    known = [each for each in trust.certificates if each.der in shown or not shown]
    expected = " or ".join(each.thumbprint for each in trust.certificates) or "none"
    received = ", ".join(_thumbprint(each) for each in shown) or "none"
    checks.check(Reason.UNKNOWN_CERTIFICATE, "Certificate", bool(known), expected, received)
    usable = [each for each in known if each.is_valid(trust.now) and not each.weakness]
    if not usable:
        _check_usable(known[0], trust, checks)
    return usable if not shown else usable[:1]


def _check_algorithms(signature: etree._Element, checks: Checks) -> None:
    """Check the algorithms, which the response itself names, against those that are accepted."""
    method = next(signature.iter(ds("SignatureMethod"))).get("Algorithm")
    digest = next(signature.iter(ds("DigestMethod"))).get("Algorithm")
    for name, received, accepted in (
        ("Signature algorithm", method, [each.value for each in METHODS]),
        ("Digest algorithm", digest, [each.value for each in DIGESTS]),
    ):
        checks.check(Reason.WEAK_ALGORITHM, name, received in accepted, "SHA-256, SHA-384 or SHA-512", received)


def _shown(signature: etree._Element) -> list[bytes]:
    """Return the certificates that a signature shows; what is not base64 is returned as it stands."""
    shown = []
    for element in signature.iter(ds("X509Certificate")):
        text = "".join((element.text or "").split())
        try:
            shown.append(binascii.a2b_base64(text.encode(), strict_mode=True))
        except binascii.Error:
            shown.append(text.encode())
    return shown


def _thumbprint(der: bytes) -> str:
    try:
        return Certificate.from_der(der).thumbprint
    except SignOnRefused:
        return "no certificate"


def _check_usable(certificate: Certificate, trust: Trust, checks: Checks) -> None:
    weakness = certificate.weakness
    expected = "an RSA key of 2,048 bits or a key on P-256 or P-384"
    checks.check(Reason.WEAK_ALGORITHM, "Key of the certificate", weakness is None, expected, weakness or "such a key")
    dates = f"{certificate.thumbprint}: {certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}"
    valid = certificate.is_valid(trust.now)
    checks.check(Reason.CERTIFICATE_EXPIRED, "Dates of the certificate", valid, f"{trust.now:%Y-%m-%d}", dates)


def _signed_element(
    root: etree._Element, signed: Signed, certificate: Certificate, now: datetime
) -> tuple[etree._Element | None, str]:
    """Return the element that a signature signs, made of the signed bytes, or None and the kind of the failure."""
    location = _OF_RESPONSE if signed.parent is root else _OF_ASSERTION
    expected = SignatureConfiguration(
        location=location, require_x509=True, expect_references=1, signature_methods=METHODS,
        digest_algorithms=DIGESTS, verification_time=now,
    )
    try:
        result = XMLVerifier().verify(root, x509_cert=certificate.parsed, id_attribute="ID", expect_config=expected)
    except Exception as error:  # noqa: BLE001  # whatever the library cannot do, the signature does not hold
        return None, type(error).__name__
    if isinstance(result, list) or result.signed_xml is None:
        return None, "nothing signed"
    element = result.signed_xml
    if element.tag != signed.parent.tag or element.get("ID") != signed.parent.get("ID"):
        return None, "another element signed"
    return element, ""
