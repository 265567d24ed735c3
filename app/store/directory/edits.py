"""What a request wants to change of a resource that it has read."""

from __future__ import annotations

from dataclasses import dataclass

from app.schemas.membership import MemberChange
from app.store.directory.resources import Resource


class VersionMoved(Exception):
    """Another request wrote between the reading and the writing."""


@dataclass(frozen=True)
class Edit:
    """How a resource is to be changed."""

    before: Resource
    """As it was read."""
    after: Resource
    members: tuple[MemberChange, ...] = ()
    exact: bool = True
    """Whether the stored version must be that of `before` even where only members change, which commute."""


@dataclass(frozen=True)
class MembersEdit:
    """How the members of a resource are to be changed, and nothing else of it."""

    members: tuple[MemberChange, ...]
    version: str | None = None
    """The version that must be the stored one, None for any: changes of members commute."""
    keys: frozenset[str] | None = frozenset()
    """The top-level attributes to return beside `id` and `meta`, None means all."""
