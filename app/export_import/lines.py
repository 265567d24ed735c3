"""The lines of an export: a resource, or a membership, as a JSON object.

A resource is {type, resource}, a membership {type: "Membership", group, member, kind}.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from app.errors import InvalidValue
from app.schemas.attribute import Attribute
from app.schemas.meta import first_meta, now, timestamp
from app.schemas.moments import read_moment
from app.schemas.resource_type import ResourceType
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import USER_TYPE
from app.schemas.validation.payload import validate, with_defaults
from app.store.directory.deleted import Kept
from app.store.directory.resources import Resource
from app.store.directory.secrets import as_hashed

Line = dict[str, Any]
Numbered = tuple[int, Line | str]
"""The number of a line, and its object, or the reason why it has none."""
MEMBERSHIP = "Membership"
LONGEST_ID = 255
_SEGMENT = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@-]+")
"""A path segment without anything to escape (RFC 3986 section 3.3)."""


def resource_line(resource_type: ResourceType, resource: Mapping[str, Any]) -> Line:
    """Return the line for a resource."""
    return {"type": resource_type.name, "resource": resource}


def membership_line(group: str, row: Mapping[str, Any]) -> Line:
    """Return the line for a membership with `member` and, if known, `type`."""
    return {"type": MEMBERSHIP, "group": group, "member": row["member"], "kind": row.get("type")}


def read_resource(resource_type: ResourceType, payload: Any, *, strict: bool) -> Resource:
    """Return the resource in a line; `strict` refuses attributes that no schema knows. Raises InvalidValue."""
    if not isinstance(payload, Mapping):
        raise InvalidValue("resource: must be an object.")
    members = resource_type.members
    if members and payload.get(members.name):
        raise InvalidValue(f"{members.name}: each must be a line of its own, of the type {MEMBERSHIP}.")
    for path in _undescribed(resource_type, payload):  # clients may send it; an export had it from a schema file
        raise InvalidValue(f"{path}: no schema file here describes it.")
    resource = with_defaults(resource_type, validate(resource_type, payload, ignore_unknown=not strict))
    for row in resource_type.schema.attributes:
        if row.stored_as == "hash" and row.name in resource:
            resource[row.name] = as_hashed(resource[row.name])
    return resource | {"id": _id(payload.get("id")), "meta": _meta(resource_type, payload.get("meta"))}


def _undescribed(resource_type: ResourceType, payload: Mapping[str, Any]) -> Iterator[str]:
    """Yield the paths in a payload that no schema file describes: of extensions, and of types of your own."""
    for key, value in payload.items():
        if ":" in key:
            extension = resource_type.extension(key)
            yield from _unknown(extension.attributes, value, f"{key}:") if extension else [key]
    if resource_type.name not in (USER_TYPE.name, GROUP_TYPE.name):
        named = {key: value for key, value in payload.items() if ":" not in key}
        yield from _unknown((*resource_type.common, *resource_type.schema.attributes), named, "")


def _unknown(rows: Iterable[Attribute], value: Any, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _unknown(rows, item, path)
    elif isinstance(value, Mapping):
        known = {row.name.lower(): row for row in rows}
        for name, inner in value.items():
            row = known.get(name.lower())
            if row is None:
                yield f"{path}{name}"
            elif row.sub_attributes:
                yield from _unknown(row.sub_attributes, inner, f"{path}{row.name}.")


def deleted_reason(resource_id: str, kept: Kept, ours: tuple[str, str]) -> str:
    """Return why the id of a deleted resource is refused; `ours` are tenant and type of the line."""
    tenant, kind, can_be_restored = kept
    if not can_be_restored:
        return "the resource was deleted, and can be imported once the server has cleared it, within two hours"
    if (tenant, kind) == ours:
        return f"the resource was deleted and is kept; `scimd restore {tenant} {resource_id}` brings it back"
    return (
        f"the id is that of a resource of the type {kind} that was deleted in the tenant {tenant}, "
        "where it can be restored"
    )


def _id(given: Any) -> str:
    """Return an id that can be used in a URL unchanged (RFC 7643 section 3.1); raises InvalidValue."""
    if not isinstance(given, str) or not given.strip() or len(given) > LONGEST_ID:
        raise InvalidValue(f"id: must be a text of 1 to {LONGEST_ID} characters.")
    if not _SEGMENT.fullmatch(given) or given in (".", ".."):
        raise InvalidValue("id: must be one that can stand in a URL: ASCII letters, digits and -._~!$&'()*+,;=:@.")
    return given


def _meta(resource_type: ResourceType, given: Any) -> dict[str, Any]:
    meta = first_meta(resource_type.name, now())
    if isinstance(given, Mapping):
        created = _date(given, "created") or meta["created"]
        changed = _date(given, "lastModified") or created
        meta |= {"created": created, "lastModified": max(created, changed)}
    return meta


def _date(given: Mapping[str, Any], name: str) -> str | None:
    if given.get(name) is None:
        return None
    try:
        return timestamp(read_moment(str(given[name])))
    except ValueError as error:
        raise InvalidValue(f"meta.{name}: {error}.") from error
