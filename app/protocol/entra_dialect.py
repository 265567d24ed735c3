"""The dialect of Microsoft Entra ID: what it writes differently, turned into SCIM before anything else reads it.

Everything here goes from payload to payload and is led by the tables: a rule holds for every attribute of its shape.
What cannot be read is passed on as it came, for the engine to refuse. One thing is refused here, since the engine would
store it: JSON text in the place of a plain value (D-150).

Other habits of Entra need no rewrite. Text in place of booleans, names and `op` in any letter case, members of an
operation that mean nothing, `$ref: null`, dotted and URN-qualified keys without a path, one object in place of an
array, and `Remove` with the members to remove are at home in every profile; the rest are named tolerances in `profile`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from app.errors import InvalidSyntax, InvalidValue
from app.protocol.search_request import SearchRequest
from app.schemas.attribute import Attribute
from app.schemas.json_object import object_in
from app.schemas.resource_type import ResourceType
from scim_filter.renaming import rename_paths

Payload = dict[str, Any]
HOLDS_JSON = "roles"
"""The attribute whose values may be JSON as text: Entra sends role assignments so, and wants them back as they are."""


def rewrite_patch(payload: Any, resource_type: ResourceType) -> Any:
    """Give a PATCH body with its operations rewritten."""
    if not isinstance(payload, dict):
        return payload
    return {
        key: [item for operation in value for item in _rewrite_operation(operation, resource_type)]
        if key.lower() == "operations" and isinstance(value, list) else value
        for key, value in payload.items()
    }


def rewrite_resource(payload: Any, resource_type: ResourceType) -> Any:
    """Give a POST or PUT body with its names and values rewritten."""
    if not isinstance(payload, dict):
        return payload
    values = lift_own_keys(_rewrite_attributes(payload, resource_type), resource_type)
    return nest_extension_keys(values, resource_type)


def rewrite_search(search: SearchRequest, types: Sequence[ResourceType]) -> SearchRequest:
    """Give a search with the names in its filter rewritten, and with one wish for what is shown.

    `GET /Users?attributes=id&filter=id eq "<user>" and manager eq "<manager>"` and
    `GET /Groups?attributes=id&excludedAttributes=members&filter=id eq "<group>" and members eq "<user>"`: the
    documentation's questions whether a reference is there already.
    """

    def rename(path: str) -> str:
        for resource_type in types:
            path = rewrite_path(path, resource_type)
        return path

    return replace(
        search,
        filter=rename_paths(search.filter, rename) if search.filter else None,
        excluded=None if search.attributes else search.excluded,
    )


def _rewrite_operation(operation: Any, resource_type: ResourceType) -> Iterator[Any]:
    """Give the operation rewritten; a path-less one may become several."""
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
    """Give an object of attributes with names and values rewritten."""
    result: Payload = {}
    for key, value in values.items():
        path = rewrite_path(key, resource_type)
        result.setdefault(path, _rewrite_at(path, value, resource_type))
    return result


def _rewrite_at(path: str, value: Any, resource_type: ResourceType) -> Any:
    """Give the value at a path rewritten: one attribute's, or an object of them where the path is a schema's URN."""
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
    urn = target.schema.id  # and not `path`, which may have brackets of any length in it
    return {name: _rewrite_at(f"{urn}:{name}", item, resource_type) for name, item in value.items()}


# Names


def rewrite_path(path: str, resource_type: ResourceType) -> str:
    """Give a path, or a key that is one, with its URN and its attribute as the tables have them."""
    if ":" in path.partition("[")[0]:
        return mend_dot(mend_urn(path, resource_type), resource_type)
    return qualify_short_name(path, resource_type)


def mend_urn(path: str, resource_type: ResourceType) -> str:
    """Put back the colon before the last word of a schema's URN.

    The documentation's sample user has `"schemas": ["urn:ietf:params:scim:schemas:extension:enterprise:2.0User", ...]`,
    and attributes under that key.
    """
    for schema in resource_type.schemas:
        head, _, word = schema.id.rpartition(":")
        broken = head + word
        if path.lower().startswith(broken.lower()):
            return schema.id + path[len(broken) :]
    return path


def mend_dot(path: str, resource_type: ResourceType) -> str:
    """Put a colon between URN and attribute where there is a dot (D-128).

    `{"op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.manager", "value": "SuzzyQ"}`:
    Microsoft's request collection; jobs from before 2018.
    """
    lowered = path.lower()
    for schema in sorted(resource_type.schemas, key=lambda each: -len(each.id)):  # D-126: a URN may have a dot there
        rest = path[len(schema.id) :]
        if lowered.startswith(schema.id.lower()) and rest[:1] in (".", ":", "[", ""):
            return f"{schema.id}:{rest[1:]}" if rest[:1] == "." else path
    return path


def qualify_short_name(path: str, resource_type: ResourceType) -> str:
    """Put an extension's URN before an attribute that only this extension has.

    `{"op": "Add", "path": "manager", "value": [{"$ref": "http://.../scim/Users/<id>", "value": "<id>"}]}`: the
    documentation's fifth example.
    """
    name = path.partition("[")[0].partition(".")[0].lower()
    if ":" in name or resource_type.resolve(name):
        return path
    owners = [extension.id for extension in resource_type.extensions if name in extension.by_name]
    return f"{owners[0]}:{path}" if len(owners) == 1 else path


def split_bracket_keys(operation: Payload) -> Iterator[Payload]:
    """Make operations of their own of those keys of a path-less value that select values by a filter.

    `{"op": "replace", "value": {"displayName": "Bjfe", "emails[type eq \\"work\\"].value": "x@test.example"}}`
    """
    values = operation["value"]
    brackets = {key: value for key, value in values.items() if "[" in key}
    plain = {key: value for key, value in values.items() if key not in brackets}
    if plain or not brackets:
        yield {**operation, "value": plain}
    for key, value in brackets.items():
        yield {"op": operation.get("op"), "path": key, "value": value}  # the other members mean nothing


def lift_own_keys(payload: Payload, resource_type: ResourceType) -> Payload:
    """Return a body with the attributes under the URN of the type's own schema at the top, where their names are free.

    `{"urn:ietf:params:scim:schemas:core:2.0:User:active": false}`: whoever is disabled by it would be made active
    (D-140).
    """
    result: Payload = {}
    lifted: Payload = {}
    urn = resource_type.schema.id.lower()
    for key, value in payload.items():
        if key.lower() == urn and isinstance(value, dict):
            lifted |= value
        elif key.lower().startswith(f"{urn}:") and (target := resource_type.resolve(key)) and not target.is_extension:
            lifted[key[len(urn) + 1 :]] = value
        else:
            result[key] = value
    given = {name.lower() for name in result}
    return {name: value for name, value in lifted.items() if name.lower() not in given} | result


def nest_extension_keys(payload: Payload, resource_type: ResourceType) -> Payload:
    """Move an extension's attributes from the top of a body into the extension's object.

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
            given = {name.lower() for name in nested}
            result[key] = {name: value for name, value in values.items() if name.lower() not in given} | nested
    return result


