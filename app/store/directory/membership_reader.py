"""Reading memberships: a group's members, the groups of a member, and what filters on them ask for.

Whatever has been cleared is left out, see `memberships`: each method sees the clearances as of the moment of the rest.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from app.store.directory.memberships import (
    BATCH,
    BELIEVED,
    BY_GROUP,
    BY_MEMBER,
    CLEARED,
    GROUP,
    HINT,
    NESTED,
    SPEC,
    Clearances,
    Row,
    clearances,
    counts,
    of_group,
)
from app.store.mongo.database import Database, Session
from app.store.mongo.indexes import Index, by_index

T = TypeVar("T")
Parents = Mapping[str, set[str]]
"""The groups that each one is in: id of a member -> ids of groups."""


class MembershipReader:
    """The memberships of one tenant, as they are read."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._collection = database.db[SPEC.name]
        self._moment = database.snapshot(SPEC.name)
        self._tenant = tenant
        self._none_until = 0.0

    def members(self, group: str) -> Iterator[list[Row]]:
        """Return the group's members in batches of `member` and, where known, `type`, by their ids, as of one moment.

        Never the whole of it at once.
        """
        fields, by = {"_id": 0, "member": 1, "type": 1}, [("member", 1)]
        with self._database.snapshot_session() as session:
            clearance = {"tenant": self._tenant, "group": CLEARED, "member": group}
            since = clearances(self._collection.find(clearance, hint=HINT, session=session)).get(group)
            query, hint = of_group(self._tenant, group, since)
            rows = self._collection.find(query, fields, sort=by, hint=hint, batch_size=BATCH, session=session)
            while batch := list(islice(rows, BATCH)):
                yield batch

    def first_of(self, groups: Sequence[str], limit: int) -> tuple[list[Row], str]:
        """Return up to `limit` memberships of several groups, by group and member, and the group that is cut off.

        They have `group`, `member` and `type`. The group that is cut off has none of them; "" where all are whole.
        """
        query = {"tenant": self._tenant, "group": {"$in": [CLEARED, *groups]}}
        fields = {"_id": 0, "group": 1, "member": 1, "type": 1, "since": 1}
        by, most = [("group", 1), ("member", 1)], limit + 1
        rows = list(self._moment.find(query, fields, sort=by, hint=HINT, batch_size=most, limit=most))
        cut = (rows[-1]["group"] or groups[0]) if len(rows) > limit else ""
        cleared = clearances(rows)
        return [row for row in rows if row["group"] not in (CLEARED, cut) and counts(row, cleared)], cut

    @property
    def lookup(self) -> Row:
        """Return the $graphLookup that finds what `parents` needs, beside a resource that is being read."""
        return {
            "from": SPEC.name, "startWith": "$_id", "connectFromField": "group", "connectToField": "member",
            "restrictSearchWithMatch": {"tenant": self._tenant},
        }

    def parents(self, members: Iterable[str], rows: Iterable[Row]) -> Parents:
        """Return the groups in what `lookup` has found for `members`; it is read anew where one has a clearance."""
        rows = list(rows)
        return self.above(members) if clearances(rows) else parents(rows)

    def above(self, members: Iterable[str]) -> Parents:
        """Return the groups that `members` are in, those that these are in, and so on."""
        members = list(members)
        rows = self._above(members)
        if any(row["group"] == CLEARED for row in rows):
            with self._database.snapshot_session() as session:
                rows = self._above(members, session)
        return parents(rows)

    def _above(self, members: Iterable[str], session: Session = None) -> list[Row]:
        """Return memberships and clearances; only in a session with the `since` of each.

        Each group is looked at once, so that groups that contain each other do no harm (RFC 7644 section 3.7.1's own
        example makes such a circle).
        """
        fields = {"_id": 0, "member": 1, "group": 1} | ({"since": 1} if session else {})
        found, seen, to_read = list[Row](), set[str](), set(members)
        while to_read:
            query = {"tenant": self._tenant, "member": {"$in": list(to_read)}}
            # A page of users is in more groups than the 101 rows of a first batch.
            find = partial(self._collection.find, query, fields, batch_size=BATCH, session=session)
            rows = by_index(self._collection, BY_MEMBER, lambda find=find, **hint: list(find(**hint)))
            found += rows
            seen |= to_read
            to_read = {row["group"] for row in rows} - seen - {CLEARED}
        return found

    def groups_within(self, groups: Iterable[str]) -> set[str]:
        """Return `groups` and every group that is in them, directly or not."""
        groups = set(groups)

        def read(cleared: Clearances, session: Session) -> set[str]:
            seen, to_read = set[str](), groups
            while to_read:
                seen |= to_read
                query = that_count(self._groups_in(to_read), cleared)
                to_read = set(self._values("member", query, NESTED, session)) - seen
            return seen

        return self._counting(read)

    def nesting(self, groups: Iterable[str]) -> list[str]:
        """Return those of the groups that have groups in them."""
        query = self._groups_in(groups)

        def read(cleared: Clearances, session: Session) -> list[str]:
            return sorted(set(self._values("group", that_count(query, cleared), NESTED, session)))

        return self._counting(read)

    def _groups_in(self, groups: Iterable[str]) -> Row:
        return {"tenant": self._tenant, "group": {"$in": list(groups)}, "type": GROUP}

    def _counting(self, read: Callable[[Clearances, Session], T]) -> T:
        """Return what `read` finds, given the clearances of that moment.

        They are looked for afterwards: nothing that did not count has been read where there is none even now, since a
        clearance stays for longer than a request after the last of what it ended is deleted.
        """
        found, query = read({}, None), {"tenant": self._tenant, "group": CLEARED}
        if not found or not self._may_be_cleared(query):
            return found
        with self._database.snapshot_session() as session:
            return read(clearances(self._collection.find(query, hint=HINT, session=session)), session)

    def _may_be_cleared(self, query: Row) -> bool:
        """Return whether there may be a clearance; each is announced for as long as the answer "no" is believed."""
        now = time.monotonic()
        if now < self._none_until:
            return False
        if self._collection.find_one(query, {"_id": 0, "member": 1}, hint=HINT):
            return True
        self._none_until = now + BELIEVED
        return False

    def ids(self, give: str, query: Mapping[str, Any], limit: int, *, ordered: bool = False) -> list[str]:
        """Return up to `limit` `group` or `member` values of the memberships that match; one may come several times.

        `ordered` gives the first ones, and of `limit` of them two that differ.
        """
        # Where the other id is asked for, its index has what is wanted; elsewhere that of the wanted begins with it. An
        # index for groups in groups MongoDB takes by itself where they are asked for.
        other = "member" if give == "group" else "group"
        named = {"group": BY_GROUP, "member": BY_MEMBER}
        free = None if has_condition_on(query, "type") else named[give]
        index = named[other] if has_condition_on(query, other) else free

        def read(cleared: Clearances, session: Session) -> list[str]:
            groups = {} if give == "member" else {"group": {"$gt": CLEARED}}
            all_of = that_count({"tenant": self._tenant, "$and": [query, groups]}, cleared)
            if ordered:
                return self._ordered(give, all_of, limit, session)
            return self._values(give, all_of, None if cleared else index, session, limit)

        return self._counting(read)

    def _values(
        self, field: str, query: Row, index: Index | None, session: Session, limit: int = 0
    ) -> list[str]:
        find = partial(self._collection.find, query, {"_id": 0, field: 1}, limit=limit, session=session)
        return [row[field] for row in by_index(self._collection, index, lambda **named: list(find(**named)))]

    def _ordered(self, give: str, query: Row, limit: int, session: Session) -> list[str]:
        if give == "member":  # a group has a million members, but a member is in few groups: the index has the order
            rows = self._collection.find(query, {"_id": 0, give: 1}, sort=[(give, 1)], limit=limit, session=session)
            found = [row[give] for row in rows]
            if len(found) < limit or found[0] != found[-1]:
                return found
        steps = [{"$match": query}, {"$group": {"_id": f"${give}"}}, {"$sort": {"_id": 1}}, {"$limit": limit}]
        return [row["_id"] for row in self._collection.aggregate(steps, session=session)]


def that_count(query: Row, cleared: Clearances) -> Row:
    """Return the query for those of what matches that count; the index is then left to MongoDB."""
    if not cleared:
        return query
    ways = [{"group": {"$nin": list(cleared)}}, *({"group": group, "since": cleared[group]} for group in cleared)]
    return {"$or": [{"$and": [query, way]} for way in ways]}


def parents(rows: Iterable[Row]) -> Parents:
    """Return the groups that each member of some memberships is in; clearances among them are heeded."""
    rows = list(rows)
    cleared = clearances(rows)
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row["group"] != CLEARED and counts(row, cleared):
            found[row["member"]].add(row["group"])
    return found


def has_condition_on(query: Mapping[str, Any], field: str) -> bool:
    """Tell whether a query has a condition on a field."""
    return field in query or any(
        has_condition_on(part, field) for logic in ("$and", "$or", "$nor") for part in query.get(logic, ())
    )
