"""Finds people and groups in all tenants at once, deleted ones too, by an id, a name, an e-mail address or externalId.

Who was refused, and so is nowhere in a directory, is found in the log by how the name or externalId begins.

These are the only queries that cross tenants, and only the console's pages may use them. They name the tenants, so that
the indexes serve it, all of which begin with the tenant: with 2,000 tenants and 300,000 users, somebody is found in
25 ms, and that there is nobody takes 43.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.schemas.comparison import fold
from app.schemas.resource_type import ResourceType
from app.schemas.storage.collection import FOLDED, indexed_fields
from app.schemas.storage.columns import columns
from app.schemas.tables.common import EXTERNAL_ID
from app.store.accounts.tenants import NOT_DELETED
from app.store.accounts.tenants import SPEC as TENANTS
from app.store.directory.deleted import SPEC as DELETED
from app.store.log.event import MEMBER
from app.store.log.events import BY_NAME, BY_REFUSED_NAME
from app.store.log.events import SPEC as EVENTS
from app.store.mongo.database import Database
from app.store.mongo.indexes import by_index
from app.store.mongo.moments import aware
from app.store.operators.reports.solved import can_be_solved, keys_of, solution

MOST = 50
"""Hits of each kind."""
MOST_REFUSALS = 1_000
"""Refusals that are read for one search."""
MOST_NAMES = 10_000
"""Names of tenants that are read at once."""
_OF_A_REFUSAL = dict.fromkeys(("tenant", "time", "resource", "operation", "cause", "attribute", "keys", "failed"), 1)
"""What is read of a refusal: what it was about, and what would solve it."""
_TYPE = "_type"
"""The field of a row with its resource type; no attribute begins with an underscore."""
_LAST = "\U0010ffff"
"""Sorts behind every other character."""
Row = dict[str, Any]
Part = tuple[str, list[Row]]
"""A collection, and the steps that find something in it."""


@dataclass(frozen=True)
class Hit:
    """A resource that was found."""

    tenant: str
    type: str
    id: str
    name: str
    label: str = ""
    active: bool = True
    deleted: datetime | None = None
    external_id: str = ""


@dataclass(frozen=True)
class Refusals:
    """How often somebody was refused in a tenant, and when last."""

    tenant: str
    name: str
    number: int
    last: datetime
    more: bool = False
    """Whether the search ended before all refusals were counted."""
    solved: bool = False
    """Whether the last one was solved since."""


class Finder:
    """Looks for resources of some types in several tenants."""

    def __init__(self, database: Database, types: Iterable[ResourceType]) -> None:
        self._db = database.db
        self._types = {each.name: each for each in types}

    def tenants(self) -> list[str]:
        """Return the names of all tenants."""
        return [row["_id"] for row in self._db[TENANTS.name].find(NOT_DELETED, {"_id": 1}, batch_size=MOST_NAMES)]

    def search(self, text: str, tenants: Sequence[str]) -> tuple[list[Hit], list[Refusals]]:
        """Return what is called exactly like a text, else what begins with it, and who was refused."""
        return self.find(text, tenants) or self.beginning(text, tenants), self.refused(text, tenants)

    def find(self, text: str, tenants: Sequence[str]) -> list[Hit]:
        """Return what has exactly this id, name, e-mail address or externalId; deleted resources come last."""
        live = [
            self._part(each, tenants, {field: _comparable(field, text)})
            for each in self._types.values() for field in _known_by(each)
        ]
        conditions: tuple[Row, ...] = ({"keys": fold(text)}, {"_id": text})
        fields = ("tenant", "type", "name", "deleted")
        return self._read([*live, *(_part(DELETED.name, tenants, each, fields) for each in conditions)])

    def beginning(self, text: str, tenants: Sequence[str]) -> list[Hit]:
        """Return resources whose name, or the name that they are shown as, begins with a text, by type."""
        return self._read([
            self._part(each, tenants, condition)
            for each in self._types.values() for condition in _beginnings(each, text)
        ])

    def refused(self, text: str, tenants: Sequence[str]) -> list[Refusals]:
        """Return who was refused under a name or externalId that begins with a text, by tenant and name."""
        start = fold(text)
        names: Row = {"$gte": start, "$lt": start + _LAST}
        if MEMBER.startswith(start[: len(MEMBER)]):  # members are among the keys
            names |= {"$not": {"$regex": f"^{MEMBER}"}}
        who = {"tenant": "$tenant", "name": {"$ifNull": ["$resource.name", "$resource.id"]}}
        steps: list[Row] = [
            {"$match": {"tenant": {"$in": list(tenants)}, "failed": True, "keys": {"$elemMatch": names}}},
            {"$limit": MOST_REFUSALS},
            {"$project": _OF_A_REFUSAL},
            {"$group": {"_id": who, "number": {"$sum": 1}, "last": {"$max": {"time": "$time", "line": "$$ROOT"}}}},
        ]
        log = self._db[EVENTS.name]
        # Without the hint MongoDB may read all refusals of all tenants, by the index of those.
        rows = by_index(log, BY_REFUSED_NAME, lambda **named: list(
            log.aggregate(steps, batchSize=MOST_REFUSALS, **named)))
        more = sum(row["number"] for row in rows) == MOST_REFUSALS
        shown = sorted(rows, key=lambda row: (row["_id"]["tenant"], row["_id"].get("name") or text))[:MOST]
        later = self._later([row["last"]["line"] for row in shown])
        return [
            Refusals(
                row["_id"]["tenant"], row["_id"].get("name") or text, row["number"], aware(row["last"]["time"]), more,
                solution(row["last"]["line"], later[row["_id"]["tenant"]]) is not None,
            ) for row in shown
        ]

    def _later(self, refused: Sequence[Row]) -> dict[str, list[Row]]:
        """Return the lines about what was refused that came later, the newest first, by tenant."""
        found: defaultdict[str, list[Row]] = defaultdict(list)
        about = [
            {"tenant": line["tenant"], "keys": {"$in": list(keys_of(line))}, "time": {"$gte": line["time"]}}
            for line in refused if can_be_solved(line)
        ]
        if about:
            log, query = self._db[EVENTS.name], {"$or": about, "failed": {"$ne": True}}
            for row in by_index(log, BY_NAME, lambda **named: list(log.find(query, limit=MOST_REFUSALS, **named))):
                found[row["tenant"]].append(row)
        return defaultdict(list, {
            tenant: sorted(rows, key=lambda row: row["time"], reverse=True) for tenant, rows in found.items()
        })

    def now_called(self, event: Row, tenant: str) -> list[Hit]:
        """Return who now has the name that was refused: the holder of a name that is taken, or one who came later."""
        taken = event.get("problems", ())[:1] if event.get("cause") == "taken" else ()
        name = "".join(each.get("received", "").strip('"') for each in taken) or event["resource"].get("name", "")
        hits, of = self.find(name, [tenant]) if name else [], self._types.get(event["resource"].get("type", ""))
        if of is None or not can_be_solved(event):  # a person may sign on by an e-mail address
            return hits
        attribute = event.get("attribute", "") if taken else of.identifier
        field = {of.identifier: "name", EXTERNAL_ID.name: "external_id"}.get(attribute)
        return [
            each for each in hits
            if each.type == of.name and (field is None or fold(getattr(each, field)) == fold(name))
        ]

    def _part(self, resource_type: ResourceType, tenants: Sequence[str], condition: Row) -> Part:
        switch = (resource_type.switch,) if resource_type.switch else ()
        fields = ("tenant", resource_type.identifier, resource_type.label, EXTERNAL_ID.name, *switch)
        name, steps = _part(resource_type.collection, tenants, condition, fields)
        return name, [*steps, {"$set": {_TYPE: resource_type.name}}]

    def _read(self, parts: Sequence[Part]) -> list[Hit]:
        """Return what is found, up to `MOST` of each kind, each once.

        Each condition is a pipeline of its own: as parts of one `or`, MongoDB plans all of them anew each time, which
        took ten times as long with 2,000 tenants as looking.
        """
        (first, steps), *others = parts
        unions = [{"$unionWith": {"coll": name, "pipeline": rest}} for name, rest in others]
        found: dict[tuple[str, bool], dict[str, Hit]] = {}
        for row in self._db[first].aggregate([*steps, *unions], batchSize=MOST * len(parts)):
            hit = self._hit(row)
            kind = found.setdefault((hit.type, hit.deleted is not None), {})
            if len(kind) < MOST:
                kind.setdefault(hit.id, hit)
        return [hit for kind in found.values() for hit in kind.values()]

    def _hit(self, row: Row) -> Hit:
        if "deleted" in row:
            return Hit(row["tenant"], row["type"], row["_id"], row["name"], deleted=aware(row["deleted"]))
        of = self._types[row[_TYPE]]
        name, label = str(row.get(of.identifier, "")), str(row.get(of.label, ""))
        known_as, active = str(row.get(EXTERNAL_ID.name, "")), not of.is_disabled(row)
        return Hit(row["tenant"], of.name, row["_id"], name, label, active=active, external_id=known_as)


def _part(collection: str, tenants: Sequence[str], condition: Row, fields: Iterable[str]) -> Part:
    mine = {"tenant": {"$in": list(tenants)}, **condition}
    return collection, [{"$match": mine}, {"$limit": MOST}, {"$project": dict.fromkeys(fields, 1)}]


def _known_by(resource_type: ResourceType) -> Iterable[str]:
    """Return the fields with an index that a resource is known by."""
    resolve, indexed = columns(resource_type), indexed_fields(resource_type)
    paths = dict.fromkeys((*sorted(resource_type.names), *resource_type.signs_in.values()))
    found = (column.field for path in paths if (column := resolve(path)) is not None and column.field in indexed)
    return dict.fromkeys(("_id", *found))


def _beginnings(resource_type: ResourceType, text: str) -> Iterable[Row]:
    """Yield a condition for each name that has an index."""
    resolve, indexed = columns(resource_type), indexed_fields(resource_type)
    found = (column.field for name in (resource_type.identifier, resource_type.label) if (column := resolve(name)))
    for field in dict.fromkeys(field for field in found if field in indexed) or ("_id",):
        start = _comparable(field, text)
        yield {field: {"$gte": start, "$lt": start + _LAST}}


def _comparable(field: str, text: str) -> str:
    return fold(text) if field.startswith(f"{FOLDED}.") else text
