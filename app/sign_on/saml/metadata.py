"""What the metadata of an identity provider says: its name, where it takes requests, and how it signs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from app.sign_on.certificate import Certificate
from app.sign_on.reasons import Reason, SignOnRefused
from app.sign_on.saml.elements import PROTOCOL, REDIRECT_BINDING, ds, md
from app.sign_on.saml.encoding import Limits
from app.sign_on.saml.encoding import parse as parse_xml

MOST_METADATA = 512 << 10
"""Bytes of metadata."""
MOST_CERTIFICATES = 10
_LIMITS = Limits(MOST_METADATA, 20_000, comments=True)


@dataclass(frozen=True)
class Metadata:
    """An identity provider as its metadata describes it."""

    entity_id: str
    sso_url: str
    slo_url: str | None
    """Where it takes the messages of single logout; None if it does not."""
    certificates: tuple[Certificate, ...]


def parse(xml: bytes, entity_id: str | None = None) -> Metadata:
    """Return what a metadata document says; raises SignOnRefused.

    `entity_id` chooses one of several providers, and must be the name of the only one otherwise: else the reason is
    `issuer`. The URLs are returned as they are written; the caller checks them.
    """
    entity = _entity(parse_xml(xml, _LIMITS), entity_id)
    roles = [
        each for each in entity.iterchildren(md("IDPSSODescriptor"))
        if PROTOCOL in each.get("protocolSupportEnumeration", "").split()
    ]
    if len(roles) != 1:
        raise _refused(f"The metadata describes {len(roles)} identity providers for SAML 2.0; it must be one.")
    sso_url = _location(roles[0], "SingleSignOnService")
    if sso_url is None:
        raise _refused("The metadata names no SingleSignOnService with the binding HTTP-Redirect.")
    return Metadata(
        entity.get("entityID", ""), sso_url, _location(roles[0], "SingleLogoutService"), _certificates(roles[0])
    )


def _entity(root: etree._Element, entity_id: str | None) -> etree._Element:
    entities = list(root.iter(md("EntityDescriptor")))
    if root.tag not in (md("EntityDescriptor"), md("EntitiesDescriptor")) or not entities:
        raise _refused("The document is no SAML metadata.")
    names = ", ".join(sorted({each.get("entityID", "") for each in entities})[:5])
    if entity_id is not None:
        entities = [each for each in entities if each.get("entityID") == entity_id]
        if not entities:
            raise SignOnRefused(Reason.ISSUER, f"The metadata is of {names}, and not of {entity_id}.")
    if len(entities) > 1:
        raise _refused(f"The metadata describes several parties ({names}); say which one with --entity-id.")
    if not entities[0].get("entityID"):
        raise _refused("The metadata has no entityID.")
    return entities[0]


def _location(role: etree._Element, service: str) -> str | None:
    for each in role.iterchildren(md(service)):
        if each.get("Binding") == REDIRECT_BINDING:
            return each.get("Location")
    return None


def _certificates(role: etree._Element) -> tuple[Certificate, ...]:
    """Return the certificates for signing, each once; those with keys that are too weak are left out."""
    found = {each.thumbprint: each for each in _listed(role)}
    if len(found) > MOST_CERTIFICATES:
        raise SignOnRefused(Reason.TOO_LARGE, f"The metadata lists more than {MOST_CERTIFICATES} certificates.")
    if not found:
        raise _refused("The metadata lists no certificate for signing.")
    weaknesses = [each.weakness for each in found.values() if each.weakness]
    if len(weaknesses) == len(found):
        raise SignOnRefused(Reason.WEAK_ALGORITHM, f"The only certificate for signing has {weaknesses[0]}.")
    return tuple(each for each in found.values() if not each.weakness)


def _listed(role: etree._Element) -> Iterator[Certificate]:
    for key in role.iterchildren(md("KeyDescriptor")):
        if key.get("use", "signing") == "signing":
            for element in key.iter(ds("X509Certificate")):
                yield Certificate.from_text(element.text or "")


def _refused(detail: str) -> SignOnRefused:
    return SignOnRefused(Reason.STRUCTURE, detail)
