"""MongoDB's commands for a few documents, sent without PyMongo's cursors and bulk writes, which take longer (D-686)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, PyMongoError

from app.store.mongo.database import Session

Document = dict[str, Any]


def read_few(
    collection: Any, query: Mapping[str, Any], fields: Mapping[str, int] | None, limit: int, session: Session = None,
    **named: Any,
) -> list[Document]:
    """Return up to `limit` documents that match, with their `fields`, None means all; raises what PyMongo raises.

    `find` itself is asked if the command fails outside of a transaction, since it tries again after a failover, and if
    one batch has no room for all. `named` are further options of `find`.
    """
    if isinstance(collection, Collection):  # mongomock has no commands
        command = {"find": collection.name, "filter": query, "limit": limit, "batchSize": limit, **named}
        if fields is not None:
            command["projection"] = fields
        if session is None:
            command["readConcern"] = collection.read_concern.document
        try:
            cursor = _answer(collection, command, session)["cursor"]
        except PyMongoError:
            if session is not None:
                raise
            cursor = None
        if cursor and not cursor["id"]:
            return list(cursor["firstBatch"])
    return list(collection.find(query, fields, limit=limit, session=session, **named))


def insert_few(collection: Any, documents: Sequence[Document], session: Session) -> None:
    """Insert documents, to which MongoDB gives their `_id`, in a transaction; raises what `insert_many` raises."""
    assert session is not None
    answer = _answer(collection, {"insert": collection.name, "documents": documents}, session)
    if answer.get("writeErrors"):
        raise BulkWriteError(answer)


def _answer(collection: Any, command: Document, session: Session) -> Document:
    answer: Document = collection.database.command(command, codec_options=collection.codec_options, session=session)
    return answer
