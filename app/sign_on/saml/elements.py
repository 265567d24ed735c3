"""The names of SAML and XML signatures, and how a part of a message is read: there exactly as allowed, or refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from lxml import etree

from app.sign_on.reasons import Reason, SignOnRefused

PROTOCOL: Final = "urn:oasis:names:tc:SAML:2.0:protocol"
ASSERTION: Final = "urn:oasis:names:tc:SAML:2.0:assertion"
METADATA: Final = "urn:oasis:names:tc:SAML:2.0:metadata"
SIGNATURE: Final = "http://www.w3.org/2000/09/xmldsig#"
SUCCESS: Final = "urn:oasis:names:tc:SAML:2.0:status:Success"
BEARER: Final = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
PERSISTENT: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
REDIRECT_BINDING: Final = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST_BINDING: Final = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
VERSION: Final = "2.0"

SKEW = timedelta(seconds=60)
"""How far the clock of an identity provider may be from ours, in every comparison."""
LONGEST_NAME = 1024
"""Characters that an identity provider's name for a person or a session may have."""
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?Z")
_YEARS = range(1970, 9000)
"""The first and last years of a datetime leave no room for the skew."""


def saml(name: str) -> str:
    """Return the qualified name of an element of assertions."""
    return f"{{{ASSERTION}}}{name}"


def samlp(name: str) -> str:
    """Return the qualified name of an element of the protocol."""
    return f"{{{PROTOCOL}}}{name}"


def md(name: str) -> str:
    """Return the qualified name of an element of metadata."""
    return f"{{{METADATA}}}{name}"


def ds(name: str) -> str:
    """Return the qualified name of an element of XML signatures."""
    return f"{{{SIGNATURE}}}{name}"


def local(element: etree._Element) -> str:
    """Return an element's name without its namespace."""
    return etree.QName(element).localname


def malformed(detail: str) -> SignOnRefused:
    """Return the refusal of a message with a part that is missing or cannot be read."""
    return SignOnRefused(Reason.MALFORMED, detail)


def child(parent: etree._Element, name: str) -> etree._Element:
    """Return the one child with a qualified name; raises SignOnRefused if there is none, or more than one."""
    found = optional(parent, name)
    if found is None:
        raise malformed(f"{local(parent)} has no {etree.QName(name).localname}.")
    return found


def optional(parent: etree._Element, name: str) -> etree._Element | None:
    """Return the one child with a qualified name, or None; raises SignOnRefused if there is more than one."""
    found = list(parent.iterchildren(name))
    if len(found) > 1:
        raise malformed(f"{local(parent)} has {len(found)} of {etree.QName(name).localname}; only one is allowed.")
    return found[0] if found else None


def text(element: etree._Element) -> str:
    """Return an element's text, which may be empty; raises SignOnRefused if it has children."""
    if len(element):
        raise malformed(f"{local(element)} may contain text only.")
    return element.text or ""


def name_text(element: etree._Element) -> str:
    """Return the text of an element that names something: 1 to 1,024 characters; raises SignOnRefused."""
    return _short(text(element), local(element))


def name_attribute(element: etree._Element, name: str) -> str | None:
    """Return an attribute that names something, or None; raises SignOnRefused unless it has 1 to 1,024 characters."""
    value = element.get(name)
    return None if value is None else _short(value, name)


def moment(element: etree._Element, name: str) -> datetime | None:
    """Return the moment in an attribute, or None; raises SignOnRefused unless it is in UTC with a `Z` and exists."""
    value = element.get(name)
    if value is None:
        return None
    if not _MOMENT.fullmatch(value):
        raise malformed(f"{name} is not a moment in UTC, such as 2026-01-31T12:00:00Z.")
    try:
        parsed = datetime.strptime(value[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise malformed(f"{name} is a moment that does not exist.") from error
    if parsed.year not in _YEARS:
        raise malformed(f"{name} is in a year that is not accepted.")
    return parsed + timedelta(microseconds=int((value[20:-1] + "000000")[:6]))


def written(moment: datetime) -> str:
    """Return a moment as SAML writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def elements(root: etree._Element) -> Iterator[etree._Element]:
    """Yield an element and all below it, in the order of the document."""
    return root.iter(etree.Element)


def _short(value: str, name: str) -> str:
    if not 1 <= len(value) <= LONGEST_NAME:
        raise malformed(f"{name} has {len(value)} characters; 1 to {LONGEST_NAME} are allowed.")
    return value
