"""An operator's own schemas and resource types: RFC-format JSON files in the folder that SCIMD_SCHEMAS_DIR names.

Files in the folder itself are for all tenants; those in a folder with a tenant's name are for that tenant. A Schema
that a ResourceType names is its schema or its extension; any other extends the resource type that its URN ends with,
such as `...:2.0:User`. A ResourceType with the name of an existing one adds extensions to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from app.schemas.attribute import Attribute
from app.schemas.resource_type import Catalogue, ResourceType
from app.schemas.schema import Schema
from app.schemas.schema_file import NO_RESOURCE, SchemaFileError, TypeFile, own_schema, read_description
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.service_provider import DISCOVERY_SCHEMAS
from app.schemas.tables.user import USER_TYPE

__all__ = ["SchemaFileError", "all_types", "common_catalogue", "load_catalogue"]

BUILT_IN = (USER_TYPE, GROUP_TYPE)
DESCRIBES_ITSELF = ("rfc",)
"""The profiles whose /Schemas also lists the schemas of discovery; Entra would offer their attributes for mapping."""
PROTOCOL = frozenset((
    "me", "bulk", "schemas", "resourcetypes", "serviceproviderconfig", "serviceproviderconfigs", "serviceconfiguration",
))
"""The endpoints of the protocol itself."""
RESERVED = PROTOCOL | frozenset((
    # Collections and views of the store: a resource type's collection is named after its endpoint.
    "acts", "app_tokens", "apps", "clients", "codes", "connections", "counters", "counts", "days", "deactivations",
    "deleted", "deliveries", "endpoints", "events", "guards", "leases", "links", "logouts", "memberships", "outbox",
    "places", "pulses", "role_maps", "server", "sessions", "sign_ins", "signing_keys", "tenants", "tickets", "tokens",
    "trusts", "used_assertions", "visits",
    "group_members", "user_groups",
))
RESERVED_NAMES = frozenset(("membership", *NO_RESOURCE))
"""Type names, in lower case, that mean something else: a line of an export, or a reference to no resource."""
NOTHING_OWN = ""
"""The scope of tenants without a folder."""


def load_catalogue(directory: Path | None, profile: str, tenant: str) -> Catalogue:
    """Return the resource types of a tenant as its profile sees them; files are read once. Raises SchemaFileError."""
    scope = tenant if directory is not None and tenant in _tenants(directory) else NOTHING_OWN
    return _catalogue(directory, profile, scope)


def common_catalogue(directory: Path | None) -> Catalogue:
    """Return the resource types that all tenants have, as no profile has changed them; raises SchemaFileError."""
    return Catalogue(_types(directory, NOTHING_OWN))


def all_types(directory: Path | None) -> tuple[ResourceType, ...]:
    """Return the resource types of all tenants, each form of a type once; raises SchemaFileError for any bad file."""
    scopes = (NOTHING_OWN, *(_tenants(directory) if directory is not None else ()))
    return tuple({id(found): found for scope in scopes for found in _types(directory, scope)}.values())


@lru_cache(maxsize=4_096)
def _catalogue(directory: Path | None, profile: str, scope: str) -> Catalogue:
    types = (resource_type.for_profile(profile) for resource_type in _types(directory, scope))
    return Catalogue(types, DISCOVERY_SCHEMAS if profile in DESCRIBES_ITSELF else ())


@lru_cache(maxsize=4_096)
def _types(directory: Path | None, scope: str) -> tuple[ResourceType, ...]:
    """Return the types of the tenants that share the files of a scope."""
    found = _Types()
    types: list[tuple[Path, TypeFile]] = []
    for path in _files(directory, scope) if directory is not None else ():
        with _naming(path):
            for description in _descriptions(path):
                read = read_description(description)
                if isinstance(read, TypeFile):
                    types.append((path, read))
                else:
                    found.add_schema(read, path)
    for path, file in types:
        with _naming(path):
            found.add_type(file)
    for urn in tuple(found.unused):
        with _naming(found.unused[urn]):
            found.extend_by_name(urn)
    return found.complete()


class _Types:
    """The types of one scope, while its files are read."""

    def __init__(self) -> None:
        self.types = {resource_type.name.lower(): resource_type for resource_type in BUILT_IN}
        self.schemas = {schema.id.lower(): schema for resource_type in BUILT_IN for schema in resource_type.schemas}
        self.unused: dict[str, Path] = {}
        """Schemas from files that no resource type has named yet: URN in lower case -> file."""

    def add_schema(self, schema: Schema, path: Path) -> None:
        if self.schemas.setdefault(schema.id.lower(), schema) is not schema:
            raise SchemaFileError(f"{schema.id} exists already, from another file or from scimd itself")
        self.unused[schema.id.lower()] = path

    def add_type(self, file: TypeFile) -> None:
        """Add a type, or extensions to an existing one."""
        known = self.types.get(file.name.lower())
        if known is None:
            known = self._new(file)
        elif (file.endpoint.lower(), file.schema.lower()) != (known.endpoint.lower(), known.schema.id.lower()):
            raise SchemaFileError(
                f"{known.name} exists already, at {known.endpoint} with the schema {known.schema.id}; "
                "a file with its name can only add extensions"
            )
        for urn, required in file.extensions.items():
            known = _extended(known, self._schema(urn), required)
        self.types[known.name.lower()] = known

    def extend_by_name(self, urn: str) -> None:
        """Add a schema that no type names as an extension to the type at the end of its URN."""
        schema = self.schemas[urn]
        name = schema.id.rpartition(":")[2]
        if name.lower() not in self.types:
            raise SchemaFileError(
                f"{schema.id} belongs to no resource type: no ResourceType names it, and no type is named {name}"
            )
        self.types[name.lower()] = _extended(self.types[name.lower()], schema, False)

    def complete(self) -> tuple[ResourceType, ...]:
        """Return the types; members of groups may be of every type with an attribute like `groups`."""
        names = {resource_type.name for resource_type in self.types.values()}
        own = [schema for found in self.types.values() for schema in found.schemas if found not in BUILT_IN]
        for schema in own:
            for row in schema.attributes:
                _check_references(row, names, schema.id)
        more = tuple(t.name for t in self.types.values() if t.groups and t not in BUILT_IN and t.name != USER_TYPE.name)
        group = self.types[GROUP_TYPE.name.lower()]
        if more:
            self.types[group.name.lower()] = _with_members(group, more)
        return tuple(self.types.values())

    def _new(self, file: TypeFile) -> ResourceType:
        endpoints = RESERVED | {resource_type.collection for resource_type in self.types.values()}
        if file.endpoint.strip("/").lower() in endpoints:
            raise SchemaFileError(
                f"the endpoint {file.endpoint} of {file.name} is taken; these are: {', '.join(sorted(endpoints))}"
            )
        if file.name.lower() in RESERVED_NAMES:
            raise SchemaFileError(f"the name {file.name} is taken; these are: {', '.join(sorted(RESERVED_NAMES))}")
        return ResourceType(file.name, file.endpoint, file.description, own_schema(self._schema(file.schema)))

    def _schema(self, urn: str) -> Schema:
        schema = self.schemas.get(urn.lower())
        if schema is None:
            raise SchemaFileError(f"no file has the schema {urn}")
        self.unused.pop(urn.lower(), None)
        return schema


def _extended(resource_type: ResourceType, schema: Schema, required: bool) -> ResourceType:
    needed = resource_type.required_extensions | ({schema.id} if required else frozenset())
    if resource_type.extension(schema.id):
        return replace(resource_type, required_extensions=needed)
    if not schema.stored_as:
        raise SchemaFileError(f"{schema.id} is the schema of a resource type and cannot extend {resource_type.name}")
    taken = {*resource_type.schema.by_name, *(extension.stored_as for extension in resource_type.extensions)}
    if schema.stored_as in taken:
        raise SchemaFileError(
            f"{schema.id} would be stored as {schema.stored_as}, a name that {resource_type.name} already uses; "
            "give it another URN"
        )
    return replace(
        resource_type, extensions=(*resource_type.extensions, schema), required_extensions=needed
    )


def _with_members(group: ResourceType, names: tuple[str, ...]) -> ResourceType:
    """Return the Group type, with members that may also be of the types with these names."""

    def widened(sub: Attribute) -> Attribute:
        more = replace(sub, reference_types=sub.reference_types + names) if sub.reference_types else sub
        return replace(more, canonical_values=more.canonical_values + names) if more.canonical_values else more

    rows = tuple(
        replace(row, sub_attributes=tuple(map(widened, row.sub_attributes))) if row is group.members else row
        for row in group.schema.attributes
    )
    return replace(group, schema=replace(group.schema, attributes=rows))


def _check_references(row: Attribute, names: set[str], where: str) -> None:
    for kind in row.reference_types:
        if kind not in names and kind not in NO_RESOURCE:
            raise SchemaFileError(f"{where}: {row.name} refers to {kind}, which is not a resource type.")
    for sub in row.sub_attributes:
        _check_references(sub, names, f"{where}:{row.name}")


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Put the file's name in front of the message of a SchemaFileError."""
    try:
        yield
    except SchemaFileError as error:
        raise SchemaFileError(f"{path}: {error}.") from None


def _descriptions(path: Path) -> list[object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SchemaFileError(f"cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise SchemaFileError(f"cannot be read as JSON: {error}") from None
    return content if isinstance(content, list) else [content]


def _files(directory: Path, scope: str) -> list[Path]:
    return sorted(directory.glob("*.json")) + (sorted((directory / scope).glob("*.json")) if scope else [])


@lru_cache(maxsize=1_024)
def _tenants(directory: Path) -> frozenset[str]:
    """Return the names of the tenants that have a folder."""
    try:
        return frozenset(path.name for path in directory.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise SchemaFileError(f"{directory}: the folder of schemas cannot be read: {error.strerror}.") from None
