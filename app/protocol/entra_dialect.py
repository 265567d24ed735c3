"""The dialect of Microsoft Entra ID: what it writes differently becomes SCIM before anything else reads it.

Requests and names are rewritten here, values in `entra_values`. Every function goes from payload to payload and is led
by the attribute tables: a rule applies to every attribute of the same shape. A payload that cannot be read is passed on
unchanged, and the PATCH engine or the validation refuses it.

Other habits of Entra need no rewrite. Booleans as text, names and `op` in any case, unknown members of an operation,
`$ref: null`, dotted and URN-qualified keys without a path, one object in place of an array, and `Remove` with the
members to remove are accepted in every profile; the rest are named tolerances in `profile`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from app.errors import InvalidValue, Problem
from app.protocol.entra_values import Payload, clear_blank, read_text, refuse_json, rewrite_value
from app.protocol.search_request import SearchRequest
from app.schemas.resource_type import ResourceType
from app.schemas.tables.user import ENTERPRISE_URN
from scim_filter.renaming import rename_paths


def rewrite_patch(payload: Any, resource_type: ResourceType) -> Any:
    """Return a PATCH body with its operations rewritten; raises InvalidValue for JSON text as a plain value (D-150)."""
    if not isinstance(payload, dict):
        return payload
    return {
        key: [item for operation in value for item in _rewrite_operation(operation, resource_type)]
        if key.lower() == "operations" and isinstance(value, list) else value
        for key, value in payload.items()
    }


def rewrite_resource(payload: Any, resource_type: ResourceType) -> Any:
    """Return a POST or PUT body with its names and values rewritten.

    Raises InvalidValue for JSON text as a plain value (D-150), and for an attribute that is there more than once under
    the URN of its schema.
    """
    if not isinstance(payload, dict):
        return payload
    values = lift_own_keys(_rewrite_attributes(payload, resource_type), resource_type)
    return nest_extension_keys(values, resource_type)


def rewrite_search(search: SearchRequest, types: Sequence[ResourceType]) -> SearchRequest:
    """Return a search with the names in its filter rewritten; `attributes` wins over `excludedAttributes`.

    `GET /Users?attributes=id&filter=id eq "<user>" and manager eq "<manager>"` and
    `GET /Groups?attributes=id&excludedAttributes=members&filter=id eq "<group>" and members eq "<user>"`: the
    documentation's lookups of an existing reference.
    """

    def rename(path: str) -> str:
        if any(resource_type.resolve(path) for resource_type in types):
            return path  # what is the short name in one type may be the whole name in another
        for resource_type in types:
            path = rewrite_path(path, resource_type)
        return path

    condition = rename_paths(search.filter, rename) if search.filter else None
    excluded = None if search.attributes else search.excluded
    if condition is search.filter and excluded is search.excluded:
        return search
    return replace(search, filter=condition, excluded=excluded)


def _rewrite_operation(operation: Any, resource_type: ResourceType) -> Iterator[Any]:
    """Yield the rewritten operation; one without a path may become several."""
    members = {key.lower(): value for key, value in operation.items()} if isinstance(operation, dict) else {}
    if not members or len(members) < len(operation):
        yield operation
        return
    path, value = members.get("path"), members.get("value")
    if path is None:
        value = read_text(value)
    if isinstance(path, str):
        members["path"] = path = rewrite_path(path, resource_type)
        if "value" in members:
            members["value"] = _rewrite_at(path, value, resource_type)
        yield members
    elif isinstance(value, dict) and str(members.get("op")).lower() != "remove":
        yield from split_bracket_keys({**members, "value": _rewrite_attributes(value, resource_type)})
    else:
        yield members


def _rewrite_attributes(values: Payload, resource_type: ResourceType) -> Payload:
    """Return an object of attributes with names and values rewritten."""
    result: Payload = {}
    for key, value in values.items():
        path = rewrite_path(key, resource_type)
        if result.get(path) is None:  # of two keys with one meaning, null says nothing
            result[path] = _rewrite_at(path, value, resource_type)
    return result


def _rewrite_at(path: str, value: Any, resource_type: ResourceType) -> Any:
    """Return the rewritten value at a path: of one attribute, or an object of several if the path is a schema's URN."""
    head, bracket, rest = path.partition("[")
    target = resource_type.resolve(head + rest.rpartition("]")[2])
    if target is None:
        return value
    leaf = target.leaf
    if leaf is not None:
        value = rewrite_value(value, leaf, leaf.multi_valued and not (bracket and target.sub is None))
        if target.attribute and target.sub:
            refuse_json({target.sub.name: value}, target.attribute)
        return value
    if not isinstance(value, dict):
        return clear_blank(value)
    assert target.schema is not None  # a path without an attribute is a schema's URN
    urn = target.schema.id  # not `path`, which may contain brackets of any length
    return {name: _rewrite_at(f"{urn}:{name}", item, resource_type) for name, item in value.items()}


# Names


def rewrite_path(path: str, resource_type: ResourceType) -> str:
    """Return a path, or a key that is one, with its URN and attribute name as in the tables."""
    if ":" in path.partition("[")[0]:
        return mend_dot(mend_urn(path, resource_type), resource_type)
    return qualify_short_name(path, resource_type)


