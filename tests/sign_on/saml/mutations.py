"""Changes to a response, each made by two numbers: of its bytes, and of its tree."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from random import Random

from lxml import etree

from tests.sign_on.saml.idp import EXCLUSIVE

Operation = Callable[[bytes, int, int], bytes]
Step = tuple[str, int, int]
TOKENS = [
    b"<!-- -->", b"<?x y?>", b"<![CDATA[", b"]]>", b"<!DOCTYPE a>", b"&x;", b"&#10;", b"&#0;", b"&amp;", b"\0", b"\xff", b"\xef\xbb\xbf", "\ufeff".encode("utf-16"),
    b'xmlns="urn:oasis:names:tc:SAML:2.0:assertion"', b'xmlns:ds="urn:x"', b' ID="_66666666-7777-4888-8999-aaaaaaaaaaaa"', b' Id="_evil-evil"', b' xml:id="x"',
    b' xmlns:a="1"', b"admin@contoso.com", b"<Assertion>", b"</Assertion>", b"<NameID>admin@contoso.com</NameID>", b"samlp:", b"ds:", b'"', b"<", b">", b"/", b" ", b"\r\n",
    EXCLUSIVE.encode(), b"#WithComments", b"http://www.w3.org/TR/1999/REC-xslt-19991116", b"EncryptedAssertion", b"9999-12-31T23:59:59Z", b"0001-01-01T00:00:00Z",
]


def delete(data: bytes, a: int, b: int) -> bytes:
    start = a % (len(data) + 1)
    return data[:start] + data[start + b % 64 :]


def double(data: bytes, a: int, b: int) -> bytes:
    start = a % (len(data) + 1)
    part = data[start : start + b % 512]
    return data[:start] + part + data[start:]


def replace(data: bytes, a: int, b: int) -> bytes:
    start = a % (len(data) + 1)
    return data[:start] + bytes([b % 256]) + data[start + 1 :]


def throw_in(data: bytes, a: int, b: int) -> bytes:
    start = a % (len(data) + 1)
    return data[:start] + TOKENS[b % len(TOKENS)] + data[start:]


def in_tree(change: Callable[[list[etree._Element], int, int], object]) -> Operation:
    """Return the operation that changes the tree of a document; one that cannot be parsed stays."""
    def operation(data: bytes, a: int, b: int) -> bytes:
        try:
            root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))
            change([each for each in root.iter() if isinstance(each.tag, str)], a, b)
        except (etree.LxmlError, ValueError):
            return data
        return etree.tostring(root)

    return operation


def pair(found: list[etree._Element], a: int, b: int) -> tuple[etree._Element, etree._Element]:
    return found[a % len(found)], found[b % len(found)]


def move(found: list[etree._Element], a: int, b: int) -> None:
    one, other = pair(found, a, b)
    if one not in other.iterancestors() and one is not other and one.getparent() is not None:
        other.insert((a >> 16) % (len(other) + 1), one)


def duplicate(found: list[etree._Element], a: int, b: int) -> None:
    one, other = pair(found, a, b)
    other.insert((a >> 16) % (len(other) + 1), copy.deepcopy(one))


def rename(found: list[etree._Element], a: int, b: int) -> None:
    one, other = pair(found, a, b)
    one.tag = other.tag


def remove(found: list[etree._Element], a: int, b: int) -> None:
    one = found[a % len(found)]
    if one.getparent() is not None:
        one.getparent().remove(one)


def rewrite(found: list[etree._Element], a: int, b: int) -> None:
    one, other = pair(found, a, b)
    one.text = other.text


def swap_attribute(found: list[etree._Element], a: int, b: int) -> None:
    one, other = pair(found, a, b)
    for name, value in other.attrib.items():
        one.set(name, value)


OPERATIONS: dict[str, Operation] = {
    "delete": delete, "double": double, "replace": replace, "throw in": throw_in,
    "move": in_tree(move), "duplicate": in_tree(duplicate), "rename": in_tree(rename), "remove": in_tree(remove),
    "rewrite": in_tree(rewrite), "swap attribute": in_tree(swap_attribute),
}


def mutated(xml: bytes, steps: Sequence[Step]) -> bytes:
    """Return a document after some changes."""
    for name, a, b in steps:
        xml = OPERATIONS[name](xml, a, b)
    return xml


def some_steps(random: Random) -> list[Step]:
    """Return one to four changes."""
    names = list(OPERATIONS)
    return [(random.choice(names), random.getrandbits(32), random.getrandbits(32)) for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4)))]