# Values


def rewrite_value(value: Any, attribute: Attribute, array: bool) -> Any:
    """Give the value of an attribute in the attribute's shape; null where it says nothing."""
    if value is None or attribute.mutability == "readOnly":
        return value
    if not array:
        return _rewrite_one(unwrap_array(value), attribute)
    elements = [_rewrite_one(element, attribute) for element in wrap_single(value)]
    return hand_over_primary([element for element in elements if not is_hollow(element)])


def _rewrite_one(value: Any, attribute: Attribute) -> Any:
    value = clear_blank(value)
    if attribute.type != "complex":
        return clear_blank(unwrap_value(value))
    value = wrap_text(value if attribute.name == HOLDS_JSON else read_element(value, attribute), attribute)
    if not isinstance(value, dict):
        return value
    refuse_json(value, attribute)
    return {key: clear_blank(item) for key, item in rename_display(value, attribute).items()}


def read_text(value: Any) -> Any:
    """Return the JSON object that a text is, and any other value as it came (D-84).

    `{"op": "replace", "value": "{\\"displayName\\":\\"EPD\\"}"}`: how SCIM for Keycloak renames a group.
    """
    if isinstance(value, str) and value.lstrip().startswith("{"):
        with suppress(InvalidSyntax, InvalidValue):
            return object_in(value.encode(), "The value")
    return value


