"""PATCH of members, which are stored as documents of their own: operations become membership changes.

A change does not depend on who is a member already, so nothing is read here.
"""

from __future__ import annotations

from typing import Any

from app.errors import Mutability, Problem
from app.protocol.patch.message import ABSENT
from app.protocol.patch.selection import Selection
from app.protocol.patch.values import as_array, is_nothing
from app.protocol.profile import Profile
from app.schemas.attribute import VALUE, Attribute
from app.schemas.membership import MemberChange
from app.schemas.validation.payload import read_value
from scim_filter import Comparison, Filter, Or


def member_change(selection: Selection, op: str, value: Any, profile: Profile) -> MemberChange | None:
    """Return the change that an operation makes to the members; None if it makes none.

    Raises Mutability for a change of a member itself (RFC 7643 section 4.2: `value`, `type` and `$ref` are immutable),
    InvalidValue and InvalidSyntax for values that are not members.
    """
    target, where = selection.target, selection.where
    row = target.attribute
    assert row is not None
    if target.sub is not None or (where is not None and op != "remove"):
        raise Mutability(
            f"{target.path}: a member cannot be changed, only added or removed.",
            Problem(target.path, "members to add or remove", "a change of a member"),
        )
    if where is not None:
        ids = named_ids(where)
        return MemberChange("remove", where=where) if ids is None else MemberChange("remove", ids)
    if op == "remove" and value is ABSENT:
        return MemberChange("replace")
    ids = _ids(row, value, profile)
    return MemberChange(op, ids) if ids or op == "replace" else None


def named_ids(where: Filter) -> tuple[str, ...] | None:
    """Return the ids in a filter that is only `value eq "..."`, once or joined by `or`; None for any other filter."""
    if isinstance(where, Or):
        found = [named_ids(part) for part in where.terms]
        return None if None in found else tuple(dict.fromkeys(member for ids in found for member in ids or ()))
    if isinstance(where, Comparison) and where.operator == "eq" and where.path.text.lower() == VALUE:
        return (str(where.value),) if isinstance(where.value, str) else None
    return None


def _ids(row: Attribute, value: Any, profile: Profile) -> tuple[str, ...]:
    """Return the ids in an operation's value, each once."""
    if is_nothing(value):
        return ()
    members = read_value(row, as_array(value), path=row.name, ignore_unknown=profile.ignore_unknown)
    return tuple(dict.fromkeys(member[VALUE] for member in members or ()))
