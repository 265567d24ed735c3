"""The attributes of a resource as rows of a table: path and text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from app.schemas.attribute import REF, VALUE
from app.schemas.resource_type import Resource, ResourceType
from app.schemas.tables.common import EXTERNAL_ID

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|\{\s*\}|\[\s*\]|[{}\[\],]|\s+|[^"{}\[\],\s]+', re.DOTALL)
_OPENING, _CLOSING, _MARGIN, _DEEPEST = ("{", "["), ("}", "]"), "  ", 20
_FRAME = ("schemas", "id", "meta")


class Row(NamedTuple):
    """A value of an attribute as a row of a table."""

    path: str
    text: str
    endpoint: str = ""
    """Of a reference to another resource: the endpoint without its slash, and the id."""
    id: str = ""


def rows_of(resource: Resource, resource_type: ResourceType) -> Iterator[Row]:
    """Yield the values of attributes: the names first, then in the order of the schemas.

    The attributes of an extension go without its URN.
    """
    own = (resource_type.identifier, resource_type.label)
    listed = (row.name for row in (*resource_type.schema.attributes, *resource_type.common))
    for key in dict.fromkeys((*own, *listed)):
        if key in resource and key not in _FRAME:
            yield from _rows(key, resource[key])
    for extension in resource_type.extensions:
        for key, value in resource.get(extension.id, {}).items():
            yield from _rows(key, value)


def _rows(path: str, value: Any) -> Iterator[Row]:
    if isinstance(value, Mapping) and VALUE not in value:
        for key, item in value.items():
            yield from _rows(f"{path}.{key}", item)
        return
    for element in value if isinstance(value, list) else [value]:
        refers = str(element.get(REF, "")).split("/")[-2:] if isinstance(element, Mapping) else []
        yield Row(path, _text(element), *(refers if len(refers) == 2 else ()))


def indented(text: str) -> str:
    """Return JSON with a line for each member and each value of an array, also JSON that was cut; other text as it is.

    It is not parsed, since it may be cut. The lines of what is deeper than twenty levels begin where those of the
    twentieth do, so that the result is at most some forty times as long.
    """
    if not text.startswith(("{", "[")):
        return text
    lines, depth = [""], 0
    for part in _TOKEN.findall(text):
        depth += (part in _OPENING) - (part in _CLOSING)
        margin = _MARGIN * max(0, min(depth, _DEEPEST))
        if part in _CLOSING:
            lines.append(margin)
        if part.strip() or lines[-1].strip():
            lines[-1] += part
        if part in _OPENING or part == ",":
            lines.append(margin)
    return "\n".join(lines)


def readable(value: Any) -> str:
    """Return a value of an attribute as text, several values with commas between them."""
    return ", ".join(map(_text, value)) if isinstance(value, list) else _text(value)


def external_id(event: Mapping[str, Any]) -> str | None:
    """Return the externalId that a refused creation or replacement sent, "" for none, None if that is not known."""
    try:
        sent = json.loads(event.get("sent", "")) if event["operation"] in ("create", "replace") else None
    except ValueError:  # the log has no values, or what was sent was cut
        return None
    named = {key.lower(): value for key, value in sent.items()} if isinstance(sent, dict) else None
    return None if named is None else str(named.get(EXTERNAL_ID.name.lower()) or "")


def compared(mine: str, theirs: str, kind: str) -> str:
    """Return in a sentence whether two externalIds say that a refused resource is the one that has its name."""
    if not mine and not theirs:
        return "Neither has one."
    if mine == theirs:
        return f"They are the same, so it is the same {kind}."
    return f"{'They differ' if mine and theirs else 'One has none'}, so it is another {kind}."


def _text(value: Any) -> str:
    """Return a value as text; of a complex one its `value`, with the rest in brackets."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, Mapping):
        return str(value)
    if VALUE not in value:
        return ", ".join(f"{key}: {_text(item)}" for key, item in value.items())
    others = {key: item for key, item in value.items() if key not in (VALUE, REF) and item is not False}
    rest = ", ".join(key if item is True else _text(item) for key, item in others.items())
    if REF in value and rest:  # a reference's value is an id
        return rest
    return f"{_text(value[VALUE])} ({rest})" if rest else _text(value[VALUE])