def read_element(value: Any, attribute: Attribute) -> Any:
    """Return the JSON object that a text is, if it names a sub-attribute; any other value as it came (D-150).

    `{"op": "replace", "path": "emails[value eq \\"a@x\\"]", "value": ["{\\"value\\":\\"b@x\\"}"]}`: SCIM-SDK. Text
    that names none, such as `"{}"`, would clear the attribute.
    """
    element = read_text(value)
    return element if isinstance(element, dict) and any(map(attribute.sub, element)) else value


def is_json(value: Any) -> bool:
    """Return whether a value is text that looks like a JSON object or array."""
    return isinstance(value, str) and value.lstrip().startswith(("{", "["))


def refuse_json(element: Payload, attribute: Attribute) -> None:
    """Raise InvalidValue if the `value` of a complex attribute is JSON text; that of a role may be (D-150).

    `{"op": "replace", "path": "emails[type eq \\"work\\"].value", "value": "{\\"value\\":\\"a@x\\"}"}`
    """
    for name, value in element.items():
        if name.lower() == "value" and is_json(value) and attribute.name != HOLDS_JSON:
            raise InvalidValue(f"{attribute.name}.value: must be a plain value, not JSON as text.")


def clear_blank(value: Any) -> Any:
    """Give null for an empty string, which is Entra's way to clear.

    `{"op": "replace", "path": "urn:...:User:manager", "value": ""}`, `{"value": {"value": ""}}`: removal of a manager,
    and the null test of the gallery's validation, which does it to every optional attribute.
    """
    return None if value == "" else value


def unwrap_array(value: Any) -> Any:
    """Give the value of an array of one where the attribute has no array.

    `{"op": "Add", "path": "manager", "value": [{"$ref": "...", "value": "<id>"}]}`: the documentation's fifth example.
    """
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def unwrap_value(value: Any) -> Any:
    """Give what is in `value` where a plain value was expected.

    `{"op": "Replace", "path": "displayName", "value": [{"value": "X"}]}`: old versions of Microsoft's library.
    """
    if isinstance(value, dict) and [key.lower() for key in value if value[key] is not None] == ["value"]:
        return next(item for item in value.values() if item is not None)
    return value


def wrap_single(value: Any) -> list[Any]:
    """Give an array of one where an attribute with an array came without it.

    `{"op": "add", "path": "members", "value": "string id 1"}`: Microsoft's request collection.
    """
    return value if isinstance(value, list) else [value]


def wrap_text(value: Any, attribute: Attribute) -> Any:
    """Give text that stands for a complex value as its `value`.

    `{"op": "Add", "path": "urn:...:User:manager", "value": "<id>"}`: how managers are always sent; members of
    Microsoft's request collection come as bare text too. JSON that could not be read is no value but of a role.
    """
    if not attribute.sub("value") or isinstance(value, bool) or not isinstance(value, str | int):
        return value
    return value if is_json(value) and attribute.name != HOLDS_JSON else {"value": value}


def rename_display(value: Payload, attribute: Attribute) -> Payload:
    """Take `displayName` for `display` in complex values that have only the latter.

    `{"name": "addMember", "op": "add", "path": "members", "value": [{"displayName": "new User", "value": "<id>"}]}` of
    Microsoft's request collection, and the roles that `SingleAppRoleAssignment` makes.
    """
    if not attribute.sub("display") or attribute.sub("displayName"):
        return value
    names = {key.lower() for key in value}
    if "displayname" not in names or "display" in names:
        return value
    return {"display" if key.lower() == "displayname" else key: item for key, item in value.items()}


def is_hollow(element: Any) -> bool:
    """Say whether an element is blank but for its labels.

    `"addresses": [..., {"type": "other", "formatted": null, "streetAddress": null, ...}]`: Microsoft's request
    collection; `{"type": "other", "value": ""}`: a mapping whose source is empty.
    """
    if not isinstance(element, dict):
        return element is None
    filled = {key.lower() for key, item in element.items() if item is not None}
    return len(filled) < len(element) and filled <= {"type", "primary"}


def hand_over_primary(elements: list[Any]) -> list[Any]:
    """Leave `primary` to the last of the values that claim it.

    Each mapping of a role or address of another type may set its own `primary`, as if the others were not there.
    """
    claims = [
        (index, key)
        for index, element in enumerate(elements) if isinstance(element, dict)
        for key, item in element.items()
        if key.lower() == "primary" and (item is True or (isinstance(item, str) and item.lower() == "true"))
    ]
    result = list(elements)
    for index, key in claims[:-1]:
        result[index] = {**elements[index], key: False}
    return result