def mend_urn(path: str, resource_type: ResourceType) -> str:
    """Return a path with the missing colon before the last word of a schema's URN.

    The documentation's sample user has `"schemas": ["urn:ietf:params:scim:schemas:extension:enterprise:2.0User", ...]`,
    and attributes under that key.
    """
    lowered = path.lower()
    if any(lowered.startswith(schema.id.lower()) for schema in resource_type.schemas):
        return path  # a whole URN may look like another one without its colon
    for schema in resource_type.schemas:
        head, _, word = schema.id.rpartition(":")
        broken = head + word
        if lowered.startswith(broken.lower()) and path[len(broken) :][:1] in (".", ":", "[", ""):
            return schema.id + path[len(broken) :]
    return path


def mend_dot(path: str, resource_type: ResourceType) -> str:
    """Return a path with a colon between URN and attribute in place of a dot (D-128).

    `{"op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.manager", "value": "SuzzyQ"}`:
    Microsoft's request collection, and jobs created before 2018.
    """
    lowered = path.lower()
    for schema in sorted(resource_type.schemas, key=lambda each: -len(each.id)):  # D-126: a URN may contain a dot there
        rest = path[len(schema.id) :]
        if lowered.startswith(schema.id.lower()) and rest[:1] in (".", ":", "[", ""):
            return f"{schema.id}:{rest[1:]}" if rest[:1] == "." else path
    return path


def qualify_short_name(path: str, resource_type: ResourceType) -> str:
    """Return a path with an extension's URN before an attribute that only it has, or the enterprise one too (D-692).

    `{"op": "Add", "path": "manager", "value": [{"$ref": "http://.../scim/Users/<id>", "value": "<id>"}]}`: the
    documentation's fifth example.
    """
    name = path.partition("[")[0].partition(".")[0].lower()
    if ":" in name or resource_type.resolve(name):
        return path
    owners = [extension.id for extension in resource_type.extensions if name in extension.by_name]
    owners = [urn for urn in owners if urn == ENTERPRISE_URN] or owners
    return f"{owners[0]}:{path}" if len(owners) == 1 else path


# Keys that are paths


def split_bracket_keys(operation: Payload) -> Iterator[Payload]:
    """Yield the operation without a path, then one operation with a path for each key of its value that has a filter.

    `{"op": "replace", "value": {"displayName": "Bjfe", "emails[type eq \\"work\\"].value": "x@test.example"}}`
    """
    values = operation["value"]
    brackets = {key: value for key, value in values.items() if "[" in key}
    plain = {key: value for key, value in values.items() if key not in brackets}
    if plain or not brackets:
        yield {**operation, "value": plain}
    for key, value in brackets.items():
        yield {"op": operation.get("op"), "path": key, "value": value}  # unknown members are dropped


def lift_own_keys(payload: Payload, resource_type: ResourceType) -> Payload:
    """Return a body with the attributes under the URN of the type's own schema at the top, unless they are there, too.

    `{"urn:ietf:params:scim:schemas:core:2.0:User:active": false}`: without this, a user created as disabled would be
    active (D-140). Raises InvalidValue for one that is there more than once under the URN.
    """
    result: Payload = {}
    lifted: list[tuple[str, Any]] = []
    urn = resource_type.schema.id.lower()
    for key, value in payload.items():
        if key.lower() == urn and isinstance(value, dict):
            lifted += _without_nulls(value).items()
        elif key.lower().startswith(f"{urn}:") and (target := resource_type.resolve(key)) and not target.is_extension:
            lifted += _without_nulls({key[len(urn) + 1 :]: value}).items()
        else:
            result[key] = value
    if not lifted:
        return payload
    counts = Counter(name.lower() for name, _ in lifted)
    if twice := next((name for name, _ in lifted if counts[name.lower()] > 1), None):
        raise InvalidValue(f"{twice}: is there more than once.", Problem(twice, "once", "more than once"))
    return _completed(result, dict(lifted))


def nest_extension_keys(payload: Payload, resource_type: ResourceType) -> Payload:
    """Return a body with an extension's attributes moved from the top into the extension's object.

    `{"userName": "...", "department": null, "manager": "123456"}`: the documentation's second example.
    """
    result: Payload = {}
    moved: dict[str, Payload] = {}
    for key, value in payload.items():
        target = resource_type.resolve(key) if ":" in key else None
        if target and target.schema and target.is_extension and target.attribute and not target.sub:
            moved.setdefault(target.schema.id, {})[target.attribute.name] = value
        else:
            result[key] = value
    for urn, values in moved.items():
        key = next((name for name in result if name.lower() == urn.lower()), urn)
        nested = result.get(key) or {}
        if isinstance(nested, dict):
            result[key] = _completed(nested, _without_nulls(values))
    return result


def _completed(values: Payload, others: Payload) -> Payload:
    """Return the values, and those of the others whose names have no value among them: null is none."""
    given = {name.lower() for name in _without_nulls(values)}
    added = {name: value for name, value in others.items() if name.lower() not in given}
    names = {name.lower() for name in added}
    return added | {name: value for name, value in values.items() if name.lower() not in names}


def _without_nulls(values: Payload) -> Payload:
    """Return the values without null, which is the same as no value (RFC 7643 section 2.5)."""
    return {name: value for name, value in values.items() if value is not None}
