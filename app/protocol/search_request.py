"""A query by GET or by POST `/.search` (RFC 7644 sections 3.4.2 and 3.4.3): one class for both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.errors import InvalidCount, InvalidFilter, InvalidValue
from app.protocol.messages import SEARCH_REQUEST_URN, check_urn
from scim_filter import LONGEST, Filter, FilterError, parse_filter

DEFAULT_COUNT = 100
MOST_RESULTS = 200
_MOST_INDEX = 2**31
LONGEST_IN_URL = LONGEST
LONGEST_IN_BODY = 4 * LONGEST
"""Characters of a filter, in a URL and in a SearchRequest message."""
_OUTSIDE_OF_STRINGS = re.compile(r'("(?:[^"\\]|\\.)*")|[^"]+')
"""A string in a filter, or the text up to the next string."""

PARAMETERS = (
    "attributes", "excludedAttributes", "filter", "sortBy", "sortOrder", "startIndex", "count", "cursor",
)
_CANONICAL = {name.lower(): name for name in PARAMETERS}


@dataclass(frozen=True)
class SearchRequest:
    """A query whose fields have all been checked."""

    filter: Filter | None = None
    sort_by: str | None = None
    descending: bool = False
    start_index: int = 1
    count: int = DEFAULT_COUNT
    cursor: str | None = None
    attributes: tuple[str, ...] | None = None
    excluded: tuple[str, ...] | None = None

    @classmethod
    def from_query(cls, parameters: Mapping[str, list[str]], *, bare_words: bool = False) -> SearchRequest:
        """Return the query in the parameters of a URL: name -> values. Names ignore case; unknown ones are ignored.

        Raises InvalidFilter, InvalidCount, and InvalidValue for any other wrong value or a parameter given twice.
        """
        given = known_parameters(parameters)
        _check_paging(given)
        return cls(
            filter=_filter(given.get("filter"), bare_words),
            sort_by=given.get("sortBy") or None,
            descending=_descending(given.get("sortOrder")),
            start_index=max(1, _integer(given.get("startIndex"), "startIndex", 1)),
            count=_count(_integer(given.get("count"), "count", DEFAULT_COUNT, by_cursor="cursor" in given)),
            cursor=given.get("cursor"),
            attributes=attribute_names(given.get("attributes")),
            excluded=attribute_names(given.get("excludedAttributes")),
        )

    @classmethod
    def from_body(cls, payload: Mapping[str, Any], *, bare_words: bool = False) -> SearchRequest:
        """Return the query in a SearchRequest message; raises InvalidSyntax, InvalidValue, InvalidFilter."""
        check_urn({key.lower(): value for key, value in payload.items()}, SEARCH_REQUEST_URN)
        given = {name: value for name, value in _known_members(payload).items() if value is not None}
        for name in ("filter", "sortBy", "sortOrder", "cursor"):
            if not isinstance(given.get(name, ""), str):
                raise InvalidValue(f"{name}: must be a string.", cause="bad-filter")
        _check_paging(given)
        for name in ("startIndex", "count"):
            if isinstance(given.get(name, 0), bool) or not isinstance(given.get(name, 0), int):
                raise InvalidValue(f"{name}: must be an integer.", cause="bad-filter")
        return cls(
            filter=_filter(given.get("filter"), bare_words, LONGEST_IN_BODY),
            sort_by=given.get("sortBy") or None,
            descending=_descending(given.get("sortOrder")),
            start_index=min(max(1, given.get("startIndex", 1)), _MOST_INDEX),
            count=_count(given.get("count", DEFAULT_COUNT)),
            cursor=given.get("cursor"),
            attributes=_attribute_list(given.get("attributes"), "attributes"),
            excluded=_attribute_list(given.get("excludedAttributes"), "excludedAttributes"),
        )

    def identity(self, endpoint: str) -> str:
        """Return a text that all pages of one query share: names and operators ignore case, values do not (D-55)."""
        parts = (endpoint, self.sort_by, self.descending, self.attributes, self.excluded)
        condition = _OUTSIDE_OF_STRINGS.sub(lambda match: match[1] or match[0].lower(), str(self.filter))
        return "\n".join([*(str(part).lower() for part in parts), condition])


def attribute_names(text: str | None) -> tuple[str, ...] | None:
    """Return the attribute names in a comma-separated list; None if there are none."""
    found = tuple(part.strip() for part in (text or "").split(",") if part.strip())
    return found or None


def _known_members(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the known members of a message in our spelling; raises InvalidValue for one that is given twice."""
    spelled: dict[str, Any] = {}
    for key, value in given.items():
        name = _CANONICAL.get(key.lower())
        if name in spelled:
            raise InvalidValue(f"{name}: given more than once.", cause="bad-filter")
        if name is not None:
            spelled[name] = value
    return spelled


def known_parameters(parameters: Mapping[str, list[str]]) -> dict[str, str]:
    """Return the known parameters of a URL in our spelling; raises InvalidValue for one that is given twice."""
    seen: dict[str, str] = {}
    for key, values in parameters.items():
        name = _CANONICAL.get(key.lower())
        if name is None:
            continue
        if name in seen or len(values) > 1:
            raise InvalidValue(f"{name}: given more than once.", cause="bad-filter")
        seen[name] = values[0]
    return seen


def _filter(text: str | None, bare_words: bool, longest: int = LONGEST_IN_URL) -> Filter | None:
    if text is None:
        return None
    try:
        return parse_filter(text, bare_words=bare_words, longest=longest)
    except FilterError as error:
        raise InvalidFilter(str(error)) from error


def _descending(text: str | None) -> bool:
    order = (text or "ascending").lower()
    if order not in ("ascending", "descending"):
        raise InvalidValue("sortOrder: must be ascending or descending.", cause="bad-filter")
    return order == "descending"


def _check_paging(given: Mapping[str, Any]) -> None:
    if "cursor" in given and "startIndex" in given:
        raise InvalidValue("cursor and startIndex cannot be combined.", cause="bad-filter")


def _integer(text: str | None, name: str, default: int, *, by_cursor: bool = False) -> int:
    """Return the integer in a parameter, bounded by 32 bits; raises InvalidValue, or InvalidCount beside a cursor."""
    if text is None or not text.strip():
        return default
    digits = text.strip().removeprefix("-").removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        kind = InvalidCount if by_cursor else InvalidValue  # RFC 9865 section 2.1
        raise kind(f"{name}: must be an integer.")
    number = min(int(digits[:12]), _MOST_INDEX)
    return -number if text.strip().startswith("-") else number


def _count(number: int) -> int:
    return min(max(0, number), MOST_RESULTS)


def _attribute_list(value: Any, name: str) -> tuple[str, ...] | None:
    if isinstance(value, str):
        return attribute_names(value)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidValue(f"{name}: must be an array of strings.", cause="bad-filter")
    return tuple(item.strip() for item in value if item.strip()) or None
