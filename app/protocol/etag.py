"""Versions as entity tags, and the conditions that a request can put on them (RFC 7644 section 3.14, RFC 9110 13).

Our tags are weak, since what is shown varies with `attributes=`; `If-Match` compares them weakly all the same, or it
could never be used (the RFC's own examples do so).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TAG = re.compile(r'(?:W/)?"([^"]*)"|([^\s,"]+)')


@dataclass(frozen=True)
class Condition:
    """What `If-Match` or `If-None-Match` names: entity tags, or any (`*`)."""

    tags: frozenset[str]
    any: bool = False

    @classmethod
    def parse(cls, header: str | None) -> Condition | None:
        """Read the header's value; None where there is none."""
        if header is None or not header.strip():
            return None
        if header.strip() == "*":
            return cls(frozenset(), any=True)
        return cls(frozenset(quoted or bare.removeprefix("W/") for quoted, bare in _TAG.findall(header)))

    def holds(self, version: str) -> bool:
        """Tell whether the version is among those named, compared weakly."""
        return self.any or version.removeprefix("W/").strip('"') in self.tags
