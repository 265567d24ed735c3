"""From what a browser posts to a tree of elements: strict base64, UTF-8, and XML without anything but elements.

DTDs, entities, comments, CDATA sections and processing instructions are refused before a parser sees them (D-300).
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import NamedTuple

from lxml import etree

from app.sign_on.reasons import Reason, SignOnRefused
from app.sign_on.saml.elements import elements, malformed

MOST_BYTES = 64 << 10
"""Bytes of XML in a message; a response with 150 groups has 14 KB."""
MOST_ELEMENTS = 4_096
MOST_ATTRIBUTES = 32
"""Attributes of one element; to list 12,000 takes 0.3 s."""
MOST_LEVELS = 64
_SPACE = re.compile(r"[ \t\r\n]+")
_DECLARATION = re.compile(
    r"""<\?xml\s+version\s*=\s*(?:"1\.0"|'1\.0')(?:\s+encoding\s*=\s*(?:"utf-8"|'utf-8'))?"""
    r"""(?:\s+standalone\s*=\s*(?:"(?:yes|no)"|'(?:yes|no)'))?\s*\?>""",
    re.IGNORECASE | re.ASCII,
)
_HTML = re.compile(r"\s*<!doctype\s+html", re.IGNORECASE)
_BYTE_ORDER_MARK = "\ufeff"


class Limits(NamedTuple):
    """How large a document may be."""

    size: int
    elements: int
    comments: bool = False
    """Whether comments and processing instructions are allowed; they are dropped."""


MESSAGE = Limits(MOST_BYTES, MOST_ELEMENTS)


def decode(encoded: str, most_bytes: int = MOST_BYTES) -> bytes:
    """Return what is encoded in base64, in the standard alphabet; white space is ignored. Raises SignOnRefused."""
    if len(encoded) > 2 * most_bytes:
        raise _too_large(f"{most_bytes} bytes")
    try:
        # binascii is strict about everything but the position of the padding when it is told to be
        return binascii.a2b_base64(_SPACE.sub("", encoded).encode("ascii"), strict_mode=True)
    except ValueError as error:  # binascii.Error and UnicodeEncodeError are such
        raise malformed("The message is not base64.") from error


def encode(data: bytes) -> str:
    """Return bytes in base64."""
    return base64.b64encode(data).decode("ascii")


def parse(xml: bytes, limits: Limits = MESSAGE) -> etree._Element:
    """Return the root of a document; raises SignOnRefused with `malformed` or `too-large`."""
    if len(xml) > limits.size:
        raise _too_large(f"{limits.size} bytes")
    document = _characters(xml, limits)
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
        huge_tree=False, remove_comments=limits.comments, remove_pis=limits.comments, strip_cdata=True,
    )
    try:
        root = etree.fromstring(document.encode(), parser)
    except etree.LxmlError as error:
        raise malformed(f"The document is not well-formed XML (error {getattr(error, 'code', 0)}).") from error
    if root.getroottree().docinfo.doctype:
        raise malformed("The document has a document type.")
    _measure(root, limits)
    return root


def _characters(xml: bytes, limits: Limits) -> str:
    """Return the characters of a document, without byte order mark and XML declaration; raises SignOnRefused."""
    try:
        document = xml.decode("utf-8").removeprefix(_BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        raise malformed(f"The document is not UTF-8 (byte {error.start}).") from error
    if "\0" in document or _BYTE_ORDER_MARK in document:
        raise malformed("The document has a character that is not allowed in it.")
    document = _DECLARATION.sub("", document, count=1) if _DECLARATION.match(document) else document
    forbidden = r"<!(?!--)" if limits.comments else r"<[!?]"
    found = re.search(forbidden, document)
    if found:
        if _HTML.match(document):
            raise malformed("The document is an HTML page.")
        kind = document[found.start() : found.start() + 2]
        raise malformed(f"The document has {kind} in it: a DTD, an entity, a comment, CDATA or an instruction.")
    if document.count("<") > 2 * limits.elements:
        raise _too_large(f"{limits.elements} elements")
    return document


def _measure(root: etree._Element, limits: Limits) -> None:
    """Check the tree that a parser has made; raises SignOnRefused."""
    if any(not isinstance(node.tag, str) for node in root.iter()):
        raise malformed("The document has more in it than elements and text.")
    levels: dict[etree._Element, int] = {}
    for count, element in enumerate(elements(root), start=1):
        parent = element.getparent()
        levels[element] = 1 if parent is None else levels[parent] + 1
        if count > limits.elements or levels[element] > MOST_LEVELS or len(element.attrib) > MOST_ATTRIBUTES:
            raise _too_large(f"{limits.elements} elements, {MOST_LEVELS} levels, {MOST_ATTRIBUTES} attributes")


def _too_large(limit: str) -> SignOnRefused:
    return SignOnRefused(Reason.TOO_LARGE, f"The document is larger than {limit}.")
