"""Whether a response has the one shape that is accepted, before any cryptography.

Every known way of wrapping a signature needs a document that identity providers never send: a second assertion, a
second id, a signature somewhere else, a reference to something else (D-301).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from lxml import etree

from app.sign_on.reasons import Reason, SignOnRefused
from app.sign_on.saml.elements import VERSION, ds, elements, local, saml, samlp

EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
MOST_CERTIFICATES = 5
"""Certificates that one signature may show."""
MOST_PREFIXES = 32
"""Prefixes in the list of an exclusive canonicalization."""
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{7,255}")
_ENCRYPTED = {saml("EncryptedAssertion"), saml("EncryptedID"), saml("EncryptedAttribute")}
_ONE_NAMESPACE = {"Assertion": saml("Assertion"), "Response": samlp("Response"), "Signature": ds("Signature")}
"""Elements that may not exist in a look-alike namespace either."""
_INCLUSIVE_NAMESPACES = f"{{{EXCLUSIVE}}}InclusiveNamespaces"
_SIGNED_INFO = [ds("CanonicalizationMethod"), ds("SignatureMethod"), ds("Reference")]
_SIGNATURE = [ds("SignedInfo"), ds("SignatureValue")]
_REFERENCE = [ds("Transforms"), ds("DigestMethod"), ds("DigestValue")]


@dataclass(frozen=True)
class Signed:
    """A signature, and what it is placed in and refers to: the response or its assertion."""

    signature: etree._Element
    parent: etree._Element


def check_shape(root: etree._Element) -> tuple[Signed, ...]:
    """Return the signatures of a response, those of the response first; raises SignOnRefused."""
    check_root(root, samlp("Response"))
    check_not_encrypted(root)
    _check_names(root)
    check_ids(root)
    assertions = list(root.iter(saml("Assertion")))
    if len(assertions) != 1 or assertions[0].getparent() is not root:
        _refuse(f"there are {len(assertions)} assertions, or one that is not a child of the response")
    return _signatures(root, assertions[0])


def check_root(root: etree._Element, name: str) -> None:
    """Check that a message is the one that is expected here; raises SignOnRefused."""
    if root.tag != name or root.get("Version") != VERSION:
        _refuse(f"the message is not a {etree.QName(name).localname} of SAML 2.0")


def check_not_encrypted(root: etree._Element) -> None:
    """Check that nothing is encrypted; raises SignOnRefused."""
    if any(element.tag in _ENCRYPTED for element in elements(root)):
        advice = "The message is encrypted; turn token encryption off at the identity provider."
        raise SignOnRefused(Reason.ENCRYPTED, advice)


def check_ids(root: etree._Element) -> None:
    """Check that each id is one, that it is the only id of its element's kind, and unique; raises SignOnRefused."""
    seen: set[str] = set()
    for element in elements(root):
        for name, value in element.attrib.items():
            if etree.QName(name).localname.lower() != "id":
                continue
            if name not in ("ID", "Id"):
                _refuse("there is an id attribute that is neither ID nor Id")
            if not _ID.fullmatch(value):
                _refuse("there is an id that is not 8 to 256 letters, digits, and the signs _ . -")
            if value in seen:
                _refuse("there are two equal ids")
            seen.add(value)


def _check_names(root: etree._Element) -> None:
    for element in elements(root):
        name = local(element)
        if element is not root and name == "Response":
            _refuse("there is a response inside the response")
        if _ONE_NAMESPACE.get(name, element.tag) != element.tag:
            _refuse(f"there is a {name} in a namespace that is not its own")


def _signatures(root: etree._Element, assertion: etree._Element) -> tuple[Signed, ...]:
    found = list(root.iter(ds("Signature")))
    if not found:
        raise SignOnRefused(Reason.UNSIGNED, "Neither the response nor its assertion is signed.")
    signed = []
    for parent in (root, assertion):
        for signature in parent.iterchildren(ds("Signature")):
            _check_place(signature)
            _check_signature(signature, parent)
            signed.append(Signed(signature, parent))
    parents = {each.parent for each in signed}
    if len(signed) != len(found) or len(parents) != len(signed):
        _refuse("there is a second signature, or one that belongs to neither the response nor the assertion")
    return tuple(signed)


def _check_place(signature: etree._Element) -> None:
    issuer = signature.getprevious()
    if issuer is None or issuer.tag != saml("Issuer") or issuer.getprevious() is not None:
        _refuse("a signature does not follow the issuer")


def _check_signature(signature: etree._Element, parent: etree._Element) -> None:
    """Check that a signature has exactly one reference, to its parent, and nothing that would have to be run."""
    tags = [each.tag for each in signature]
    if tags not in (_SIGNATURE, [*_SIGNATURE, ds("KeyInfo")]):
        _refuse("a signature has other parts than SignedInfo, SignatureValue and KeyInfo")
    info = signature[0]
    if [each.tag for each in info] != _SIGNED_INFO or len(list(signature.iter(ds("Reference")))) != 1:
        _refuse("a signature has not exactly one canonicalization, one method and one reference")
    canonicalization, method, reference = info
    _check_canonicalization(canonicalization)
    if len(method):
        _refuse("the method of a signature has parameters")
    if "ID" not in parent.attrib or reference.get("URI") != f"#{parent.get('ID')}":
        _refuse("a signature refers to something else than the element it is in")
    if [each.tag for each in reference] != _REFERENCE:
        _refuse("a reference has other parts than Transforms, DigestMethod and DigestValue")
    transforms = list(reference[0])
    if [each.tag for each in transforms] != [ds("Transform")] * 2 or transforms[0].get("Algorithm") != ENVELOPED:
        _refuse("a reference has other transforms than enveloped-signature and exclusive canonicalization")
    if len(transforms[0]):
        _refuse("the transform enveloped-signature has parameters")
    _check_canonicalization(transforms[1])
    if len(list(signature.iter(ds("X509Certificate")))) > MOST_CERTIFICATES:
        _refuse(f"a signature shows more than {MOST_CERTIFICATES} certificates")


def _check_canonicalization(element: etree._Element) -> None:
    if element.get("Algorithm") != EXCLUSIVE:
        _refuse("the canonicalization is not the exclusive one without comments")
    if len(element) > 1 or any(each.tag != _INCLUSIVE_NAMESPACES or len(each) for each in element):
        _refuse("a canonicalization has other parameters than one list of prefixes")
    for each in element:
        if len(each.get("PrefixList", "").split()) > MOST_PREFIXES:
            _refuse(f"a canonicalization names more than {MOST_PREFIXES} prefixes")


def _refuse(rule: str) -> NoReturn:
    raise SignOnRefused(Reason.STRUCTURE, f"The message has a structure that is not accepted: {rule}.")
