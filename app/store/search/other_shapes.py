"""Whether the index of an attribute has values of another shape, from before its schema file was changed (D-684)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.collection import Collection

from app.store.mongo.indexes import by_index, index_on


def holds_other_shapes(collection: Any, tenant: str, field: str) -> bool:
    """Return whether an index on a field with one value may have several entries for a document, or an object.

    Those are from the time when the schema file said something else; in the order of such an index, a document comes
    several times.
    """
    if not isinstance(collection, Collection):  # mongomock has no explain
        return False

    def run(**named: Any) -> dict[str, Any]:
        objects = {"find": collection.name, "filter": {"tenant": tenant, field: {"$type": "object"}}, "limit": 1}
        return dict(collection.database.command("explain", {**objects, **named}, verbosity="executionStats"))

    found = by_index(collection, index_on(field), run)
    return bool(found["executionStats"]["nReturned"]) or _is_multikey(found["queryPlanner"])


def _is_multikey(plan: Any) -> bool:
    """Return whether a stage of a plan reads an index that has had several entries for a document."""
    if isinstance(plan, Mapping):
        return plan.get("isMultiKey") is True or any(map(_is_multikey, plan.values()))
    return isinstance(plan, list) and any(map(_is_multikey, plan))
