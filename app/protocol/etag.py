"""Versions as entity tags, and the conditions of a request on them (RFC 7644 section 3.14, RFC 9110 section 13).

The tags are weak, because a response varies with `attributes=`. `If-Match` compares them weakly all the same; otherwise
it could never be used (the RFC's own examples do so).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TAG = re.compile(r'(?:W/)?"([^"]*)"|([^\s,"]+)')


@dataclass(frozen=True)
class Condition:
    """The entity tags in `If-Match` or `If-None-Match`, or any (`*`)."""

    tags: frozenset[str]
    any: bool = False

    @classmethod
    def parse(cls, header: str | None) -> Condition | None:
        """Return the condition in a header's value; None if there is no header, or it is blank."""
        if header is None or not header.strip():
            return None
        if header.strip() == "*":
            return cls(frozenset(), any=True)
        return cls(frozenset(quoted or bare.removeprefix("W/") for quoted, bare in _TAG.findall(header)))

    def holds(self, version: str) -> bool:
        """Return whether the version is among the tags, compared weakly."""
        return self.any or version.removeprefix("W/").strip('"') in self.tags
