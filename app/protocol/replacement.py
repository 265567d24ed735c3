"""PUT: which stored attributes survive a replacement (RFC 7644 section 3.5.1)."""

from __future__ import annotations

from collections.abc import Iterable

from app.errors import Mutability, Problem
from app.schemas.attribute import Attribute
from app.schemas.resource_type import Resource, ResourceType
from app.schemas.tables.common import SCHEMAS
from app.schemas.validation.payload import schemas_of


def replacement(stored: Resource, sent: Resource, resource_type: ResourceType) -> Resource:
    """Return the resource that a PUT of `sent` makes of `stored`; raises Mutability for a changed immutable value.

    An attribute that was not sent is cleared. Kept are readOnly attributes, immutable ones that have a value, secrets,
    and attributes with a default: leaving out `active` must not enable a disabled user. If only part of a complex value
    is kept, its required sub-attributes are kept, too (RFC 7643 section 7).
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
    """Return what was sent, with the old values of these attributes that are kept; `prefix` begins their paths."""
    new = dict(sent)
    for row in rows:
        if row.name in old and row.stored_in != "memberships":
            _keep(row, old, new, prefix + row.name)
    if new and not sent:
        new |= {row.name: old[row.name] for row in rows if row.required and row.name in old and row.name not in new}
    return new


def _keep(attribute: Attribute, old: Resource, new: Resource, path: str) -> None:
    """Put the old value of an attribute, or the part of it that is kept, into `new`; raises Mutability."""
    name = attribute.name
    if name not in new and (attribute.mutability != "readWrite" or attribute.default is not None):
        new[name] = old[name]
    if attribute.type == "complex" and not attribute.multi_valued:
        kept = _with_kept(attribute.sub_attributes, old[name], new.get(name, {}), f"{path}.")
        if kept:
            new[name] = kept
    if attribute.mutability == "immutable" and old[name] != new[name]:  # the error must not repeat it: it may be secret
        raise Mutability(
            f"{path} is immutable and already has a value; send that value, or leave {name} out.",
            Problem(path, "the value that it has", "another"),
        )
