"""A response of an identity provider, from what the browser posts to who has signed in."""

from __future__ import annotations

from lxml import etree

from app.sign_on.checks import Checks
from app.sign_on.identity import Identity
from app.sign_on.reasons import Reason
from app.sign_on.saml import encoding, shape
from app.sign_on.saml.elements import SUCCESS, child, elements, optional, saml, samlp, text
from app.sign_on.saml.reading import Expected, UsedAssertion, read_assertion
from app.sign_on.saml.signature import Trust, UnknownSigner, verify

__all__ = ["Expected", "UnknownSigner", "UsedAssertion", "read_response"]


def read_response(encoded: str, expected: Expected, checks: Checks | None = None) -> tuple[Identity, UsedAssertion]:
    """Return who has signed in, and the assertion that may not be used again; raises SignOnRefused.

    `encoded` is the field `SAMLResponse` of the form; `checks` gets all checks that were made, the good ones too.
    """
    made = checks if checks is not None else Checks()
    root = encoding.parse(encoding.decode(encoded))
    shape.check_root(root, samlp("Response"))
    if not any(each.tag == saml("Assertion") for each in elements(root)):
        # Identity providers do not sign failures; a forged one lets nobody in (D-302).
        _check_status(root, made)
    signatures = shape.check_shape(root)
    assertion = verify(root, signatures, Trust(expected.certificates, expected.now), made)
    _check_envelope(root, expected, made)
    return read_assertion(assertion, expected, made)


def _check_status(root: etree._Element, checks: Checks) -> None:
    status = child(root, samlp("Status"))
    code = child(status, samlp("StatusCode"))
    codes = [each.get("Value", "") for each in code.iter(samlp("StatusCode"))]
    message = optional(status, samlp("StatusMessage"))
    received = " ".join([*codes, text(message) if message is not None else ""]).strip()
    checks.check(Reason.IDP_ERROR, "Status", code.get("Value") == SUCCESS, SUCCESS, received)


def _check_envelope(root: etree._Element, expected: Expected, checks: Checks) -> None:
    """Check what the response says outside its assertion, which may not be signed: it can only refuse."""
    _check_status(root, checks)
    issuer = optional(root, saml("Issuer"))
    if issuer is not None:
        checks.equal(Reason.ISSUER, "Issuer of the response", expected.entity_id, text(issuer))
    if "Destination" in root.attrib:
        checks.equal(Reason.DESTINATION, "Destination", expected.acs_url, root.get("Destination"))
    checks.equal(
        Reason.IN_RESPONSE_TO, "InResponseTo of the response", expected.request_id, root.get("InResponseTo")
    )
