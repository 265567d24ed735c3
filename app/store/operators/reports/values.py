"""The attributes of a resource as rows of a table: path and text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.schemas.attribute import REF, VALUE
from app.schemas.resource_type import Resource, ResourceType

_FRAME = ("schemas", "id", "meta")


def rows_of(resource: Resource, resource_type: ResourceType) -> Iterator[tuple[str, str]]:
    """Yield the paths and values of attributes: the names first, then in the order of the schemas.

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


def _rows(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for element in value:
            yield path, _text(element)
    elif isinstance(value, Mapping) and VALUE not in value:
        for key, item in value.items():
            yield from _rows(f"{path}.{key}", item)
    else:
        yield path, _text(value)


def readable(value: Any) -> str:
    """Return a value of an attribute as text, several values with commas between them."""
    return ", ".join(map(_text, value)) if isinstance(value, list) else _text(value)


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
