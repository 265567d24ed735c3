"""PUT: which of the stored attributes outlive a replacement (RFC 7644 section 3.5.1)."""

from __future__ import annotations

from typing import Any

from app.errors import Mutability
from app.schemas.attribute import Attribute
from app.schemas.resource_type import ResourceType

Resource = dict[str, Any]


def replacement(stored: Resource, sent: Resource, resource_type: ResourceType) -> Resource:
    """Give the resource that a PUT of `sent` leaves; raises Mutability where it would change an immutable value.

    What is left out is cleared. Kept are readOnly attributes, immutable ones that have a value, secrets, and those with
    a default of their own: a disabled user is never enabled by what a client does not say.
    """
    result = dict(sent)
    for schema in resource_type.schemas:
        old = stored.get(schema.id, {}) if schema.stored_as else stored
        new = dict(sent.get(schema.id, {})) if schema.stored_as else result
        for attribute in schema.attributes:
            _keep(attribute, old, new, attribute.name)
        if schema.stored_as:
            result.pop(schema.id, None)
            if new:
                result[schema.id] = new
    return result | {"id": stored["id"], "meta": stored["meta"]}


def _keep(attribute: Attribute, old: Resource, new: Resource, path: str) -> None:
    name = attribute.name
    if attribute.stored_in == "memberships":
        return
    if name in old and name not in new:
        if attribute.mutability != "readWrite" or attribute.default is not None:
            new[name] = old[name]
    elif name in old and attribute.mutability == "immutable" and old[name] != new[name]:
        raise Mutability(f"{path} is immutable; it has the value {old[name]!r} and cannot be given another.")
    if attribute.type == "complex" and not attribute.multi_valued and isinstance(old.get(name), dict):
        kept = dict(new.get(name) or {})
        for sub in attribute.sub_attributes:
            if sub.mutability in ("immutable", "readOnly"):
                _keep(sub, old[name], kept, f"{path}.{sub.name}")
        if kept:
            new[name] = kept
