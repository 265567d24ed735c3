"""The links: which user a subject of an identity provider is, written down at the first sign-in.

So a name that is given to somebody else does not open the account of the one who had it before. A connection has one
link for each subject and one for each user; the indexes decide between two sign-ins at the same moment.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pymongo.errors import DuplicateKeyError

from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.accounts.expiries import CONNECTIONS
from app.store.accounts.tokens import hash_of
from app.store.mongo.database import Database, Session
from app.store.mongo.moments import now

SPEC = CollectionSpec(
    name="links",
    validator={
        "$jsonSchema": {
            "bsonType": "object",
            "required": ["_id", "tenant", "connection", "subject", "user", "created"],
            "additionalProperties": False,
            "properties": {
                **{each: {"bsonType": "string"} for each in ("_id", "tenant", "connection", "subject", "user")},
                "created": {"bsonType": "date"},
            },
        }
    },
    indexes=(
        IndexSpec(
            keys=(("tenant", 1), ("connection", 1), ("subject", 1)), name="tenant_connection_subject", unique=True
        ),
        IndexSpec(keys=(("tenant", 1), ("connection", 1), ("user", 1)), name="tenant_connection_user", unique=True),
    ),
)
COLLECTIONS = (SPEC,)


@dataclass(frozen=True)
class Link:
    """A subject and its user."""

    subject: str
    user: str


class Links:
    """The links of one connection of a tenant."""

    def __init__(self, database: Database, tenant: str, connection: str) -> None:
        self._collection = database.db[SPEC.name]
        self._own = {"tenant": tenant, "connection": connection}

    def of(self, subject: str | None, user: str) -> list[Link]:
        """Return the links of a subject and of a user: none, one, or two that contradict each other."""
        either: list[dict[str, Any]] = [{"user": user}]
        if subject is not None:
            either.append({"subject": subject})
        return [Link(row["subject"], row["user"]) for row in self._collection.find(self._own | {"$or": either})]

    def pin(self, link: Link, displaced: Iterable[Link]) -> bool:
        """Write a link in place of `displaced`; return False if another sign-in has written one that contradicts it."""
        for old in displaced:
            self._collection.delete_one(self._own | {"subject": old.subject, "user": old.user})
        key = hash_of("\n".join((*self._own.values(), link.user, link.subject)))
        document = {"_id": key, **self._own, "subject": link.subject, "user": link.user, "created": now()}
        try:
            self._collection.insert_one(document)
        except DuplicateKeyError:
            return self.of(link.subject, link.user) == [link]
        return True


def forget(database: Database, tenant: str, user: str, session: Session = None) -> int:
    """Forget the subjects of a user, so that their next sign-in writes down another one; return how many there were."""
    return database.db[SPEC.name].delete_many({"tenant": tenant, "user": user}, session=session).deleted_count


def forget_cleared(database: Database, tenant: str, user: str) -> None:
    """Forget the subjects of a user who was deleted for good (D-675)."""
    connections = [row["_id"] for row in database.db[CONNECTIONS].find({"tenant": tenant}, {"_id": 1})]
    if connections:  # by name, as the index has them: without it, all links of the tenant would be looked through
        query = {"tenant": tenant, "connection": {"$in": connections}, "user": user}
        database.db[SPEC.name].delete_many(query)


def take_over(database: Database, tenant: str, old: str, new: str, session: Session) -> None:
    """Give the links of the connection `old` to `new`, which loses its own (D-731)."""
    forget_connection(database, tenant, new, session)
    links = {"tenant": tenant, "connection": old}
    database.db[SPEC.name].update_many(links, {"$set": {"connection": new}}, session=session)


def forget_connection(database: Database, tenant: str, connection: str, session: Session = None) -> None:
    """Forget all subjects of a connection, which is deleted."""
    database.db[SPEC.name].delete_many({"tenant": tenant, "connection": connection}, session=session)
