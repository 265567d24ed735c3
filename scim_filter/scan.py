"""What can be told about a text without parsing it: how large it is, and where its brackets are.

One pass each, whatever the text is; what is counted here are the things that a parser would pay for.
"""

from __future__ import annotations

import re

from scim_filter.errors import FilterError

LONGEST = 4_096
"""Characters of a filter or path; a caller may allow a filter others."""
DEEPEST = 32
"""Brackets inside each other."""
MOST_TERMS = 100
"""Comparisons and brackets in one filter; each costs 20 to 40 microseconds, so that none takes 10 milliseconds."""
_WORD = r'[^\s()\[\]"]'
_MARK = re.compile(rf'"(?:[^"\\]|\\.)*"?|[()\[\]]|(?<!{_WORD})(?:and|or)(?!{_WORD})', re.DOTALL | re.IGNORECASE)


def check_size(text: str, longest: int) -> None:
    """Count what makes a filter dear, in one pass; raises FilterError."""
    if len(text) > longest:
        raise FilterError(f"There are {len(text)} characters, and no more than {longest} are taken", longest + 1)
    depth, terms = 0, 1
    for mark in _MARK.finditer(text):
        kind = mark[0]
        if kind in ")]":
            depth -= 1
        elif kind[0] != '"':
            depth += kind in "(["
            terms += 1
            if depth > DEEPEST:
                raise FilterError(f"There are more than {DEEPEST} brackets inside each other", mark.start() + 1)
            if terms > MOST_TERMS:
                raise FilterError(f"There are more than {MOST_TERMS} conditions and brackets", mark.start() + 1)


def is_inside_brackets(text: str, column: int) -> bool:
    """Tell whether a column of a PATCH path is between its square brackets."""
    depth = 0
    for mark in _MARK.finditer(text):
        if mark.end() >= column and mark[0] == "]":
            return depth > 0
        if mark.end() < column:
            depth += {"[": 1, "]": -1}.get(mark[0], 0)
    return False  # the bracket is never closed, or there is none


def closing(text: str, column: int) -> str:
    """Name what ends the condition at `column`."""
    left = ["the end"]
    for mark in _MARK.finditer(text[: column - 1]):
        if mark[0] in "([":
            left.append('")"' if mark[0] == "(" else '"]"')
        elif mark[0] in ")]" and len(left) > 1:
            left.pop()
    return left[-1]
