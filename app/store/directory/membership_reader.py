"""Reading memberships: a group's members, the groups of a member, and the matches of filters on them.

Memberships that were cleared are left out, see `memberships`: each method reads the clearances as of the same moment.
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
"""The groups of members: id of a member -> ids of groups."""


class MembershipReader:
    """The memberships of one tenant, for reading."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._collection = database.db[SPEC.name]
        self._moment = database.snapshot(SPEC.name)
        self._tenant = tenant
        self._none_until = 0.0

    def members(self, group: str) -> Iterator[list[Row]]:
        """Return the group's members in batches, by their ids, each with `member` and, if known, `type`.

        All batches are of one moment, and never in memory at once.
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
        """Return up to `limit` memberships of several groups, by group and member, and the group that did not fit.

        They have `group`, `member` and `type`. None of them is of the group that did not fit; that is "" if all did.
        """
        query = {"tenant": self._tenant, "group": {"$in": [CLEARED, *groups]}}
        fields = {"_id": 0, "group": 1, "member": 1, "type": 1, "since": 1}
        by, most = [("group", 1), ("member", 1)], limit + 1
        rows = list(self._moment.find(query, fields, sort=by, hint=HINT, batch_size=most, limit=most))
        cut = (rows[-1]["group"] or groups[0]) if len(rows) > limit else ""
        cleared = clearances(rows)
        return [row for row in rows if row["group"] not in (CLEARED, cut) and counts(row, cleared)], cut

    def page(self, group: str, after: str, limit: int, *, backwards: bool = False) -> list[Row]:
        """Return up to `limit` memberships of a group behind the member `after`: `member` and, if known, `type`.

        They are in the order of the members' ids, "" is before all of them; `backwards` reads those in front of it.
        """
        beyond, order = ("$lt", -1) if backwards else ("$gt", 1)
        with self._database.snapshot_session() as session:
            clearance = {"tenant": self._tenant, "group": CLEARED, "member": group}
            since = clearances(self._collection.find(clearance, hint=HINT, session=session)).get(group)
            query, hint = of_group(self._tenant, group, since)
            fields = {"_id": 0, "member": 1, "type": 1}
            rows = self._collection.find(
                query | {"member": {beyond: after}}, fields, sort=[("member", order)], hint=hint, limit=limit,
                session=session,
            )
            return list(rows)[::order]

    @property
    def lookup(self) -> Row:
        """Return the $graphLookup that reads what `parents` needs together with a resource."""
        return {
            "from": SPEC.name, "startWith": "$_id", "connectFromField": "group", "connectToField": "member",
            "restrictSearchWithMatch": {"tenant": self._tenant},
        }

    def parents(self, members: Iterable[str], rows: Iterable[Row]) -> Parents:
        """Return the groups in what `lookup` found for `members`; reads them again if one has a clearance."""
        rows = list(rows)
        return self.above(members) if clearances(rows) else parents(rows)

    def above(self, members: Iterable[str], session: Session = None) -> Parents:
        """Return the groups that `members` are in, those that these are in, and so on.

        All queries of a session must read the same snapshot.
        """
        members = list(members)
        rows = self._above(members, session)
        if session is None and any(row["group"] == CLEARED for row in rows):
            with self._database.snapshot_session() as session:
                rows = self._above(members, session)
        return parents(rows)

    def _above(self, members: Iterable[str], session: Session = None) -> list[Row]:
        """Return memberships and clearances, with the `since` of each if there is a session.

        Each group is read once, so that a circle of groups does no harm (the example in RFC 7644 section 3.7.1 makes
        one).
        """
        fields = {"_id": 0, "member": 1, "group": 1} | ({"since": 1} if session else {})
        found, seen, to_read = list[Row](), set[str](), set(members)
        while to_read:
            query = {"tenant": self._tenant, "member": {"$in": list(to_read)}}
            # The users of a page have more memberships than the 101 rows of a first batch.
            find = partial(self._collection.find, query, fields, batch_size=BATCH, session=session)
            rows = by_index(self._collection, BY_MEMBER, lambda find=find, **hint: list(find(**hint)))
            found += rows
            seen |= to_read
            to_read = {row["group"] for row in rows} - seen - {CLEARED}
        return found

    def groups_within(self, groups: Iterable[str], session: Session = None) -> set[str]:
        """Return `groups` and every group nested in them, directly or not; `session` as in `above`."""
        groups = set(groups)

        def read(cleared: Clearances, session: Session) -> set[str]:
            seen, to_read = set[str](), groups
            while to_read:
                seen |= to_read
                query = that_count(self._groups_in(to_read), cleared)
                to_read = set(self._values("member", query, NESTED, session)) - seen
            return seen

        return self._counting(read, session)

    def nesting(self, groups: Iterable[str]) -> list[str]:
        """Return those of the groups that have nested groups."""
        query = self._groups_in(groups)

        def read(cleared: Clearances, session: Session) -> list[str]:
            return sorted(set(self._values("group", that_count(query, cleared), NESTED, session)))

        return self._counting(read)

    def _groups_in(self, groups: Iterable[str]) -> Row:
        return {"tenant": self._tenant, "group": {"$in": list(groups)}, "type": GROUP}

    def _counting(self, read: Callable[[Clearances, Session], T], session: Session = None) -> T:
        """Return the result of `read`, called with the clearances of that moment, which is that of a session if given.

        Clearances are read afterwards. If there is none then, `read` has seen no cleared membership: a clearance exists
        for longer than a request takes, after the last of its memberships was deleted.
        """
        query = {"tenant": self._tenant, "group": CLEARED}
        if session is not None:
            return read(clearances(self._collection.find(query, hint=HINT, session=session)), session)
        found = read({}, None)
        if not found or not self.may_be_cleared():
            return found
        with self._database.snapshot_session() as session:
            return read(clearances(self._collection.find(query, hint=HINT, session=session)), session)

    def may_be_cleared(self) -> bool:
        """Return whether there may be a clearance; "no" is remembered for as long as each one is announced before."""
        now = time.monotonic()
        if now < self._none_until:
            return False
        query = {"tenant": self._tenant, "group": CLEARED}
        if self._collection.find_one(query, {"_id": 0, "member": 1}, hint=HINT):
            return True
        self._none_until = now + BELIEVED
        return False

    def ids(self, field: str, query: Mapping[str, Any], limit: int, *, ordered: bool = False) -> list[str]:
        """Return up to `limit` values of a field, `group` or `member`, of the memberships that match, with duplicates.

        `ordered` returns the first ones, and at least two different ones if there are and `limit` is more than 1.
        """
        # A condition on the other field: the index that begins with it has the values, too. Otherwise the index that
        # begins with this field. For conditions on `type`, MongoDB chooses the index of nested groups by itself.
        other = "member" if field == "group" else "group"
        named = {"group": BY_GROUP, "member": BY_MEMBER}
        free = None if has_condition_on(query, "type") else named[field]
        index = named[other] if has_condition_on(query, other) else free
        if query.get("type") == GROUP and "group" in query:
            index = NESTED  # among a group's million members there are few groups

        def read(cleared: Clearances, session: Session) -> list[str]:
            groups = {} if field == "member" else {"group": {"$gt": CLEARED}}
            all_of = that_count({"tenant": self._tenant, "$and": [query, groups]}, cleared)
            if ordered:
                return self._ordered(field, all_of, limit, session)
            return self._values(field, all_of, None if cleared else index, session, limit)

        return self._counting(read)

    def _values(
        self, field: str, query: Row, index: Index | None, session: Session, limit: int = 0
    ) -> list[str]:
        find = partial(self._collection.find, query, {"_id": 0, field: 1}, limit=limit, session=session)
        return [row[field] for row in by_index(self._collection, index, lambda **named: list(find(**named)))]

    def _ordered(self, field: str, query: Row, limit: int, session: Session) -> list[str]:
        if field == "member":  # read in the order of the index: a group has a million members, a member few groups
            rows = self._collection.find(query, {"_id": 0, field: 1}, sort=[(field, 1)], limit=limit, session=session)
            found = [row[field] for row in rows]
            if len(found) < limit or found[0] != found[-1]:
                return found
        steps = [{"$match": query}, {"$group": {"_id": f"${field}"}}, {"$sort": {"_id": 1}}, {"$limit": limit}]
        return [row["_id"] for row in self._collection.aggregate(steps, session=session)]


def that_count(query: Row, cleared: Clearances) -> Row:
    """Return the query for the matches that count; MongoDB then chooses the index."""
    if not cleared:
        return query
    ways = [{"group": {"$nin": list(cleared)}}, *({"group": group, "since": cleared[group]} for group in cleared)]
    return {"$or": [{"$and": [query, way]} for way in ways]}


def parents(rows: Iterable[Row]) -> Parents:
    """Return the groups of each member in some rows; clearances among the rows are applied."""
    rows = list(rows)
    cleared = clearances(rows)
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row["group"] != CLEARED and counts(row, cleared):
            found[row["member"]].add(row["group"])
    return found


def has_condition_on(query: Mapping[str, Any], field: str) -> bool:
    """Return whether a query has a condition on a field."""
    return field in query or any(
        has_condition_on(part, field) for logic in ("$and", "$or", "$nor") for part in query.get(logic, ())
    )
