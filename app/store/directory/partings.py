"""Deleted members that a client takes out of a group: a restore does not bring them back into it (D-681).

The response says that the member is not in the group, and the client will not remove it again.
"""

from __future__ import annotations

from collections.abc import Iterable

from app.schemas.membership import MemberChange
from app.store.directory.deleted import Deleted
from app.store.directory.membership_plan import Plan
from app.store.mongo.database import Session


def part(deleted: Deleted, group: str, changes: Iterable[MemberChange], plan: Plan | None, session: Session) -> None:
    """Part a group from those deleted members that the changes take out of it, or add anew, as `plan` has it."""
    if plan is None:
        return
    named = set[str]()
    for change in changes:
        if change.kind == "replace":
            deleted.part(group, None, session)
            return
        if change.kind == "remove":
            named.update(change.members)
    # One that is added while it is deleted is in the group as such, and is removed like others.
    anew = {member for member, kind in plan.add.items() if kind is None}
    if members := named.difference(plan.remove) | anew:
        deleted.part(group, members, session)
