"""What may be kept of what a client has sent: no secret, and no more than a few thousand characters.

A value is a secret if its attribute is never returned, or if it looks like a credential, whatever its attribute is:
people mix up the fields of a form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from app.schemas.attribute import VALUE, Attribute

NOT_KEPT = "(not kept)"
"""In place of a secret."""
OURS = re.compile(
    r"scimd_(?:secret|at|code|[0-9a-f]{12})_\w*|whsec_[\w+/=]+|/enter/[\w-]+", re.IGNORECASE | re.ASCII
)
"""Our secrets; the last one is a link into the console or the setup pages."""
SECRET = re.compile(rf"{OURS.pattern}|eyJ[\w-]+\.[\w.-]+|[\w+/=%-]{{100,}}", re.IGNORECASE | re.ASCII)
"""Our secrets, JWTs, and long base64: a pasted SAML response, or a certificate. Search 1,000 characters at most."""
MOST_TEXT = 1_000
"""Characters of one text: the pattern takes quadratic time, and what it has not seen must not be kept."""
_NO_NAME = re.compile(r"[^\w$-]+")
_PATH = "path"
"""The member of a PATCH operation that names the attribute."""


def hidden_in(rows: Iterable[Attribute]) -> frozenset[str]:
    """Return the names in lower case of the attributes, among these and their sub-attributes, that are never returned.
    """
    each = [sub for row in rows for sub in (row, *row.sub_attributes)]
    return frozenset(row.name.lower() for row in each if row.returned == "never")


def kept(value: Any, hidden: frozenset[str], most: int) -> str:
    """Return a JSON value as text for people, without secrets and with at most `most` bytes.

    It takes no longer for a larger value. `hidden` has the names of attributes whose values are left out.
    """
    parts: list[str] = []
    size = 0
    for part in _parts(value, hidden):
        parts.append(part)
        size += len(part)
        if size > most:
            break
    return "".join(parts).encode(errors="replace")[:most].decode(errors="ignore")


def _parts(value: Any, hidden: frozenset[str]) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from _members(value, hidden)
    elif isinstance(value, list | tuple):
        yield "["
        for index, item in enumerate(value):
            yield ", " if index else ""
            yield from _parts(item, hidden)
        yield "]"
    elif isinstance(value, str):
        yield _text(value)
    else:
        yield json.dumps(value)


def _members(value: Mapping[str, Any], hidden: frozenset[str]) -> Iterator[str]:
    path = next((item for key, item in value.items() if key.lower() == _PATH), None)
    conceals = isinstance(path, str) and not hidden.isdisjoint(_names(path))
    yield "{"
    for index, (key, item) in enumerate(value.items()):
        yield f"{', ' if index else ''}{_text(key)}: "
        name = key.lower()
        if not hidden.isdisjoint(_names(key)) or (conceals and (name == VALUE or (name == _PATH and '"' in str(item)))):
            yield NOT_KEPT
        else:
            yield from _parts(item, hidden)
    yield "}"


def _names(path: str) -> set[str]:
    """Return the names in a path, in lower case."""
    return set(_NO_NAME.split(path[:MOST_TEXT].lower()))


def _text(text: str) -> str:
    if SECRET.search(text[:MOST_TEXT]):
        return NOT_KEPT
    cut = f"... ({len(text)} characters)" if len(text) > MOST_TEXT else ""
    return json.dumps(text[:MOST_TEXT], ensure_ascii=False) + cut
