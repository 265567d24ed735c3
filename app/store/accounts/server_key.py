"""The server's own key, which seals what a client hands back later. It is made once and is the same for all workers."""

from __future__ import annotations

from cryptography.fernet import Fernet
from pymongo import ReturnDocument

from app.schemas.storage.collection import CollectionSpec
from app.store.mongo.database import Database

SPEC = CollectionSpec(name="server", validator=None, indexes=())
COLLECTIONS = (SPEC,)


def get(database: Database) -> bytes:
    """Return the key; the first call makes it."""
    document = database.db[SPEC.name].find_one_and_update(
        {"_id": "key"},
        {"$setOnInsert": {"key": Fernet.generate_key()}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )
    key: bytes = document["key"]
    return key
