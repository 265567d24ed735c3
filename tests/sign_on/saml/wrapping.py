"""SA-01 to SA-29, SA-36 to SA-38, SA-66, SA-67: signatures that are missing, wrong, weak, or of something else."""

from __future__ import annotations

import base64
import copy
import hashlib
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree
from signxml import DigestAlgorithm, SignatureConstructionMethod, SignatureMethod, XMLSigner

from app.sign_on.reasons import Reason
from tests.sign_on.saml.corpus import FORGED, Attack, after, attack
from tests.sign_on.saml.idp import EXCLUSIVE, PLACEHOLDER, How, Says, bare, changed, respond, sign, signer

SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
SAMLP = "{urn:oasis:names:tc:SAML:2.0:protocol}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"
XMLNS = "urn:oasis:names:tc:SAML:2.0:assertion"
TREE = Callable[[etree._Element], object]


def moved(move: TREE, what: str = "assertion", how: How | None = None) -> Callable[[Says], str]:
    """Return what builds a signed response whose tree is changed afterwards."""
    def build(says: Says) -> str:
        root = etree.fromstring(respond(says, what, how))
        move(root)
        return etree.tostring(root, encoding="unicode")

    return build


def find(root: etree._Element, name: str) -> etree._Element:
    return next(root.iter(name))


def drop(element: etree._Element) -> etree._Element:
    element.getparent().remove(element)
    return element


def without_signature(element: etree._Element) -> etree._Element:
    clone = copy.deepcopy(element)
    for signature in list(clone.iterchildren(DS + "Signature")):
        clone.remove(signature)
    return clone


def forge(element: etree._Element) -> etree._Element:
    """Return a copy without its own signature, with another id and another person."""
    clone = without_signature(element)
    clone.set("ID", "_evil" + clone.get("ID")[5:])
    find(clone, SAML + "NameID").text = FORGED
    return clone


def xsw_1(says: Says) -> str:
    root = etree.fromstring(respond(says, "response"))
    evil, signature = forge(root), find(root, DS + "Signature")
    evil.insert(1, signature)
    signature.append(without_signature(root))
    return etree.tostring(evil, encoding="unicode")


def xsw_2(says: Says) -> str:
    root = etree.fromstring(respond(says, "response"))
    evil, original = forge(root), without_signature(root)
    evil.insert(1, find(root, DS + "Signature"))
    evil.insert(1, original)
    return etree.tostring(evil, encoding="unicode")


def xsw_3(root):
    root.insert(list(root).index(find(root, SAML + "Assertion")), forge(find(root, SAML + "Assertion")))


def xsw_4(root):
    original = find(root, SAML + "Assertion")
    evil = forge(original)
    root.replace(original, evil)
    evil.append(original)


def xsw_5(root):
    original = find(root, SAML + "Assertion")
    root.append(without_signature(original))
    find(original, SAML + "NameID").text = FORGED
    original.set("ID", "_evil" + original.get("ID")[5:])


def xsw_6(root):
    original = find(root, SAML + "Assertion")
    inner = without_signature(original)
    find(original, SAML + "NameID").text = FORGED
    original.set("ID", "_evil" + original.get("ID")[5:])
    find(original, DS + "Signature").append(inner)


def xsw_7(root):
    extensions = etree.Element(SAMLP + "Extensions")
    extensions.append(forge(find(root, SAML + "Assertion")))
    root.insert(1, extensions)


def xsw_8(root):
    original = find(root, SAML + "Assertion")
    inner = without_signature(original)
    find(original, SAML + "NameID").text = FORGED
    original.set("ID", "_evil" + original.get("ID")[5:])
    etree.SubElement(find(original, DS + "Signature"), DS + "Object").append(inner)


def inside(parent: str) -> TREE:
    """Return what puts an unsigned assertion into a part of the response."""
    def move(root):
        evil = forge(find(root, SAML + "Assertion"))
        if parent == "Advice":
            etree.SubElement(find(root, SAML + "Assertion"), SAML + "Advice").append(evil)
        elif parent == "Status":
            etree.SubElement(find(root, SAMLP + "Status"), SAMLP + "StatusDetail").append(evil)
        elif parent == "Extensions":
            etree.SubElement(root, SAMLP + "Extensions").append(evil)
        else:
            find(root, SAML + "AttributeValue").append(evil)

    return move


