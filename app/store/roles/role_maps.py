"""The role maps: for each tenant that has one, the roles of its groups, and the default role.

A map's document also says how far it has been carried out (`progress`). Each write to it adds 1 to `steps` and names
the number that it has read, so of two that read the same state one fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.errors import InvalidValue
from app.schemas.storage.collection import CollectionSpec
from app.store.log.sequence import EventSequence
from app.store.mongo.database import Database, Session

EVERYBODY = ""
"""The task that goes through all users of a tenant, in place of a group's id."""
MOST_MAPPINGS = 1_000
LONGEST_ROLE = 200
_TEXTS = ("_id", "tenant")
SPEC = CollectionSpec(
    name="role_maps",
    validator={
        "$jsonSchema": {
            "bsonType": "object",
            "required": [*_TEXTS, "mappings", "place", "steps", "tasks"],
            "additionalProperties": False,
            "properties": {
                **{field: {"bsonType": "string"} for field in (*_TEXTS, "default", "owner")},
                "mappings": {"bsonType": "array", "maxItems": MOST_MAPPINGS, "items": {"bsonType": "object"}},
                "place": {"bsonType": ["int", "long"]},
                "steps": {"bsonType": ["int", "long"]},
                "tasks": {"bsonType": "array", "items": {"bsonType": "object"}},
                "until": {"bsonType": "date"},
            },
        }
    },
)
COLLECTIONS = (SPEC,)


@dataclass(frozen=True)
class RoleMapping:
    """That the members of a group have a role."""

    group: str
    """The group's id."""
    role: str
    priority: int = 0
    """Roles are listed by their priorities, the highest first."""


@dataclass(frozen=True)
class RoleMap:
    """The roles of one tenant's groups."""

    mappings: tuple[RoleMapping, ...] = ()
    default: str | None = None
    """The role of people in no mapped group."""

    @property
    def groups(self) -> set[str]:
        """The mapped groups."""
        return {each.group for each in self.mappings}

    @property
    def is_empty(self) -> bool:
        """Whether it gives nobody a role."""
        return not self.mappings and self.default is None

    def roles(self, groups: Iterable[str]) -> tuple[str, ...]:
        """Return the roles of a person who is in these groups: by priority, the highest first, and then by name."""
        among = set(groups)
        highest: dict[str, int] = {}
        for each in self.mappings:
            if each.group in among:
                highest[each.role] = max(each.priority, highest.get(each.role, each.priority))
        found = sorted(highest, key=lambda role: (-highest[role], role))
        return tuple(found) if found or self.default is None else (self.default,)


class RoleMaps:
    """The role maps of all tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._collection = database.db[SPEC.name]

    def get(self, tenant: str, session: Session = None) -> RoleMap:
        """Return a tenant's map, which is empty if it has none."""
        row = self._collection.find_one({"_id": tenant}, {"mappings": 1, "default": 1}, session=session)
        return map_of(row) if row else RoleMap()

    def unfinished(self, tenant: str) -> bool:
        """Return whether there are people whose roles are still to be looked at, because the map has changed."""
        return self._collection.find_one({"_id": tenant, "tasks.0": {"$exists": True}}, {"_id": 1}) is not None

    def put(self, tenant: str, mapping: RoleMapping, session: Session) -> None:
        """Add a mapping, or set its priority if it exists; raises InvalidValue for too many mappings."""
        row = self._row(tenant, session)
        others = [each for each in map_of(row).mappings if (each.group, each.role) != (mapping.group, mapping.role)]
        if len(others) == MOST_MAPPINGS:
            raise InvalidValue(f"A tenant can have up to {MOST_MAPPINGS} mappings.")
        self._store(row, (*others, mapping), row.get("default"), mapping.group, session)

    def remove(self, tenant: str, group: str, role: str | None, session: Session) -> int:
        """Remove a group's mapping to a role, or to all roles; return how many there were."""
        row = self._row(tenant, session)
        known = map_of(row).mappings
        left = tuple(each for each in known if each.group != group or role not in (None, each.role))
        if len(left) < len(known):
            self._store(row, left, row.get("default"), group, session)
        return len(known) - len(left)

    def set_default(self, tenant: str, role: str | None, session: Session) -> None:
        """Set the role of people in no mapped group, None for none."""
        row = self._row(tenant, session)
        if row.get("default") != role:
            self._store(row, map_of(row).mappings, role, EVERYBODY, session)

    def _row(self, tenant: str, session: Session) -> dict[str, Any]:
        row: dict[str, Any] | None = self._collection.find_one({"_id": tenant}, session=session)
        # All that is not numbered yet comes behind this place, so that the followers of events miss nothing.
        return row or {"steps": 0, "mappings": [], "tasks": [], "_id": tenant, "tenant": tenant, "place": self._place()}

    def _place(self) -> int:
        return EventSequence(self._database).news(None).published

    def _store(
        self, row: Mapping[str, Any], mappings: Iterable[RoleMapping], default: str | None, task: str, session: Session
    ) -> None:
        """Store a map, and that the people in the group `task` are to be looked at."""
        changed = {
            **row, "mappings": [vars(each) for each in mappings], "steps": row["steps"] + 1,
            "tasks": [*row["tasks"], Task(task).row()],
        }
        changed.pop("default", None)
        if default is not None:
            changed["default"] = default
        self._collection.replace_one({"_id": row["_id"]}, changed, upsert=True, session=session)


@dataclass(frozen=True)
class Task:
    """Whose roles are to be looked at: the people in a group."""

    group: str
    """The group's id, or EVERYBODY."""
    nested: bool = True
    """Whether the people in nested groups, too; those groups become tasks of their own first."""
    after: str = ""
    """The id of the last one who was looked at, "" at the beginning."""

    def row(self) -> dict[str, Any]:
        """Return the task as it is stored."""
        return vars(self)


def map_of(row: Mapping[str, Any]) -> RoleMap:
    """Return the map in its document."""
    return RoleMap(tuple(RoleMapping(**each) for each in row["mappings"]), row.get("default"))


def check_role(role: str) -> str:
    """Return a role if it can be one; raises InvalidValue."""
    if not role.strip() or len(role) > LONGEST_ROLE or not role.isprintable():
        raise InvalidValue(f"A role has 1 to {LONGEST_ROLE} printable characters, which are not all blank.")
    return role
