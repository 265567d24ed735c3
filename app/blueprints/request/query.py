"""The query of a URL as parameters: `+` is a blank in a form, and itself in a URL (RFC 3986 section 2.1)."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

_STRING = re.compile(
    r"""(?:"|%22)                             # its beginning
        (?:(?:\\|%5C)(?:%[0-9A-F]{2}|.)?      # an escape
        |(?!"|%22|\\|%5C).)*
        (?:"|%22|\Z)""", re.IGNORECASE | re.VERBOSE | re.DOTALL)
"""A string in a filter that is still encoded; one without an end goes on to the end."""


def parameters_in(query: bytes) -> dict[str, list[str]]:
    """Return the values of each parameter; raises UnicodeDecodeError if they are not UTF-8.

    `+` is a blank, unless the parameter's blanks outside of strings are all `%20` (D-678).
    """
    text = query.decode()
    if "+" in text and "%20" in text:
        text = "&".join(_escaped(parameter) for parameter in text.split("&"))
    # Not Flask's `request.args`, which has `%FF` as text: a filter would compare names with it.
    return parse_qs(text, keep_blank_values=True, errors="strict")


def _escaped(parameter: str) -> str:
    """Return a parameter whose `+` are `%2B` if they stand for themselves."""
    outside = _STRING.sub("", parameter) if "+" in parameter else "+"
    return parameter if "+" in outside or "%20" not in outside else parameter.replace("+", "%2B")
