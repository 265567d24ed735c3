"""What is known about a text without parsing it: its size and its brackets.

Each function makes one pass over the text, whatever it contains, and counts what a parser would spend time on.
"""

from __future__ import annotations

import re

from scim_filter.errors import FilterError

LONGEST = 4_096
"""Characters in a filter or path; a caller may set another limit for a filter."""
DEEPEST = 32
"""Nested brackets."""
MOST_TERMS = 100
"""Comparisons and brackets in one filter. Each takes 20 to 40 microseconds, so a filter takes less than 10 ms."""
_WORD = r'[^\s()\[\]"]'
_MARK = re.compile(rf'"(?:[^"\\]|\\.)*"?|[()\[\]]|(?<!{_WORD})(?:and|or)(?!{_WORD})', re.DOTALL | re.IGNORECASE)


def check_size(text: str, longest: int) -> None:
    """Raise FilterError if a filter is too long, too deep or has too many terms."""
    if len(text) > longest:
        raise FilterError(f"There are {len(text)} characters, and no more than {longest} are accepted", longest + 1)
    depth, terms = 0, 1
    for mark in _MARK.finditer(text):
        kind = mark[0]
        if kind in ")]":
            depth -= 1
        elif kind[0] != '"':
            depth += kind in "(["
            terms += 1
            if depth > DEEPEST:
                raise FilterError(f"There are more than {DEEPEST} nested brackets", mark.start() + 1)
            if terms > MOST_TERMS:
                raise FilterError(f"There are more than {MOST_TERMS} conditions and brackets", mark.start() + 1)


def is_inside_brackets(text: str, column: int) -> bool:
    """Return whether a position in a PATCH path is between its square brackets."""
    depth = 0
    for mark in _MARK.finditer(text):
        if mark.end() >= column and mark[0] == "]":
            return depth > 0
        if mark.end() < column:
            depth += {"[": 1, "]": -1}.get(mark[0], 0)
    return False  # the bracket is never closed, or there is none


def closing(text: str, column: int) -> str:
    """Return what ends the condition at `column`: a closing bracket in quotes, or "the end"."""
    left = ["the end"]
    for mark in _MARK.finditer(text[: column - 1]):
        if mark[0] in "([":
            left.append('")"' if mark[0] == "(" else '"]"')
        elif mark[0] in ")]" and len(left) > 1:
            left.pop()
    return left[-1]
