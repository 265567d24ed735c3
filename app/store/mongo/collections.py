"""Creates and updates collections: their validators and indexes, as the tables of attributes define them.

Other indexes are left alone, since operators may add their own. A validator never loses a field: a schema's file may be
missing at one start, or older in one process than in another, and documents that other processes store must stay valid.
So the validators also show which fields some schema has described once and no schema describes now.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pymongo.database
from pymongo.errors import CollectionInvalid, OperationFailure
from pymongo.read_concern import ReadConcern

from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.mongo.budget import out_of_time
from app.store.mongo.failures import DUPLICATE_KEY, StoreError, reason
from app.store.mongo.unknown_fields import widened

NAMESPACE_EXISTS = 48
INDEX_NOT_FOUND = 27
INDEX_CONFLICTS = (85, 86)
SNAPSHOT_UNAVAILABLE = 246
_PAUSE = 0.01


def prepare_collections(db: Any, specs: Sequence[CollectionSpec], report: Callable[[str], None]) -> None:
    """Create or update collections with their validators and indexes; raises StoreError if stored data prevents it.

    `report` gets a sentence about each index before it is built.
    """
    if isinstance(db, pymongo.database.Database):  # mongomock has no validators
        validators = {row["name"]: row["options"].get("validator", {}) for row in db.list_collections()}
        for spec in specs:
            existing = validators.get(spec.name, {})
            if widened(spec.validator or {}, existing) != existing:
                _validate(db, spec)
    changed = [spec.name for spec in specs if _index(db, spec, report)]
    if changed and isinstance(db, pymongo.database.Database):
        _wait_for_snapshots(db, changed)


def _wait_for_snapshots(db: Any, names: Sequence[str]) -> None:
    """Wait until snapshots have the new indexes: until then, MongoDB refuses to read one from these collections."""
    first, *others = names
    nothing = [{"$match": {"_id": None}}]
    steps = [*nothing, *({"$unionWith": {"coll": name, "pipeline": nothing}} for name in others)]
    collection = db[first].with_options(read_concern=ReadConcern("snapshot"))
    while True:
        try:
            list(collection.aggregate(steps))
            return
        except OperationFailure as error:
            if error.code != SNAPSHOT_UNAVAILABLE or out_of_time():
                raise
        time.sleep(_PAUSE)


def _index(db: Any, spec: CollectionSpec, report: Callable[[str], None]) -> bool:
    """Create or update the indexes of a collection; return whether there was anything to do."""
    changed = False
    collection = db[spec.name]
    existing = collection.index_information()
    for index in spec.indexes:
        if any(_matches(index, found) for found in existing.values()):
            continue
        if index.name in existing:
            _remove(collection, index)
        report(f"The index {index.name} of {spec.name} is being built.")
        _build(collection, index)
        changed = True
    return changed


def missing_unique_indexes(db: Any, spec: CollectionSpec) -> Iterator[str]:
    """Yield the unique indexes that the collection lacks, e.g. `unique_userName of users`."""
    unique = [index for index in spec.indexes if index.unique]
    existing = db[spec.name].index_information().values() if unique else ()
    for index in unique:
        if not any(_matches(index, found) for found in existing):
            yield f"{index.name} of {spec.name}"


def _validate(db: Any, spec: CollectionSpec) -> None:
    """Create the collection or update its validator; existing documents that it refuses can still be changed.

    The existing validator is read again, since another process may just have widened it.
    """
    existing = db[spec.name].options().get("validator", {})
    wanted = widened(spec.validator or {}, existing)
    if existing == wanted:
        return
    try:
        db.create_collection(spec.name, **_validation(wanted))
    except (CollectionInvalid, OperationFailure) as error:  # it exists, or another process has just created it
        if isinstance(error, OperationFailure) and error.code != NAMESPACE_EXISTS:
            raise
        db.command("collMod", spec.name, **_validation(wanted))


def _validation(validator: Mapping[str, Any]) -> dict[str, Any]:
    return {"validator": validator, "validationLevel": "moderate"}


def _matches(index: IndexSpec, found: Mapping[str, Any]) -> bool:
    """Return whether an existing index is the one that is wanted, whatever its name."""
    return (
        tuple((field, direction) for field, direction in found["key"]) == tuple(index.keys)
        and bool(found.get("unique", False)) == index.unique
        and (found.get("partialFilterExpression") or None) == (dict(index.partial) if index.partial else None)
        and found.get("expireAfterSeconds") == index.expire_after_seconds
        and not found.get("sparse")
        and not found.get("collation")
    )


def _remove(collection: Any, index: IndexSpec) -> None:
    """Drop an index whose definition has changed."""
    try:
        collection.drop_index(index.name)
    except OperationFailure as error:  # another process has just dropped it
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
                f"scimd again: {same or '(not known)'} (their _id)."
            ) from error
        if error.code in INDEX_CONFLICTS:
            raise StoreError(
                f"The index {index.name} of {collection.name} cannot be built, since another index conflicts with it; "
                f"drop that one and start scimd again: {reason(error)}"
            ) from error
        raise
