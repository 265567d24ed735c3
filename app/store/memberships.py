"""Who is in which group: one document a membership, never an array.

A membership is {_id, tenant, group, member, type}. `members` of a group and `groups` of a user are both read from here,
so that adding a member costs the same at ten members and at a million. `type` is the member's resource type; it is
missing where the member does not exist (a client may be allowed to name members before it creates them).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from pymongo import UpdateOne

from app.schemas.collection import CollectionSpec, IndexSpec
from app.store.database import Database, Session
from app.store.plans import Index, by_index

T = TypeVar("T")
Parents = Mapping[str, set[str]]
"""The groups that each one is in: id of a member -> ids of groups."""

GROUP = "Group"
"""The resource type that has members."""
_BY_GROUP: Index = (("tenant", 1), ("group", 1), ("member", 1))
_BY_MEMBER: Index = (("tenant", 1), ("member", 1), ("group", 1))
_NESTED: Index = (*_BY_GROUP, ("type", 1))
SPEC = CollectionSpec(
    name="memberships",
    validator={
        "$jsonSchema": {
            "bsonType": "object",
            "required": ["_id", "tenant", "group", "member"],
            "additionalProperties": False,
            "properties": {
                "_id": {},
                **{field: {"bsonType": "string"} for field in ("tenant", "group", "member", "type")},
            },
        }
    },
    indexes=(
        IndexSpec(keys=_BY_GROUP, name="tenant_group_member", unique=True),
        IndexSpec(keys=_BY_MEMBER, name="tenant_member_group"),
        # The few groups in groups, which would else be looked for among a group's million members.
        IndexSpec(keys=_NESTED, name="tenant_group_nested", partial={"type": GROUP}),
    ),
)
COLLECTIONS = (SPEC,)

BATCH = 1_000
"""Memberships that are read and written at a time."""


class Memberships:
    """The memberships of one tenant."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._collection = database.db[SPEC.name]
        self._tenant = tenant

    def present(self, group: str, members: Iterable[str], session: Session = None) -> set[str]:
        """Tell which of `members` are in the group; costs what they are, not what the group is."""
        found: set[str] = set()
        for batch in _batches(members):
            query = {"tenant": self._tenant, "group": group, "member": {"$in": batch}}
            rows = self._collection.find(query, {"_id": 0, "member": 1}, session=session)
            found.update(row["member"] for row in rows)
        return found

    def add(self, group: str, members: Mapping[str, str | None], session: Session = None) -> None:
        """Add members that are not in the group yet: id -> resource type, or None where there is no such resource."""
        for batch in _batches(members):
            rows: list[dict[str, Any]] = []
            for member in batch:
                row = {"tenant": self._tenant, "group": group, "member": member}
                rows.append(row | {"type": members[member]} if members[member] else row)
            self._collection.insert_many(rows, session=session)

    def add_one(self, group: str, member: str, kind: str | None, session: Session = None) -> bool:
        """Add a member; False where it is in the group already. One round trip, which is what Entra mostly needs."""
        key = {"tenant": self._tenant, "group": group, "member": member}
        row = key | {"type": kind} if kind else key
        done = self._collection.update_one(key, {"$setOnInsert": row}, upsert=True, session=session)
        return done.upserted_id is not None

    def put(self, rows: Iterable[tuple[str, str, str | None]], session: Session = None) -> list[tuple[str, str]]:
        """Add memberships (group, member, type) as far as they are not there yet; give group and member of those."""
        new: list[tuple[str, str]] = []
        for batch in _batches(rows):
            writes: list[UpdateOne] = []
            for group, member, kind in batch:
                key = {"tenant": self._tenant, "group": group, "member": member}
                writes.append(UpdateOne(key, {"$setOnInsert": key | {"type": kind} if kind else key}, upsert=True))
            done = self._collection.bulk_write(writes, ordered=False, session=session)
            new += [batch[number][:2] for number in done.upserted_ids or ()]
        return new

    def remove(self, group: str, members: Iterable[str], session: Session = None) -> None:
        """Take members out of the group."""
        for batch in _batches(members):
            query = {"tenant": self._tenant, "group": group, "member": {"$in": batch}}
            self._collection.delete_many(query, session=session)

    def others(self, group: str, keep: Iterable[str], limit: int, session: Session = None) -> list[str]:
        """Give up to `limit` members of the group that are not among `keep`."""
        query = {"tenant": self._tenant, "group": group, "member": {"$nin": list(keep)}}
        rows = self._collection.find(query, {"_id": 0, "member": 1}, session=session).limit(limit)
        return [row["member"] for row in rows]

    def count_others(self, group: str, keep: Iterable[str], session: Session = None) -> int:
        """Tell how many members of the group are not among `keep`."""
        query = {"tenant": self._tenant, "group": group, "member": {"$nin": list(keep)}}
        return self._collection.count_documents(query, session=session)

    def remove_others(self, group: str, keep: Iterable[str], session: Session = None) -> int:
        """Take everybody out of the group who is not among `keep`; give how many that were."""
        query = {"tenant": self._tenant, "group": group, "member": {"$nin": list(keep)}}
        return self._collection.delete_many(query, session=session).deleted_count

    def of_member(self, member: str, session: Session = None) -> list[dict[str, Any]]:
        """Give the memberships that somebody has, each with `group` and, where known, `type`."""
        query = {"tenant": self._tenant, "member": member}
        return list(self._collection.find(query, {"_id": 0, "group": 1, "type": 1}, session=session))

    def rejoin(self, member: str, kind: str, groups: Iterable[str], session: Session = None) -> list[str]:
        """Put a restored member into groups; give those, and those into which it was put while it did not exist."""
        query = {"tenant": self._tenant, "member": member}
        there = {row["group"] for row in self.of_member(member, session)}
        self._collection.update_many(query, {"$set": {"type": kind}}, session=session)
        missing = sorted(set(groups) - there)
        for batch in _batches(missing):
            self._collection.insert_many([query | {"group": group, "type": kind} for group in batch], session=session)
        return [*missing, *there]

    def arrive(self, members: Iterable[str], kind: str, session: Session = None) -> list[str]:
        """Give new resources' type to the memberships that have named them before; give the groups of those."""
        query = {"tenant": self._tenant, "member": {"$in": list(members)}, "type": {"$exists": False}}
        groups = {row["group"] for row in self._collection.find(query, {"_id": 0, "group": 1}, session=session)}
        if groups:
            self._collection.update_many(query, {"$set": {"type": kind}}, session=session)
        return sorted(groups)

    def remove_member(self, member: str, session: Session = None) -> None:
        """Take somebody out of all groups."""
        self._collection.delete_many({"tenant": self._tenant, "member": member}, session=session)

    def clear_member(self, member: str, session: Session = None) -> None:
        """Take somebody who is gone out of all groups; what a client has said of him since stays.

        A client may name who does not exist, and such a membership has no type.
        """
        query = {"tenant": self._tenant, "member": member, "type": {"$exists": True}}
        self._collection.delete_many(query, session=session)

    def clear(self, group: str, limit: int) -> int:
        """Delete up to `limit` memberships of the group; give how many were deleted."""
        query = {"tenant": self._tenant, "group": group}
        ids = [row["_id"] for row in self._collection.find(query, {"_id": 1}).limit(limit)]
        return self._collection.delete_many({"_id": {"$in": ids}}).deleted_count if ids else 0

    def members(self, group: str, after: str = "") -> Iterator[list[dict[str, Any]]]:
        """Give the group's members behind `after` in batches of `member` and, where known, `type`, by their ids.

        Never the whole of it at once.
        """
        query = {"tenant": self._tenant, "group": group, "member": {"$gt": after}}
        fields = {"_id": 0, "member": 1, "type": 1}
        rows = self._collection.find(query, fields, sort=[("member", 1)], batch_size=BATCH)
        while batch := list(islice(rows, BATCH)):
            yield batch

    def first_of(self, groups: Iterable[str], limit: int) -> list[dict[str, Any]]:
        """Give up to `limit` memberships of several groups, with `group`, `member` and `type`, by group and member."""
        query = {"tenant": self._tenant, "group": {"$in": list(groups)}}
        fields = {"_id": 0, "group": 1, "member": 1, "type": 1}
        by = [("group", 1), ("member", 1)]
        return list(self._collection.find(query, fields, sort=by, batch_size=limit).limit(limit))

    @property
    def lookup(self) -> dict[str, Any]:
        """Give the $graphLookup that finds what `parents` needs, beside a resource that is being read."""
        return {
            "from": SPEC.name, "startWith": "$_id", "connectFromField": "group", "connectToField": "member",
            "restrictSearchWithMatch": {"tenant": self._tenant},
        }

    def above(self, members: Iterable[str]) -> Parents:
        """Give the groups that `members` are in, those that these are in, and so on.

        Each group is looked at once, so that groups that contain each other do no harm (RFC 7644 section 3.7.1's own
        example makes such a circle).
        """
        found: dict[str, set[str]] = {}
        to_read = set(members)
        while to_read:
            rows = list(
                self._collection.find(
                    {"tenant": self._tenant, "member": {"$in": list(to_read)}}, {"_id": 0, "member": 1, "group": 1},
                    batch_size=BATCH,  # a page of users is in more groups than the 101 rows of a first batch
                )
            )
            found.update(dict.fromkeys(to_read, set[str]()))
            found.update(parents(rows))
            to_read = {row["group"] for row in rows} - found.keys()
        return found

    def groups_within(self, groups: Iterable[str]) -> set[str]:
        """Give `groups` and every group that is in them, directly or not."""
        seen: set[str] = set()
        to_read = set(groups)
        while to_read:
            seen |= to_read
            query = {"tenant": self._tenant, "group": {"$in": list(to_read)}, "type": GROUP}
            to_read = set(self._values("member", query, _NESTED)) - seen
        return seen

    def nesting(self, groups: Iterable[str]) -> list[str]:
        """Give those of the groups that have groups in them."""
        query = {"tenant": self._tenant, "group": {"$in": list(groups)}, "type": GROUP}
        return sorted(set(self._values("group", query, _NESTED)))

    def ids(self, give: str, query: Mapping[str, Any], limit: int, *, ordered: bool = False) -> list[str]:
        """Give up to `limit` `group` or `member` values of the memberships that match; one may come several times.

        `ordered` gives the first ones, and of `limit` of them two that differ.
        """
        query = {"tenant": self._tenant, **query}
        if not ordered:
            # Where the other id is asked for, its index has what is wanted; elsewhere that of the wanted begins with
            # it. An index for groups in groups MongoDB takes by itself where they are asked for.
            other = "member" if give == "group" else "group"
            named = {"group": _BY_GROUP, "member": _BY_MEMBER}
            free = None if mentions(query, "type") else named[give]
            return self._values(give, query, named[other] if mentions(query, other) else free, limit)
        if give == "member":  # a group has a million members, but a member is in few groups: the index has the order
            rows = self._collection.find(query, {"_id": 0, give: 1}, sort=[(give, 1)], limit=limit)
            found = [row[give] for row in rows]
            if len(found) < limit or found[0] != found[-1]:
                return found
        steps = [{"$match": query}, {"$group": {"_id": f"${give}"}}, {"$sort": {"_id": 1}}, {"$limit": limit}]
        return [row["_id"] for row in self._collection.aggregate(steps)]

    def _values(self, field: str, query: Mapping[str, Any], index: Index | None, limit: int = 0) -> list[str]:
        find = partial(self._collection.find, query, {"_id": 0, field: 1}, limit=limit)
        return [row[field] for row in by_index(self._collection, index, lambda **named: list(find(**named)))]


def parents(rows: Iterable[Mapping[str, Any]]) -> Parents:
    """Give the groups that each member of some memberships is in."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        found[row["member"]].add(row["group"])
    return found


def mentions(query: Mapping[str, Any], field: str) -> bool:
    """Tell whether a query has a condition on a field."""
    return field in query or any(
        mentions(part, field) for logic in ("$and", "$or", "$nor") for part in query.get(logic, ())
    )


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    ordered = list(items)
    for start in range(0, len(ordered), BATCH):
        yield ordered[start : start + BATCH]
