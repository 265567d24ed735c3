"""Lines of an export as they are read, before the database is asked about them: a pure function of the lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from app.errors import InvalidValue, ScimError
from app.export_import.lines import MEMBERSHIP, Line, Numbered, read_resource
from app.schemas.resource_type import Catalogue
from app.schemas.validation.fields import MAX_TEXT
from app.store.directory.resources import Resource


class Member(NamedTuple):
    """A line about a membership, with its number."""

    number: int
    group: str
    member: str


@dataclass
class Batch:
    """What some lines say."""

    resources: dict[str, dict[str, tuple[int, Resource]]] = field(default_factory=dict)
    """By the name of their type and id; with the numbers of their lines."""
    members: list[Member] = field(default_factory=list)
    repeated: int = 0
    """Lines whose resource is in the batch already."""
    refused: list[tuple[int, str]] = field(default_factory=list)
    """The numbers of the lines that are refused, and why."""


def read_batch(lines: Iterable[Numbered], catalogue: Catalogue, *, strict: bool) -> Batch:
    """Return what the lines say; `strict` refuses attributes that are not known."""
    batch = Batch()
    for number, line in lines:
        try:
            _read(batch, number, line, catalogue, strict=strict)
        except ScimError as error:
            batch.refused.append((number, error.detail))
    return batch


def _read(batch: Batch, number: int, line: Line | str, catalogue: Catalogue, *, strict: bool) -> None:
    """Add a line to the batch; raises InvalidValue if the line is refused."""
    if isinstance(line, str):
        raise InvalidValue(line)
    kind = line.get("type")
    if not isinstance(kind, str):
        raise InvalidValue("the line has no type")
    if kind == MEMBERSHIP:
        batch.members.append(_member(number, line))
        return
    resource_type = catalogue.named(kind)
    if resource_type is None:
        raise InvalidValue(f"there is no resource type {kind}")
    resource = read_resource(resource_type, line.get("resource"), strict=strict)
    found = batch.resources.setdefault(resource_type.name, {})
    batch.repeated += resource["id"] in found
    found.setdefault(resource["id"], (number, resource))


def _member(number: int, line: Line) -> Member:
    """Return the membership in a line; raises InvalidValue."""
    group, member = line.get("group"), line.get("member")
    if not (isinstance(group, str) and isinstance(member, str)):
        raise InvalidValue("a membership must have the strings group and member")
    if not member.strip() or len(member) > MAX_TEXT:  # no request could name such a member, to remove it
        raise InvalidValue(f"member: must have 1 to {MAX_TEXT} characters and not be blank")
    return Member(number, group, member)
