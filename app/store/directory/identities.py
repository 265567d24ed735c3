"""Which of some ids are resources, of which type, and what they are called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from app.schemas.resource_type import Catalogue, ResourceType
from app.store.directory.commands import read_few
from app.store.directory.resources import Resources
from app.store.mongo.database import Database, Session
from app.store.mongo.indexes import by_ids


class Identity(NamedTuple):
    """What an id is."""

    resource_type: ResourceType
    names: Mapping[str, Any]
    """The attributes that were asked for, as far as the resource has them."""

    @property
    def label(self) -> str:
        """The name that references to it show as `display`, "" where it has none."""
        return str(self.names.get(self.resource_type.label, ""))


def no_names(_: ResourceType) -> Iterable[str]:
    """Return no attribute: only the types of the ids are read."""
    return ()


def the_label(resource_type: ResourceType) -> Iterable[str]:
    """Return the attribute that references show as `display`."""
    return (resource_type.label,)


def all_names(resource_type: ResourceType) -> Iterable[str]:
    """Return the attributes by which somebody may look for such a resource."""
    return resource_type.names


class Identities:
    """The identities of one tenant's resources."""

    def __init__(self, catalogue: Catalogue, resources: Mapping[str, Resources]) -> None:
        self._catalogue = catalogue
        self._resources = resources

    def of(
        self, ids: Iterable[str], types: Iterable[str] | None = None, session: Session = None, *,
        names: Callable[[ResourceType], Iterable[str]] = no_names,
    ) -> dict[str, Identity]:
        """Return what each id is that is a resource of one of the `types`, None means all, with its `names`."""
        left = set(ids)
        found: dict[str, Identity] = {}
        for name in self._resources if types is None else types:
            resource_type = self._catalogue.named(name)
            if resource_type is None or not left:
                continue
            store = self._resources[resource_type.name]
            query = {"tenant": store.tenant, "_id": {"$in": list(left)}}
            fields = {"_id": 1, **dict.fromkeys(names(resource_type), 1)}
            rows = read_few(store.collection, query, fields, len(left), session, **by_ids(store.collection))
            found |= {row.pop("_id"): Identity(resource_type, row) for row in rows}
            left -= found.keys()
        return found


def holders(
    database: Database, collections: Iterable[str], ids: Iterable[str], session: Session = None
) -> dict[str, tuple[str, str]]:
    """Return the tenant and the resource type of each id that a resource has, in any tenant."""
    query = {"_id": {"$in": list(ids)}}
    fields = {"tenant": 1, "meta.resourceType": 1}
    rows = (row for name in collections for row in database.db[name].find(query, fields, session=session))
    return {row["_id"]: (row["tenant"], row["meta"]["resourceType"]) for row in rows}
