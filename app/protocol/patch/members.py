"""PATCH of members: operations on an attribute that is stored in documents of its own, as changes of those.

Whoever is in the list already or has left it makes no difference to a change, so nothing is read here.
"""

from __future__ import annotations

from typing import Any

from app.errors import Mutability
from app.protocol.patch.message import ABSENT
from app.protocol.patch.target import Selection
from app.protocol.patch.values import is_nothing
from app.protocol.profile import Profile
from app.schemas.attribute import VALUE, Attribute
from app.schemas.membership import MemberChange
from app.schemas.validation import read_value
from scim_filter import Comparison, Filter, Or


def member_change(selection: Selection, op: str, value: Any, profile: Profile) -> MemberChange | None:
    """Give what an operation does to the members, None where it does nothing.

    Raises Mutability where a member itself would be changed (RFC 7643 section 4.2: members come and go, `value`, `type`
    and `$ref` are immutable), InvalidValue and InvalidSyntax for values that are no members.
    """
    target, where = selection.target, selection.where
    row = target.attribute
    assert row is not None
    if target.sub is not None or (where is not None and op != "remove"):
        raise Mutability(f"{target.path}: a member cannot be changed, only added and removed.")
    if where is not None:
        ids = named_ids(where)
        return MemberChange("remove", where=where) if ids is None else MemberChange("remove", ids)
    if op == "remove" and value is ABSENT:
        return MemberChange("replace")
    ids = _ids(row, value, profile)
    return MemberChange(op, ids) if ids or op == "replace" else None


def named_ids(where: Filter) -> tuple[str, ...] | None:
    """Give the ids of a filter that says nothing but `value eq "..."`, once or joined by `or`; None for any other."""
    if isinstance(where, Or):
        found = [named_ids(part) for part in where.terms]
        return None if None in found else tuple(dict.fromkeys(member for ids in found for member in ids or ()))
    if isinstance(where, Comparison) and where.operator == "eq" and where.path.text.lower() == VALUE:
        return (str(where.value),) if isinstance(where.value, str) else None
    return None


def _ids(row: Attribute, value: Any, profile: Profile) -> tuple[str, ...]:
    if is_nothing(value):
        return ()
    values = value if isinstance(value, list) else [value]
    members = read_value(row, values, path=row.name, ignore_unknown=profile.ignore_unknown)
    return tuple(dict.fromkeys(member[VALUE] for member in members or ()))
