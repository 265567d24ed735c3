"""How values compare: one key function for filters, sorting, uniqueness and PATCH, so that no two of them can disagree
about who is who (RFC 7643 section 2.2 `caseExact`, RFC 7644 sections 3.4.2.2 and 5).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from itertools import groupby
from typing import Any

from app.schemas.attribute import Attribute
from app.schemas.meta import version_number
from app.schemas.moments import exact_moment

BOOLEANS = {"true": True, "false": False}
"""The booleans that clients send as strings, in lower case: any case is taken (D-112)."""

_MANY_MARKS = re.compile(r"[^\w\x00-\x7f]{33}")
"""More signs in a row than any text has on a letter; every combining mark is such a sign (a test looks at each)."""


def fold(text: str) -> str:
    """Return what a string that ignores case is compared by: NFC and lower case.

    Lower case and not case folding: PRECIS keeps `Straße` and `STRASSE` apart (RFC 8265 section 3.3.2, D-113). A sigma
    at the end of a word is folded like any other, or else `ΟΔΟΣΑ` would not begin with `ΟΔΟΣ`.
    """
    if text.isascii():
        return text.lower()
    if _MANY_MARKS.search(text):
        text = _in_order(text)
    lowered = unicodedata.normalize("NFC", text).lower().replace("ς", "σ")
    return unicodedata.normalize("NFC", lowered)


def _in_order(text: str) -> str:
    """Return the text decomposed, with the marks of each letter in their canonical order (UAX #15 section 3).

    `normalize` would do it by insertion, in the square of their number: 70 ms for 8,192 of them.
    """
    apart = [part for character in text for part in unicodedata.normalize("NFD", character)]
    return "".join(
        part for are_marks, run in groupby(apart, lambda each: unicodedata.combining(each) > 0)
        for part in (sorted(run, key=unicodedata.combining) if are_marks else run)
    )


def comparison_key(attribute: Attribute) -> Callable[[Any], Any]:
    """Give the function that makes of a value of the attribute what it is compared by.

    The function raises ValueError, with what was expected, for a value that cannot be one of the attribute.
    """
    if attribute.type == "string":
        return _exact if attribute.case_exact else _folded
    return _KEYS.get(attribute.type, _exact)


def version_key(value: Any) -> int:
    """Give what a version is compared by: its number, -1 for one that is not written as ours are.

    The quotes and the mark of a weak tag may be missing: in a filter they are much to type.
    """
    number = version_number(_exact(value))
    return number if value in (f'W/"{number}"', f'"{number}"', str(number)) else -1


def _exact(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a string")
    return value


def _folded(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a string")
    return fold(value)


def _boolean(value: Any) -> bool:
    if isinstance(value, str):
        value = BOOLEANS.get(value.lower())
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number")
    return value


def _moment(value: Any) -> Any:
    # In a URL the `+` of an offset becomes a blank where a client does not escape it (D-123).
    text = _exact(value).replace(" ", "+")
    try:
        return exact_moment(text)
    except ValueError:
        raise ValueError("a dateTime such as 2011-05-13T04:42:34Z") from None


_KEYS: dict[str, Callable[[Any], Any]] = {
    "boolean": _boolean, "integer": _number, "decimal": _number, "dateTime": _moment,
}
