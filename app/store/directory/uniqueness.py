"""The error for a name that is taken: only the unique indexes decide, and this says which attribute it is."""

from __future__ import annotations

from pymongo.errors import DuplicateKeyError

from app.errors import Problem, Uniqueness
from app.schemas.resource_type import ResourceType


class naming_what_is_taken:
    """Turn a unique index's error into the SCIM error that names the attribute."""

    def __init__(self, resource_type: ResourceType) -> None:
        self._type = resource_type

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, DuplicateKeyError):
            raise _taken(error, self._type) from error


def _taken(error: DuplicateKeyError, resource_type: ResourceType) -> Uniqueness:
    details = error.details or {}
    if "_id" in details.get("keyPattern", {}):
        return Uniqueness(f'The id "{details.get("keyValue", {}).get("_id")}" is taken.')
    fields = [field for field in details.get("keyPattern", {}) if field.startswith("_unique.")]
    name, secret = _unique_attribute(fields[0], resource_type) if fields else ("a unique attribute", True)
    value = details.get("keyValue", {}).get(fields[0]) if fields else None
    quoted = f' "{value}"' if isinstance(value, str) and not secret else ""
    kind = resource_type.name
    return Uniqueness(
        f"{name}{quoted} is taken by another {kind}; a {kind}'s {name} must be unique.",
        Problem(name, f"one that no other {kind} has", quoted.strip() or "one that is taken"),
    )


def _unique_attribute(field: str, resource_type: ResourceType) -> tuple[str, bool]:
    """Return the path of the attribute whose unique index is on the field, and whether its value is a secret."""
    stored_as, _, name = field.removeprefix("_unique.").rpartition(".")
    urn = next((schema.id for schema in resource_type.extensions if schema.stored_as == stored_as), "")
    return f"{urn}:{name}" if urn else name, name in resource_type.secrets
