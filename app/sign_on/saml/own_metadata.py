"""The metadata that describes us to an identity provider."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from app.sign_on.certificate import Certificate
from app.sign_on.saml.elements import METADATA, POST_BINDING, PROTOCOL, REDIRECT_BINDING, SIGNATURE, ds, md


@dataclass(frozen=True)
class OwnService:
    """What an identity provider has to know of us."""

    entity_id: str
    acs_url: str
    logout_url: str
    certificates: Sequence[Certificate] = ()
    """With which our requests are signed, or will be."""
    signs_requests: bool = False


def own_metadata(service: OwnService) -> bytes:
    """Return the metadata of a service, as XML in UTF-8; the parts are in the order of the schema."""
    root = etree.Element(md("EntityDescriptor"), {"entityID": service.entity_id}, {None: METADATA, "ds": SIGNATURE})
    role = etree.SubElement(root, md("SPSSODescriptor"), {
        "AuthnRequestsSigned": "true" if service.signs_requests else "false",
        "WantAssertionsSigned": "true",
        "protocolSupportEnumeration": PROTOCOL,
    })
    for certificate in service.certificates:
        key = etree.SubElement(role, md("KeyDescriptor"), {"use": "signing"})
        data = etree.SubElement(etree.SubElement(key, ds("KeyInfo")), ds("X509Data"))
        etree.SubElement(data, ds("X509Certificate")).text = certificate.text
    etree.SubElement(role, md("SingleLogoutService"), {"Binding": REDIRECT_BINDING, "Location": service.logout_url})
    etree.SubElement(role, md("AssertionConsumerService"), {
        "Binding": POST_BINDING, "Location": service.acs_url, "index": "0", "isDefault": "true",
    })
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
