"""Read-only views for operators who do not want to join: `group_members` and `user_groups`. scimd does not use them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pymongo.errors import CollectionInvalid, OperationFailure

from app.schemas.storage.columns import FOLDED
from app.schemas.tables.common import EXTERNAL_ID
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import USER_TYPE
from app.store.directory.memberships import CLEARED, SPEC
from app.store.mongo.collections import NAMESPACE_EXISTS
from app.store.mongo.database import Database, StoreError, translate
from app.store.mongo.failures import reason

Pipeline = list[dict[str, Any]]


def prepare_views(database: Database) -> None:
    """Make the views as they should be; safe to be done by several processes at once.

    Raises Unavailable, and StoreError for what the database does not let be done.
    """
    with database.budget():
        for name, (source, pipeline) in _views().items():
            if database.db[name].options() != {"viewOn": source, "pipeline": pipeline}:
                try:
                    _make(database, name, viewOn=source, pipeline=pipeline)
                except OperationFailure as error:
                    raise translate(error) or StoreError(f"The view {name} cannot be made: {reason(error)}") from error


def _make(database: Database, name: str, **options: Any) -> None:
    try:
        database.db.create_collection(name, **options)
    except CollectionInvalid:  # an older version of it exists
        database.db.command("collMod", name, **options)
    except OperationFailure as error:
        if error.code != NAMESPACE_EXISTS:
            raise  # else another process was quicker


def _views() -> dict[str, tuple[str, Pipeline]]:
    users, groups = USER_TYPE.collection, GROUP_TYPE.collection
    name, label, switch, group_name = USER_TYPE.identifier, USER_TYPE.label, USER_TYPE.switch, GROUP_TYPE.label
    assert switch is not None  # users can be disabled
    members: Pipeline = [
        *_that_count(),
        {"$lookup": {"from": groups, "localField": "group", "foreignField": "_id", "as": "_group"}},
        {"$unwind": "$_group"},  # a deleted group keeps its memberships for a while
        {"$lookup": {"from": users, "localField": "member", "foreignField": "_id", "as": "_user"}},
        {"$lookup": {"from": groups, "localField": "member", "foreignField": "_id", "as": "_inner"}},
        {
            "$project": {
                "tenant": 1, "group": 1, "member": 1, "type": 1, "groupName": f"$_group.{group_name}",
                name: {"$first": f"$_user.{name}"}, switch: {"$first": f"$_user.{switch}"},
                "memberName": {"$ifNull": [{"$first": f"$_user.{label}"}, {"$first": f"$_inner.{group_name}"}]},
            }
        },
    ]
    entry = {"id": "$$g._id", "name": f"$$g.{group_name}"}
    belongs: Pipeline = [
        {"$lookup": _memberships({"member": "$_id"}, _that_count()) | {"as": "_memberships"}},
        {"$lookup": {"from": groups, "localField": "_memberships.group", "foreignField": "_id", "as": "_groups"}},
        {
            "$project": {
                "tenant": 1, name: 1, switch: 1, EXTERNAL_ID.name: 1, FOLDED: {name: 1},
                "groups": {"$map": {"input": "$_groups", "as": "g", "in": entry}},
            }
        },
    ]
    return {"group_members": ("memberships", members), "user_groups": (users, belongs)}


def _that_count() -> Pipeline:
    """Return the steps that leave those of some memberships that count, as app/store/directory/memberships.py says."""
    since = {"$ifNull": [{"$first": "$_clearance.since"}, "$since"]}
    return [
        {"$lookup": _memberships({"group": CLEARED, "member": "$group"}) | {"as": "_clearance"}},
        {"$match": {"$expr": {"$eq": ["$since", since]}}},
    ]


def _memberships(values: Mapping[str, str], steps: Iterable[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Return the $lookup of the tenant's memberships that have these values: a field, as `$name`, or a constant."""
    wanted = {"tenant": "$tenant", **values}
    same = [{"$eq": [f"${field}", f"$${field}"]} for field in wanted]
    return {"from": SPEC.name, "let": wanted, "pipeline": [{"$match": {"$expr": {"$and": same}}}, *steps]}
