"""Versions as entity tags, and the conditions of a request on them (RFC 7644 section 3.14, RFC 9110 section 13).

The tags are weak, because a response varies with `attributes=`. `If-Match` compares them weakly all the same; otherwise
it could never be used (the RFC's own examples do so).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.errors import PreconditionFailed

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
        tags = _TAG.findall(header)
        any_tag = ("", "*") in tags  # also in a list: a header that was sent twice is one
        return cls(frozenset(quoted or bare.removeprefix("W/") for quoted, bare in tags), any=any_tag)

    def holds(self, version: str) -> bool:
        """Return whether the version is among the tags, compared weakly."""
        return self.any or version.removeprefix("W/").strip('"') in self.tags


@dataclass(frozen=True)
class Conditions:
    """The conditions of a request on the version of its resource."""

    if_match: Condition | None = None
    if_none_match: Condition | None = None

    def check(self, version: str) -> None:
        """Raise PreconditionFailed if the stored version does not meet the conditions of a change."""
        if self.known(version):
            raise PreconditionFailed(f"If-None-Match names the stored version, {version}.")

    def known(self, version: str) -> bool:
        """Return whether `If-None-Match` names the version; raises PreconditionFailed if `If-Match` does not."""
        if self.if_match and not self.if_match.holds(version):
            raise PreconditionFailed(f"If-Match does not name the stored version, which is {version}.")
        return self.if_none_match is not None and self.if_none_match.holds(version)


NO_CONDITIONS = Conditions()
