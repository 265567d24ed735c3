"""Seals what must be stored so that it can be read again: private keys, and the secrets that others gave to us.

The server's own key, in the collection `server`, also seals what a client hands back later; it is made once and is the
same for all workers. For what is stored, the keys come from the settings; the first of them seals. Without any, the
server's own key does, which protects a copy of a single collection but not a copy of the whole database. What that key
has sealed can be opened after keys were set, too, so they can be set at any time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pymongo import ReturnDocument

from app.schemas.storage.collection import CollectionSpec
from app.store.mongo.database import Database, StoreError

SPEC = CollectionSpec(name="server", validator=None, indexes=())
COLLECTIONS = (SPEC,)


class Sealer:
    """Seals and opens secrets; `keys` are those of the settings, as `new_key` returns them."""

    def __init__(self, database: Database, keys: Sequence[str] = ()) -> None:
        self._database = database
        self._given = [Fernet(key) for key in keys]

    def seal(self, secret: bytes) -> str:
        """Return the secret in a form that can be stored: ASCII, encrypted and authenticated."""
        return self._keys.encrypt(secret).decode()

    def unseal(self, sealed: str) -> bytes:
        """Return the secret that was sealed; raises StoreError if none of the keys opens it."""
        try:
            return self._keys.decrypt(sealed)
        except InvalidToken:
            raise StoreError(
                "A stored secret cannot be opened: the key that sealed it is missing in SCIMD_SEALING_KEYS."
            ) from None

    @cached_property
    def _keys(self) -> MultiFernet:
        return MultiFernet([*self._given, Fernet(server_key(self._database))])


def server_key(database: Database) -> bytes:
    """Return the server's own key; the first call makes it."""
    document = database.db[SPEC.name].find_one_and_update(
        {"_id": "key"},
        {"$setOnInsert": {"key": Fernet.generate_key()}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )
    key: bytes = document["key"]
    return key


def new_key() -> str:
    """Return a new key for the settings: 256 random bits in base64url."""
    return Fernet.generate_key().decode()
