"""References between the operations of a Bulk request, `bulkId:...` (RFC 7644 section 3.7.2), in any JSON value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

_PREFIX = "bulkId:"
_END = r'(?=\Z|")'
_REFERENCE = re.compile(
    rf'(?:^|(?<="))bulkId:([^"\s\])]+){_END}|(?<=/)bulkId:([^"/\s\])]+){_END}'
)
"""A whole value, a string in a filter, or the end of a path or URI. Text that only mentions a reference is left alone.

A name ends where the next one could begin (`"`, and in a path `/`), so no character is read for two of them.
"""


def references(value: Any) -> Iterator[str]:
    """Yield the names in all references in a value."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if _PREFIX in item:
                yield from (match[1] or match[2] for match in _REFERENCE.finditer(item))
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, dict):
            stack.extend(item.values())


def resolved(value: Any, id_of: Callable[[str], str]) -> Any:
    """Return a value with each reference replaced by the id that `id_of` returns for its name."""
    if isinstance(value, str):
        return _REFERENCE.sub(lambda match: id_of(match[1] or match[2]), value) if _PREFIX in value else value
    if isinstance(value, list):
        return [resolved(item, id_of) for item in value]
    if isinstance(value, dict):
        return {key: resolved(item, id_of) for key, item in value.items()}
    return value


def split(data: dict[str, Any], waits: Callable[[Any], bool]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the part of a resource that can be stored now, and the rest as values of `add` without a path.

    `waits` returns whether a value contains a reference to a resource that does not exist yet.
    """
    now: dict[str, Any] = {}
    later: list[dict[str, Any]] = []
    for key, value in data.items():
        inner = ":" in key and isinstance(value, dict)  # an extension's object
        kept: dict[str, Any] = {}
        for name, part in (value if inner else {key: value}).items():
            storable, rest = _split_value(part, waits)
            if rest is not None:
                later.append({key: {name: rest}} if inner else {name: rest})
            if storable is not None:
                kept[name] = storable
        if inner:
            now[key] = kept
        else:
            now.update(kept)
    return now, later


def _split_value(value: Any, waits: Callable[[Any], bool]) -> tuple[Any, Any]:
    """Return the part of a value that can be stored now, and the part that waits; None for no such part."""
    if isinstance(value, list):
        waiting = [waits(item) for item in value]
        now = [item for item, waits_now in zip(value, waiting, strict=True) if not waits_now]
        later = [item for item, waits_now in zip(value, waiting, strict=True) if waits_now]
        return now, later or None
    return (None, value) if waits(value) else (value, None)
