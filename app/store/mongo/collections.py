"""What the database enforces by itself: validators and indexes, made as the tables of attributes say.

What is there beside them is left alone: operators may add indexes of their own. A validator never loses a field: a
schema's file may be missing for one start, or be older in one process than in another, and what the others store then
stays valid. So the validators also tell which fields a schema has described once and none does now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pymongo.database
from pymongo.errors import CollectionInvalid, OperationFailure

from app.schemas.collection import CollectionSpec, IndexSpec
from app.store.mongo.failures import DUPLICATE_KEY, StoreError, reason
from app.store.mongo.unknown_fields import widened

NAMESPACE_EXISTS = 48
INDEX_NOT_FOUND = 27
INDEX_CONFLICTS = (85, 86)


def prepare_collection(db: Any, spec: CollectionSpec, tell: Callable[[str], None]) -> None:
    """Make one collection with its validator and indexes; raises StoreError where what is stored stands against it.

    `tell` is called with a sentence about each index that is to be built.
    """
    if isinstance(db, pymongo.database.Database):  # mongomock has no validators
        _validate(db, spec)
    collection = db[spec.name]
    there = collection.index_information()
    for index in spec.indexes:
        if any(_same(index, found) for found in there.values()):
            continue
        if index.name in there:
            _remove(collection, index)
        tell(f"The index {index.name} of {spec.name} is being built.")
        _build(collection, index)


def missing_unique_indexes(db: Any, spec: CollectionSpec) -> Iterator[str]:
    """Yield the unique indexes that the collection should have and does not: `unique_userName of users`."""
    there = db[spec.name].index_information().values()
    for index in spec.indexes:
        if index.unique and not any(_same(index, found) for found in there):
            yield f"{index.name} of {spec.name}"


def _validate(db: Any, spec: CollectionSpec) -> None:
    """Set the validator where it is not the one there; documents that were stored before it can still be changed."""
    there = db[spec.name].options().get("validator", {})
    wanted = widened(spec.validator or {}, there)
    if there == wanted:
        return
    try:
        db.create_collection(spec.name, **_validation(wanted))
    except (CollectionInvalid, OperationFailure) as error:  # it is there already, or another process is quicker
        if isinstance(error, OperationFailure) and error.code != NAMESPACE_EXISTS:
            raise
        db.command("collMod", spec.name, **_validation(wanted))


def _validation(validator: Mapping[str, Any]) -> dict[str, Any]:
    return {"validator": validator, "validationLevel": "moderate"}


def _same(index: IndexSpec, found: Mapping[str, Any]) -> bool:
    """Tell whether an index that is there does what the row asks for, whatever its name is."""
    return (
        tuple((field, direction) for field, direction in found["key"]) == tuple(index.keys)
        and bool(found.get("unique", False)) == index.unique
        and (found.get("partialFilterExpression") or None) == (dict(index.partial) if index.partial else None)
        and found.get("expireAfterSeconds") == index.expire_after_seconds
        and not found.get("sparse")
        and not found.get("collation")
    )


def _remove(collection: Any, index: IndexSpec) -> None:
    """Make room for an index whose definition has changed."""
    try:
        collection.drop_index(index.name)
    except OperationFailure as error:  # another process was quicker
        if error.code != INDEX_NOT_FOUND:
            raise


def _build(collection: Any, index: IndexSpec) -> None:
    options: dict[str, Any] = {"unique": True} if index.unique else {}
    if index.partial:
        options["partialFilterExpression"] = dict(index.partial)
    if index.expire_after_seconds is not None:
        options["expireAfterSeconds"] = index.expire_after_seconds
    try:
        collection.create_index(list(index.keys), name=index.name, **options)
    except OperationFailure as error:
        if error.code == DUPLICATE_KEY:
            value = (error.details or {}).get("keyValue", {})
            same = ", ".join(str(row["_id"]) for row in collection.find(value, {"_id": 1}, limit=5)) if value else ""
            raise StoreError(
                f"The unique index {index.name} of {collection.name} cannot be built, since more than one document "
                f"has the same {', '.join(field for field, _ in index.keys)}; delete all but one of these and start "
                f"again, by their _id: {same or '(not known)'}."
            ) from error
        if error.code in INDEX_CONFLICTS:
            raise StoreError(
                f"The index {index.name} of {collection.name} cannot be built, since another one is in its way; drop "
                f"that one and start again: {reason(error)}"
            ) from error
        raise
