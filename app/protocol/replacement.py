"""PUT: which of the stored attributes outlive a replacement (RFC 7644 section 3.5.1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.errors import Mutability
from app.schemas.attribute import Attribute
from app.schemas.common import SCHEMAS
from app.schemas.resource_type import ResourceType
from app.schemas.validation import schemas_of

Resource = dict[str, Any]


def replacement(stored: Resource, sent: Resource, resource_type: ResourceType) -> Resource:
    """Give the resource that a PUT of `sent` leaves; raises Mutability where it would change an immutable value.

    What is left out is cleared. Kept are readOnly attributes, immutable ones that have a value, secrets, and those with
    a default of their own: a disabled user is never enabled by what a client does not say. Where parts of a value are
    kept, so are those that it cannot be without (RFC 7643 section 7).
    """
    result = dict(sent)
    for schema in resource_type.schemas:
        if schema.stored_as:
            kept = _with_kept(
                schema.attributes, stored.get(schema.id, {}), sent.get(schema.id, {}), f"{schema.id}:"
            )
            if kept:
                result[schema.id] = kept
        else:
            result |= _with_kept(schema.attributes, stored, sent, "")
    return result | {SCHEMAS.name: schemas_of(resource_type, result), "id": stored["id"], "meta": stored["meta"]}


def _with_kept(rows: Iterable[Attribute], old: Resource, sent: Resource, prefix: str) -> Resource:
    new = dict(sent)
    for row in rows:
        if row.name in old and row.stored_in != "memberships":
            _keep(row, old, new, prefix + row.name)
    if new and not sent:
        new |= {row.name: old[row.name] for row in rows if row.required and row.name in old and row.name not in new}
    return new


def _keep(attribute: Attribute, old: Resource, new: Resource, path: str) -> None:
    name = attribute.name
    if name not in new and (attribute.mutability != "readWrite" or attribute.default is not None):
        new[name] = old[name]
    if attribute.type == "complex" and not attribute.multi_valued:
        kept = _with_kept(attribute.sub_attributes, old[name], new.get(name, {}), f"{path}.")
        if kept:
            new[name] = kept
    if attribute.mutability == "immutable" and old[name] != new[name]:  # the stored value is not told: it may be secret
        raise Mutability(f"{path} is immutable and has a value already; send that value, or leave {name} out.")