def in_signature(change: Callable[[etree._Element], object]) -> Callable[[Says], str]:
    """Return what builds a response whose signature is changed afterwards."""
    return moved(lambda root: change(find(root, DS + "Signature")))


def resigned(xml: str, info_changed: Callable[[etree._Element], bytes]) -> str:
    """Return a response with a new value of its signature, over the bytes that `info_changed` returns."""
    root = etree.fromstring(xml)
    signed = info_changed(find(root, DS + "SignedInfo"))
    value = signer().key.sign(signed, PKCS1v15(), SHA256())
    find(root, DS + "SignatureValue").text = base64.b64encode(value).decode()
    return etree.tostring(root, encoding="unicode")


def void_assertion(says: Says) -> str:
    def info(signed_info):
        find(signed_info, DS + "DigestValue").text = base64.b64encode(hashlib.sha256(b"").digest()).decode()
        return etree.tostring(signed_info, method="c14n", exclusive=True)

    return changed(resigned(respond(says), info), ("<Assertion ", '<Assertion xmlns:void="1" '))


def void_signed_info(says: Says) -> str:
    xml = resigned(respond(says), lambda info: b"")
    return changed(xml, ("<ds:SignedInfo>", '<ds:SignedInfo xmlns:void="1">'))


def by_hmac(says: Says) -> str:
    root = etree.fromstring(says.assertion().replace("<!--assertion-signature-->", PLACEHOLDER))
    hmac = XMLSigner(SignatureConstructionMethod.enveloped, SignatureMethod.HMAC_SHA256, c14n_algorithm=EXCLUSIVE)
    hmac.namespaces = {"ds": DS[1:-1]}
    signed = hmac.sign(root, key=signer().pem.encode(), reference_uri=f"#{says.assertion_id}", id_attribute="ID")
    return bare(says.response(etree.tostring(signed, encoding="unicode")))


def broken(says: Says, which: str) -> str:
    """Return a doubly signed response of which one signature is broken, and the other one holds."""
    if which == "outer":
        return changed(respond(says, "both"), ('IssueInstant="', 'Consent="urn:x" IssueInstant="'))
    assertion = changed(sign(says.assertion(), "assertion"), ("B. Simon", "A. Simon"))
    return bare(sign(says.response(assertion), "response"))


def other_message(name: str) -> Callable[[Says], str]:
    """Return what builds another kind of message, well signed."""
    def build(says: Says) -> str:
        xml = says.response().replace("samlp:Response", f"samlp:{name}")
        return bare(sign(xml, "response"))

    return build


def metadata_document(says: Says) -> str:
    xml = (
        f'<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" ID="{says.response_id}" entityID="{says.entity_id}">'
        "<!--response-signature--><IDPSSODescriptor/></EntityDescriptor>"
    )
    return sign(xml, "response")


def transforms(new: str) -> Attack:
    exclusive = f'<ds:Transform Algorithm="{EXCLUSIVE}"/>'
    return after("SA-29", f"transforms: {new[:70]}", exclusive, new.format(exclusive=exclusive), Reason.STRUCTURE)


def id_of(value: str) -> Callable[[Says], str]:
    return lambda says: respond(says).replace(says.assertion_id, value)


