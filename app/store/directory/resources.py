"""The resources of one type of one tenant, as documents of the type's collection.

Every query starts with `tenant`; a write names the version that it read, and the database decides who won.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

from pymongo import UpdateOne

from app.errors import Unavailable
from app.schemas.comparison import fold
from app.schemas.meta import version_number
from app.schemas.resource_type import ResourceType
from app.schemas.storage.collection import indexed_fields
from app.schemas.storage.columns import FOLDED, columns
from app.store.directory.commands import read_few
from app.store.directory.documents import HIDDEN, decode, encode, keep_unknown, stored_keys, without_hidden
from app.store.directory.uniqueness import naming_what_is_taken
from app.store.log.outbox import OUTBOX, ROOM, TIME, Pending, changed_by
from app.store.mongo.database import Database, Session
from app.store.mongo.indexes import BY_ID, Access, access, by_ids, by_index
from app.store.mongo.unknown_fields import Partial

Resource = dict[str, Any]
Query = Mapping[str, Any]

EACH = 500
"""Documents in a batch when all are read; MongoDB's own batches of 16 MB take 100 MB of memory here."""


class Resources:
    """The resources of one type of one tenant."""

    def __init__(self, database: Database, tenant: str, resource_type: ResourceType) -> None:
        self.type = resource_type
        # Times are read without a time zone, in UTC: with one, a page of 100 users takes 20 % more instructions.
        naive = database.db.codec_options.with_options(tz_aware=False)
        self.collection = database.db[resource_type.collection].with_options(naive)
        self.tenant = tenant

    def get(self, resource_id: str, keys: frozenset[str] | None = None) -> Resource | None:
        """Return the resource, or None; `keys` are the top-level attributes to read, None means all."""
        fields = None if keys is None else self.fields(keys)  # D-520
        found = read_few(self.collection, {"_id": resource_id, "tenant": self.tenant}, fields, 1)
        return decode(without_hidden(found[0]), self.type, keys) if found else None

    def find(self, query: Query, keys: frozenset[str] | None, limit: int) -> list[Resource]:
        """Return up to `limit` resources that match, in one round trip; meant for a few."""
        fields = None if keys is None else self.fields(keys)  # D-520
        find = partial(read_few, self.collection, {"tenant": self.tenant, **query}, fields, limit)
        rows = by_index(self.collection, self.access(query).index, find)
        return [decode(without_hidden(document), self.type, keys) for document in rows]

    def find_with(
        self, query: Query, keys: frozenset[str] | None, lookup: Mapping[str, Any], limit: int
    ) -> list[tuple[Resource, list[dict[str, Any]]]]:
        """Return up to `limit` resources that match, each with what a $graphLookup finds for it, in one round trip.

        For a few only: for a page of 100, a second query takes a third of the time of 100 lookups.
        """
        steps = [
            {"$match": {"tenant": self.tenant, **query}}, {"$limit": limit}, {"$project": self.fields(keys)},
            {"$graphLookup": {**lookup, "as": "_found"}},
        ]

        def run(**named: Any) -> list[dict[str, Any]]:
            return list(self.collection.aggregate(steps, **named))

        # MongoDB finds a single id without a hint, which would take 2 % of a GET.
        rows = by_index(self.collection, None if "_id" in query else self.access(query).index, run)
        found = ((document, document.pop("_found")) for document in rows)
        return [(decode(document, self.type, keys), memberships) for document, memberships in found]

    def insert(self, resource: Resource, event: Pending, session: Session = None) -> None:
        """Store a new resource with its event; raises Uniqueness if another one has its name."""
        self.insert_document(encode(resource, self.type, tenant=self.tenant), [event], session)

    def insert_all(self, resources: Iterable[tuple[Resource, Pending]], session: Session = None) -> None:
        """Store new resources, each with its event; a failure does not say which document caused it."""
        documents = [encode(each, self.type, tenant=self.tenant) | {OUTBOX: [event]} for each, event in resources]
        self.collection.insert_many(documents, session=session)

    def insert_document(self, document: dict[str, Any], outbox: list[Pending], session: Session = None) -> None:
        """Store a document with its outbox; raises Uniqueness if another one has its name."""
        with naming_what_is_taken(self.type):
            self.collection.insert_one(document | {OUTBOX: outbox}, session=session)

    def update(self, resource: Resource, before: Resource, event: Pending, session: Session = None) -> bool:
        """Store what differs between a resource and `before`; return False if the stored version is another one by now.

        Folded texts are always stored (D-685), fields that no schema knows kept. Raises Unavailable for a full outbox.
        """
        old, new = (encode(each, self.type, tenant=self.tenant) for each in (before, resource))
        query = {"_id": resource["id"], "tenant": self.tenant, "meta.version": old["meta"]["version"]}
        if isinstance(before, Partial):
            stored = self.collection.find_one(query, {OUTBOX: 0}, session=session)
            if stored is None:
                return False
            keep_unknown(stored, new, self.type)
            old = stored
        change: dict[str, Any] = {
            "$set": {key: value for key, value in new.items() if key == FOLDED or key not in old or old[key] != value},
            "$push": {OUTBOX: event},
        }
        gone = old.keys() - new.keys()
        if gone:
            change["$unset"] = dict.fromkeys(gone, "")
        with naming_what_is_taken(self.type):
            updated = self.collection.update_one(query | ROOM, change, session=session).matched_count == 1
        if not updated:
            self._check_room(resource["id"], session)
        return updated

    def touch(
        self, resource_id: str, now: datetime, event: Pending, version: str | None = None, session: Session = None,
        keys: frozenset[str] | None = frozenset(),
    ) -> Resource | None:
        """Set a new version of the resource, because something that belongs to it has changed, and append the event.

        If `version` is given, it must be the stored one. Returns the names of the resource, its new `meta` and the
        top-level attributes `keys`, None means all; or None if there is no such resource or version. Raises Unavailable
        for a full outbox.
        """
        query: dict[str, Any] = {"_id": resource_id, "tenant": self.tenant, **ROOM}
        if version is not None:
            query["meta.version"] = version_number(version)
        if keys is not None:
            keys |= self.type.names
        document = self.collection.find_one_and_update(
            query,
            [{"$set": {"meta.lastModified": {"$max": ["$meta.lastModified", now]}, **self._changed_by(event)}}],
            projection=self.fields(keys),
            return_document=True,
            session=session,
        )
        if document is None:
            self._check_room(resource_id, session)
        return decode(document, self.type, keys) if document else None

    def touch_each(self, events: Iterable[tuple[str, Pending]], session: Session = None) -> None:
        """Set a new version of resources, but not a new date, for each event, and append it: (id, event)."""
        updates = [
            UpdateOne({"_id": resource_id, "tenant": self.tenant}, [{"$set": self._changed_by(event)}])
            for resource_id, event in events
        ]
        self.collection.bulk_write(updates, ordered=False, session=session)

    def touch_all(self, ids: Iterable[str], now: datetime | None, session: Session = None) -> None:
        """Set a new version of each of the resources; without a time their dates stay the same."""
        query = {"tenant": self.tenant, "_id": {"$in": list(ids)}}
        change: dict[str, Any] = {"$inc": {"meta.version": 1}}
        if now is not None:
            change["$max"] = {"meta.lastModified": now}
        self.collection.update_many(query, change, session=session, **by_ids(self.collection))

    def remove(self, resource_id: str, version: str | None, session: Session = None) -> dict[str, Any] | None:
        """Delete the resource and return its document, or None if there is no such resource or version."""
        query: dict[str, Any] = {"_id": resource_id, "tenant": self.tenant}
        if version is not None:
            query["meta.version"] = version_number(version)
        return self.collection.find_one_and_delete(query, session=session)

    def several(self, ids: list[str], keys: frozenset[str] | None = None) -> list[Resource]:
        """Return the resources with these ids; ids without a resource are left out."""
        query = {"tenant": self.tenant, "_id": {"$in": ids}}
        cursor = self.collection.find(query, self.fields(keys), **by_ids(self.collection)) if ids else ()
        return [decode(document, self.type, keys) for document in cursor]

    def count(self, query: Query) -> int:
        """Return how many resources match."""
        count = partial(self.collection.count_documents, {"tenant": self.tenant, **query})
        return by_index(self.collection, self.access(query).index, count)

    def ids(self, query: Query, limit: int, *, ordered: bool = False) -> list[str]:
        """Return the ids of up to `limit` resources that match; `ordered` returns the first ones."""
        order = [("_id", 1)] if ordered else None
        find = partial(self.collection.find, {"tenant": self.tenant, **query}, {"_id": 1}, sort=order, limit=limit)
        found = by_index(self.collection, self.access(query).index, lambda **named: list(find(**named)))
        return [document["_id"] for document in found]

    def named(self, name: str, limit: int) -> list[str]:
        """Return the ids of up to `limit` resources that have the name, or the externalId as given or in lower case."""
        resolve = columns(self.type)
        found = (resolve(attribute) for attribute in sorted(self.type.names))
        spellings = {name, fold(name)}
        either = [
            {column.field: {"$in": sorted({column.key(each) for each in spellings})}}
            for column in found if column is not None and column.type == "string"
        ]
        return self.ids({"$or": either}, limit)

    def id_after(self, start: str | None, number: int) -> str | None:
        """Return the id that comes `number` resources after the first id from `start` on, or None."""
        query = {"tenant": self.tenant} | ({"_id": {"$gte": start}} if start is not None else {})
        order = [("tenant", 1), ("_id", 1)]
        find = partial(self.collection.find_one, query, {"_id": 1}, sort=order, skip=number)
        row = by_index(self.collection, BY_ID, find)
        return row["_id"] if row else None

    def all(self) -> Iterator[Resource]:
        """Return every resource, by id."""
        by_id = [("tenant", 1), ("_id", 1)]
        cursor = self.collection.find({"tenant": self.tenant}, HIDDEN, sort=by_id, batch_size=EACH)
        return (decode(document, self.type) for document in cursor)

    def all_ids(self) -> Iterator[str]:
        """Return the id of every resource, in order."""
        cursor = self.collection.find({"tenant": self.tenant}, {"_id": 1}, sort=[("tenant", 1), ("_id", 1)])
        return (document["_id"] for document in cursor)

    def access(self, query: Query) -> Access:
        """Return the index that answers a query, and how directly it leads to the matches."""
        return access(query, indexed_fields(self.type))

    def has_pending(self, resource_id: str) -> bool:
        """Return whether the resource has events that are not in the log yet."""
        query = {"_id": resource_id, "tenant": self.tenant, TIME: {"$exists": True}}
        return self.collection.find_one(query, {"_id": 1}) is not None

    def _changed_by(self, event: Pending) -> dict[str, Any]:
        return changed_by(event, self.type.identifier, name_fields(self.type))

    def _check_room(self, resource_id: str, session: Session) -> None:
        """Raise Unavailable if the outbox of the resource is full."""
        query = {"_id": resource_id, "tenant": self.tenant, "$nor": [dict(ROOM)]}
        if self.collection.find_one(query, {"_id": 1}, session=session):
            raise full(self.type)

    def fields(self, keys: frozenset[str] | None) -> dict[str, int]:
        """Return the projection that reads the top-level attributes `keys`, None means all."""
        if keys is None:
            return HIDDEN
        return dict.fromkeys(stored_keys(keys, self.type), 1) | {"meta": 1, "schemas": 1}


def full(resource_type: ResourceType) -> Unavailable:
    """Return the error for a change that has no room beside those before it."""
    return Unavailable(f"Too many changes of this {resource_type.name} are not in the log yet; try again.")


@lru_cache(maxsize=1_000)
def name_fields(resource_type: ResourceType) -> tuple[str, ...]:
    """Return the fields with the comparable values of the attributes by which somebody may look for a resource."""
    resolve = columns(resource_type)
    return tuple(column.field for name in sorted(resource_type.names) if (column := resolve(name)))
