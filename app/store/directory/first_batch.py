"""A few documents in one command, as lookups by an id or a name read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.collection import Collection
from pymongo.errors import PyMongoError


def read_few(
    collection: Any, query: Mapping[str, Any], fields: Mapping[str, int] | None, limit: int, **named: Any
) -> list[dict[str, Any]]:
    """Return up to `limit` documents that match, with their `fields`, None means all; raises what PyMongo raises.

    It sends what `find` sends, but without PyMongo's cursor. `find` itself is asked if that fails, since it tries again
    after a failover, and if one batch has no room for all (D-686). `named` are further options of `find`. Not for use
    in transactions.
    """
    if isinstance(collection, Collection):  # mongomock has no commands
        command = {
            "find": collection.name, "filter": query, "limit": limit, "batchSize": limit,
            "readConcern": collection.read_concern.document, **named,
        }
        if fields is not None:
            command["projection"] = fields
        try:
            cursor = collection.database.command(command, codec_options=collection.codec_options)["cursor"]
        except PyMongoError:
            cursor = None
        if cursor and not cursor["id"]:
            return list(cursor["firstBatch"])
    return list(collection.find(query, fields, limit=limit, **named))
