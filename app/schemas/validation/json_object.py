"""From bytes to a JSON object: strict UTF-8, refusing everything that JSON or BSON cannot represent."""

from __future__ import annotations

import json
import math
from typing import Any

from app.errors import InvalidSyntax, InvalidValue, Problem

DEEPEST = 32
MOST_DIGITS = 1_000
"""Digits in an integer; one that can be stored has 19."""
LONGEST_PATH = 200
"""Characters of a path that an error shows; the names in it come from the client."""


def object_in(data: bytes, what: str) -> dict[str, Any]:
    """Return the JSON object in `data`; `what` names the data in errors: "The body", "The line".

    Raises InvalidSyntax, or InvalidValue for text that cannot be stored.
    """
    try:
        text = data.decode("utf-8-sig")
        parsed = _DECODER.decode(text)
    except RecursionError as error:
        raise InvalidSyntax(f"{what} is nested more than {DEEPEST} deep.") from error
    except UnicodeDecodeError as error:
        raise InvalidSyntax(f"{what} is not UTF-8: byte {error.start} cannot be read.") from error
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if "\n" in text.strip() else ""
        raise InvalidSyntax(f"{what} is not JSON: {error.msg} ({line}column {error.colno}).") from error
    except ValueError as error:
        raise InvalidSyntax(f"{what} is not JSON: {error}.") from error
    if not isinstance(parsed, dict):
        raise InvalidSyntax(f"{what} must be a JSON object.")
    # Nothing else can be too deep or hold what cannot be stored; this spares the usual body 12 us, 1 % of a POST.
    if text.count("{") + text.count("[") > DEEPEST or "\\u" in text:
        _check(parsed, what)
    return parsed


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"{json.dumps(twice[:LONGEST_PATH])} is given twice in one object")
    return found


def _integer(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError(f"the number {text[:20]}... has more than {MOST_DIGITS} digits")
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:20]} is too large")
    return number


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is not a JSON value")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=_integer, parse_float=_number, parse_constant=_constant,
)


def _check(value: Any, what: str) -> None:
    """Check every string and the depth, without recursion: the client decides on the depth."""
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.keys())
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, str) and (fault := _fault(item)):
                path = (_place(item, value) or "").removeprefix(".")[:LONGEST_PATH]
                problem = Problem(path or what, f"text without {fault}", "text with it")
                raise InvalidValue(f"{path or what}: text must not contain {fault}.", problem)
        if not below:
            return
        level = below
    raise InvalidSyntax(f"{what} is nested more than {DEEPEST} deep.")


def _fault(text: str) -> str:
    """Return what in the text cannot be stored, or ""."""
    if "\0" in text:
        return "the character U+0000"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "a lone surrogate (half of a character)"
    return ""


def _place(text: str, value: Any, deepest: int = DEEPEST) -> str | None:
    """Return the path of a text in a value, or of an object with such a key, e.g. `.emails[1].value`, or None."""
    if value == text or (isinstance(value, dict) and text in value):
        return ""
    if not deepest or not isinstance(value, dict | list):
        return None
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        place = _place(text, each, deepest - 1)
        if place is not None:
            step = f"[{key}]" if isinstance(key, int) else "." + (key if key.isprintable() else ascii(key)[1:-1])
            return step + place
    return None