RSA = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
XSLT = (
    '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"><xsl:stylesheet version="1.0" '
    'xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/"><xsl:for-each select="//*//*//*//*//*//*"/>'
    "</xsl:template></xsl:stylesheet></ds:Transform>"
)
KEY_VALUE = "<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>AQAB</ds:Modulus><ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>"
SIGNED = [
    attack("SA-01", "no signature at all", lambda says: bare(says.response()), Reason.UNSIGNED),
    attack("SA-02", "signature taken out", moved(lambda root: drop(find(root, DS + "Signature"))), Reason.UNSIGNED),
    after("SA-03", "NameID changed", ">b.simon@contoso.com</NameID>", f">{FORGED}</NameID>", Reason.BAD_SIGNATURE),
    after("SA-03", "attribute changed", ">B. Simon<", ">Admin<", Reason.BAD_SIGNATURE),
    after("SA-03", "NameID changed in a signed response", ">b.simon@contoso.com</NameID>", f">{FORGED}</NameID>", Reason.BAD_SIGNATURE, what="response"),
    attack("SA-04", "attacker's certificate", lambda says: respond(says, how=How(signer("attacker"))), Reason.UNKNOWN_CERTIFICATE),
    attack("SA-05", "trusted certificate shown, another key used", lambda says: respond(says, how=How(signer("attacker"), shows=signer())), Reason.BAD_SIGNATURE),
    after("SA-06", "another KeyValue", "<ds:KeyInfo>", f"<ds:KeyInfo>{KEY_VALUE}", Reason.BAD_SIGNATURE),
    attack("SA-07", "outer signature broken", lambda says: broken(says, "outer"), Reason.BAD_SIGNATURE),
    attack("SA-08", "inner signature broken", lambda says: broken(says, "inner"), Reason.BAD_SIGNATURE),
    attack("SA-09", "XSW1", xsw_1, Reason.STRUCTURE),
    attack("SA-10", "XSW2", xsw_2, Reason.STRUCTURE),
    attack("SA-11", "XSW3", moved(xsw_3), Reason.STRUCTURE),
    attack("SA-12", "XSW4", moved(xsw_4), Reason.STRUCTURE),
    attack("SA-13", "XSW5", moved(xsw_5), Reason.STRUCTURE),
    attack("SA-14", "XSW6", moved(xsw_6), Reason.STRUCTURE),
    attack("SA-15", "XSW7", moved(xsw_7), Reason.STRUCTURE),
    attack("SA-16", "XSW8", moved(xsw_8), Reason.STRUCTURE),
    attack("SA-17", "unsigned assertion after the signed one", moved(lambda root: root.append(forge(find(root, SAML + "Assertion")))), Reason.STRUCTURE),
    *(attack("SA-18", f"unsigned assertion inside {name}", moved(inside(name)), Reason.STRUCTURE) for name in ("Advice", "Extensions", "Status", "AttributeValue")),
    attack("SA-19", "one ID twice", moved(lambda root: root.set("ID", find(root, SAML + "Assertion").get("ID"))), Reason.STRUCTURE),
    attack("SA-19", "one id as ID and Id", moved(lambda root: root.set("Id", find(root, SAML + "Assertion").get("ID"))), Reason.STRUCTURE),
    *(attack("SA-20", f"second id attribute {name}", moved(lambda root, name=name: root.set(name, "_another-id")), Reason.STRUCTURE) for name in ("id", "iD", "{http://www.w3.org/XML/1998/namespace}id", "{urn:x}ID")),
    *(attack("SA-21", f"Reference to {uri!r}", in_signature(lambda signature, uri=uri: find(signature, DS + "Reference").set("URI", uri)), Reason.STRUCTURE) for uri in ("", "#", "#xpointer(/)", "http://127.0.0.1:9/x", "file:///etc/passwd")),
    attack("SA-21", "Reference without URI", in_signature(lambda signature: find(signature, DS + "Reference").attrib.pop("URI")), Reason.STRUCTURE),
    attack("SA-22", "two References", in_signature(lambda signature: find(signature, DS + "SignedInfo").append(copy.deepcopy(find(signature, DS + "Reference")))), Reason.STRUCTURE),
    attack("SA-22", "two SignedInfos", in_signature(lambda signature: signature.insert(0, copy.deepcopy(find(signature, DS + "SignedInfo")))), Reason.STRUCTURE),
    attack("SA-22", "no SignedInfo", in_signature(lambda signature: drop(find(signature, DS + "SignedInfo"))), Reason.STRUCTURE),
    attack("SA-23", "signature in Status", moved(lambda root: find(root, SAMLP + "Status").append(find(root, DS + "Signature"))), Reason.STRUCTURE),
    attack("SA-23", "signature in Subject", moved(lambda root: find(root, SAML + "Subject").append(find(root, DS + "Signature"))), Reason.STRUCTURE),
    attack("SA-23", "assertion's signature under the response", moved(lambda root: root.insert(1, find(root, DS + "Signature"))), Reason.STRUCTURE),
    attack("SA-23", "two on one", moved(lambda root: find(root, SAML + "Assertion").insert(1, copy.deepcopy(find(root, DS + "Signature")))), Reason.STRUCTURE),
    attack("SA-23", "at the end of the assertion", moved(lambda root: find(root, SAML + "Assertion").append(find(root, DS + "Signature"))), Reason.STRUCTURE),
    attack("SA-24", "ds:Object", in_signature(lambda signature: etree.SubElement(signature, DS + "Object")), Reason.STRUCTURE),
    attack("SA-25", "RSA-SHA1", lambda says: respond(says, how=How(method=SignatureMethod.RSA_SHA1)), Reason.WEAK_ALGORITHM),
    attack("SA-25", "digest SHA-1", lambda says: respond(says, how=How(digest=DigestAlgorithm.SHA1)), Reason.WEAK_ALGORITHM),
    after("SA-25", "MD5", RSA, "http://www.w3.org/2001/04/xmldsig-more#rsa-md5", Reason.WEAK_ALGORITHM),
    after("SA-25", "DSA", RSA, "http://www.w3.org/2009/xmldsig11#dsa-sha256", Reason.WEAK_ALGORITHM),
    after("SA-25", "no algorithm", f'Algorithm="{RSA}"', "", Reason.WEAK_ALGORITHM),
    attack("SA-26", "HMAC with the certificate", by_hmac, Reason.WEAK_ALGORITHM),
    *(attack("SA-27", f"canonicalization {uri}", lambda says, uri=uri: respond(says, how=How(canonicalization=uri)), Reason.STRUCTURE) for uri in (EXCLUSIVE + "WithComments", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315", "http://www.w3.org/2006/12/xml-c14n11")),
    after("SA-28", "XSLT", f'<ds:Transform Algorithm="{EXCLUSIVE}"/>', XSLT, Reason.STRUCTURE),
    transforms('<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>//*</ds:XPath></ds:Transform>'),
    transforms('<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#base64"/>'),
    transforms("{exclusive}{exclusive}"),
    transforms("{exclusive}{exclusive}{exclusive}{exclusive}"),
    transforms(""),
    attack("SA-29", "no enveloped", in_signature(lambda signature: drop(find(signature, DS + "Transform"))), Reason.STRUCTURE),
    attack("SA-29", "order changed", in_signature(lambda signature: find(signature, DS + "Transforms").append(find(signature, DS + "Transform"))), Reason.STRUCTURE),
    attack("SA-36", "void canonicalization of the assertion", void_assertion, Reason.BAD_SIGNATURE),
    attack("SA-36", "void canonicalization of SignedInfo", void_signed_info, Reason.BAD_SIGNATURE),
    after("SA-37", "look-alike Assertion", f'xmlns="{XMLNS}" ID', f'xmlns="{XMLNS}/" ID', Reason.STRUCTURE),
    attack("SA-37", "look-alike Signature", lambda says: respond(says).replace(DS[1:-1], DS[1:-2]), Reason.STRUCTURE),
    after("SA-37", "ds bound anew in the middle", "<ds:SignedInfo>", '<ds:SignedInfo xmlns:ds="urn:x">', Reason.STRUCTURE),
    after("SA-38", "samlp:ID beside ID", "<samlp:Response ", '<samlp:Response samlp:ID="_66666666-7777" ', Reason.STRUCTURE),
    *(attack("SA-66", name, other_message(name), Reason.STRUCTURE) for name in ("LogoutResponse", "AuthnRequest", "ArtifactResponse")),
    attack("SA-66", "metadata", metadata_document, Reason.STRUCTURE),
    attack("SA-67", "ID of 10,000 characters", id_of("_" + "a" * 10_000), Reason.STRUCTURE),
    attack("SA-67", "ID with XPath", id_of("a&apos;] | //*[&apos;1"), Reason.STRUCTURE),
]
