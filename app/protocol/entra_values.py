"""The dialect of Microsoft Entra ID, values: a value as Entra writes it becomes one of its attribute's shape.

Each function returns a new value and leaves the one it is given unchanged. One thing is refused here, since the PATCH
engine would store it: JSON text in the place of a plain value (D-150).
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from app.errors import InvalidSyntax, InvalidValue, Problem
from app.schemas.attribute import Attribute
from app.schemas.validation.fields import MAX_VALUES
from app.schemas.validation.json_object import object_in

Payload = dict[str, Any]
HOLDS_JSON = "roles"
"""The attribute whose values may be JSON text: Entra sends role assignments as JSON, and reads them back unchanged."""
MOST_VALUES = 10 * MAX_VALUES
"""Values up to which an array is rewritten; beyond, validation refuses it: 4 MiB of `1,` took 25 s of the processor."""
_JSON = re.compile(r'\s*(\{\s*["}]|\[\s*["{\[\]])')


def rewrite_value(value: Any, attribute: Attribute, array: bool) -> Any:
    """Return the value of an attribute, an array if `array` is true, in the attribute's shape; null if it is blank.

    Raises InvalidValue for JSON text in the place of a plain value.
    """
    if value is None or attribute.mutability == "readOnly":
        return value
    if not array:
        return _rewrite_one(unwrap_array(value), attribute)
    values = wrap_single(value)
    if len(values) > MOST_VALUES and attribute.stored_in != "memberships":
        return values
    elements = [_rewrite_one(element, attribute) for element in values]
    return keep_last_primary([element for element in elements if not is_hollow(element)])


def _rewrite_one(value: Any, attribute: Attribute) -> Any:
    value = clear_blank(value)
    if attribute.type != "complex":
        return clear_blank(unwrap_value(value))
    value = wrap_text(value if attribute.name == HOLDS_JSON else read_element(value, attribute), attribute)
    if not isinstance(value, dict):
        return value
    element = {
        key: _rewrite_part(key, item, attribute) if isinstance(item, list | dict) else clear_blank(item)
        for key, item in rename_display(value, attribute).items()
    }
    refuse_json(element, attribute)
    return element


def _rewrite_part(name: str, value: Any, attribute: Attribute) -> Any:
    """Return the value of a sub-attribute in its shape, as those of attributes; unchanged if there is none."""
    sub = attribute.sub(name)
    return rewrite_value(value, sub, sub.multi_valued) if sub else value


# JSON as text


def read_text(value: Any) -> Any:
    """Return the JSON object that a text contains; any other value unchanged (D-84).

    `{"op": "replace", "value": "{\\"displayName\\":\\"EPD\\"}"}`: how SCIM for Keycloak renames a group.
    """
    if isinstance(value, str) and value.lstrip().startswith("{"):
        with suppress(InvalidSyntax, InvalidValue):
            return object_in(value.encode(), "The value")
    return value


def read_element(value: Any, attribute: Attribute) -> Any:
    """Return the JSON object that a text contains, if it names a sub-attribute; any other value unchanged (D-150).

    `{"op": "replace", "path": "emails[value eq \\"a@x\\"]", "value": ["{\\"value\\":\\"b@x\\"}"]}`: SCIM-SDK. Text
    that names none, such as `"{}"`, would clear the attribute.
    """
    if not isinstance(value, str):
        return value
    element = read_text(value)
    return element if isinstance(element, dict) and any(map(attribute.sub, element)) else value


def is_json(value: Any) -> bool:
    """Return whether a value is text that looks like a JSON object or array; `[Sales]` and `{3F25-...}` do not."""
    return isinstance(value, str) and _JSON.match(value) is not None


def refuse_json(element: Payload, attribute: Attribute) -> None:
    """Raise InvalidValue if the `value` of a complex attribute is JSON text; that of a role may be (D-150).

    `{"op": "replace", "path": "emails[type eq \\"work\\"].value", "value": "{\\"value\\":\\"a@x\\"}"}`
    """
    for name, value in element.items():
        if name.lower() == "value" and is_json(value) and attribute.name != HOLDS_JSON:
            raise InvalidValue(
                f"{attribute.name}.value: must be a plain value, not JSON as text.",
                Problem(f"{attribute.name}.value", "a plain value", "JSON as text"),
            )


# Shapes


def clear_blank(value: Any) -> Any:
    """Return null for an empty string, which is how Entra clears an attribute.

    `{"op": "replace", "path": "urn:...:User:manager", "value": ""}`, `{"value": {"value": ""}}`: the removal of a
    manager, and the null test of the gallery's validation, which does this to every optional attribute.
    """
    return None if value == "" else value


def unwrap_array(value: Any) -> Any:
    """Return the only element of an array of one; any other value unchanged. For attributes with a single value.

    `{"op": "Add", "path": "manager", "value": [{"$ref": "...", "value": "<id>"}]}`: the documentation's fifth example.
    """
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def unwrap_value(value: Any) -> Any:
    """Return the `value` of an object that has nothing else; any other value unchanged. For attributes of simple types.

    `{"op": "Replace", "path": "displayName", "value": [{"value": "X"}]}`: old versions of Microsoft's library.
    """
    if isinstance(value, dict) and [key.lower() for key in value if value[key] is not None] == ["value"]:
        return next(item for item in value.values() if item is not None)
    return value


def wrap_single(value: Any) -> list[Any]:
    """Return a single value as an array of one; an array unchanged. For multi-valued attributes.

    `{"op": "add", "path": "members", "value": "string id 1"}`: Microsoft's request collection.
    """
    return value if isinstance(value, list) else [value]


def wrap_text(value: Any, attribute: Attribute) -> Any:
    """Return an object with the text as its `value`, if the complex attribute has one; any other value unchanged.

    `{"op": "Add", "path": "urn:...:User:manager", "value": "<id>"}`: how managers are always sent. Microsoft's request
    collection sends members as plain text, too. JSON text that could not be read is not wrapped, except for a role.
    """
    if not attribute.sub("value") or isinstance(value, bool) or not isinstance(value, str | int):
        return value
    return value if is_json(value) and attribute.name != HOLDS_JSON else {"value": value}


def rename_display(value: Payload, attribute: Attribute) -> Payload:
    """Return a complex value with `displayName` renamed to `display`, if the attribute has only the latter.

    `{"name": "addMember", "op": "add", "path": "members", "value": [{"displayName": "new User", "value": "<id>"}]}` in
    Microsoft's request collection, and the roles that `SingleAppRoleAssignment` makes.
    """
    if not attribute.sub("display") or attribute.sub("displayName"):
        return value
    names = {key.lower() for key in value}
    if "displayname" not in names or "display" in names:
        return value
    return {"display" if key.lower() == "displayname" else key: item for key, item in value.items()}


def is_hollow(element: Any) -> bool:
    """Return whether an element names sub-attributes, but only `type` and `primary` have a value.

    `"addresses": [..., {"type": "other", "formatted": null, "streetAddress": null, ...}]`: Microsoft's request
    collection; `{"type": "other", "value": ""}`: a mapping whose source is empty.
    """
    if not isinstance(element, dict):
        return element is None
    filled = {key.lower() for key, item in element.items() if item is not None}
    return len(filled) < len(element) and filled <= {"type", "primary"}


def keep_last_primary(elements: list[Any]) -> list[Any]:
    """Return the elements with `primary` true only in the last one that claims it.

    Each mapping of a role or of an address of another type may set its own `primary`, regardless of the others.
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
