"""Compares a response with what a recording expects: a subset, unless the recording says otherwise.

A dictionary expects its members and allows others; a list expects as many elements, in any order. A dictionary with one
of these keys expects something else: `$exact` (this and nothing more), `$contains` (these elements, or these words in a
text), `$matches` (a regular expression for the whole text), `$one_of` (any of these).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

ABSENT = object()


def differences(expected: Any, actual: Any, where: str = "") -> Iterator[str]:
    """Return a line for each place where the response differs from what is expected."""
    if isinstance(expected, dict):
        special = next((key for key in SPECIAL if key in expected), None)
        if special:
            yield from SPECIAL[special](expected[special], actual, where)
        elif not isinstance(actual, dict):
            yield wrong(expected, actual, where)
        else:
            for key, value in expected.items():
                yield from differences(value, actual.get(key, ABSENT), f"{where}/{key}")
    elif isinstance(expected, list):
        if not isinstance(actual, list):
            yield wrong(expected, actual, where)
        elif len(expected) != len(actual) or not pairs(expected, actual):
            yield from list_differences(expected, actual, where)
    elif type(expected) is not type(actual) or expected != actual:
        yield wrong(expected, actual, where)


def list_differences(expected: list[Any], actual: list[Any], where: str) -> Iterator[str]:
    """Return what is wrong with a list: its length, or the expected element that no element matches."""
    if len(expected) != len(actual):
        yield f"{where}: expected {len(expected)} elements, got {len(actual)}: {shown(actual)}"
        return
    if len(expected) == 1:
        yield from differences(expected[0], actual[0], f"{where}/0")
        return
    for element in expected:
        if not any(fits(element, other) for other in actual):
            yield f"{where}: no element is {shown(element)} in {shown(actual)}"
            return
    yield f"{where}: the elements are not those of {shown(expected)}: {shown(actual)}"


def pairs(expected: list[Any], actual: list[Any]) -> bool:
    """Return whether each expected element has an actual one of its own."""
    if not expected:
        return True
    first, rest = expected[0], expected[1:]
    return any(
        fits(first, other) and pairs(rest, actual[:index] + actual[index + 1 :]) for index, other in enumerate(actual)
    )


def fits(expected: Any, actual: Any) -> bool:
    """Return whether there is no difference."""
    return next(differences(expected, actual), None) is None


def exact(expected: Any, actual: Any, where: str) -> Iterator[str]:
    """Expect this and nothing more; `true` is not 1."""
    if json.dumps(expected, sort_keys=True) != shown(actual, sort_keys=True):
        yield wrong(expected, actual, where)


def contains(expected: list[Any], actual: Any, where: str) -> Iterator[str]:
    """Expect these elements in a list, or these words in a text, among others."""
    if isinstance(actual, str):
        yield from (f"{where}: expected {word!r} in {actual!r}" for word in expected if word not in actual)
    elif isinstance(actual, list):
        for element in expected:
            if not any(fits(element, other) for other in actual):
                yield f"{where}: no element is {shown(element)} in {shown(actual)}"
    else:
        yield wrong(expected, actual, where)


def matches(expected: str, actual: Any, where: str) -> Iterator[str]:
    """Expect a text of this form."""
    if not isinstance(actual, str) or not re.fullmatch(expected, actual):
        yield wrong(expected, actual, where)


def one_of(expected: list[Any], actual: Any, where: str) -> Iterator[str]:
    """Expect one of these."""
    if not any(fits(choice, actual) for choice in expected):
        yield wrong(expected, actual, where)


SPECIAL = {"$exact": exact, "$contains": contains, "$matches": matches, "$one_of": one_of}


def at(pointer: str, value: Any) -> Any:
    """Return the value at a JSON pointer (RFC 6901) or at the name of a top-level member; ABSENT if there is none."""
    parts = pointer.split("/")[1:] if pointer.startswith("/") else [pointer]
    for part in parts:
        if isinstance(value, list):
            value = value[int(part)] if part.isdigit() and int(part) < len(value) else ABSENT
        elif isinstance(value, dict):
            value = value.get(part.replace("~1", "/").replace("~0", "~"), ABSENT)
        else:
            return ABSENT
    return value


def wrong(expected: Any, actual: Any, where: str) -> str:
    """Return a line with the place, the expected value, and the actual one."""
    return f"{where or '/'}: expected {shown(expected)}, got {shown(actual)}"


def shown(value: Any, **options: Any) -> str:
    """Return a value as JSON, shortened."""
    if value is ABSENT:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False, **options) if not options else json.dumps(value, **options)
    return text if len(text) <= 600 or options else text[:600] + "…"
