"""The few shapes that identity providers send all day, read at a glance.

`a eq "x"`, `a eq "x" and b eq "y"`, and `a[b eq "x"].c eq "y"`, written as simply as here. Whatever else there is, and
whatever is wrong, is for the grammar; a test holds that both ways give the same tree (measured: 2 and 26 microseconds).
"""

from __future__ import annotations

import re

from scim_filter.ast import And, Comparison, Filter, Path, ValuePath

_NAME = r"\$?[A-Za-z][A-Za-z0-9_$-]*"
_URN = r'[A-Za-z][A-Za-z0-9+.-]*:[^\s()\[\]"]+'
_TEST = r' (eq|ne|co|sw|ew|gt|lt|ge|le) (?:"([^"\\\x00-\x1f' + "\ud800-\udfff" + r']*)"|(true|false))'
_COMPARISON = rf"({_URN}|{_NAME}(?:\.{_NAME})?){_TEST}"
_ONE = re.compile(_COMPARISON)
_TWO = re.compile(f"{_COMPARISON} and {_COMPARISON}")
_ELEMENT = re.compile(rf"({_URN}|{_NAME})\[({_NAME}){_TEST}\](?:\.({_NAME}))?{_TEST}")


def parse_plain(text: str) -> Filter | None:
    """Give the tree of a filter of one of these shapes, None for any other."""
    if (match := _ONE.fullmatch(text)) is not None:
        return _comparison(match, 1)
    if (match := _TWO.fullmatch(text)) is not None:
        return And((_comparison(match, 1), _comparison(match, 5)))
    if (match := _ELEMENT.fullmatch(text)) is not None:
        path = Path(match[1], 1)
        return ValuePath(path, And((_comparison(match, 2), _comparison(match, 6))))
    return None


def _comparison(match: re.Match[str], first: int) -> Comparison:
    name, operator, string, literal = match.group(first, first + 1, first + 2, first + 3)
    path = Path(name, match.start(first) + 1) if name else Path("value", 1)
    value = string if literal is None else literal == "true"
    return Comparison(path, operator, value, match.end(first + 1) + 2)
