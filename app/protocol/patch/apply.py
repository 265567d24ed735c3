"""What the operations of a PATCH make of a resource (RFC 7644 section 3.5.2).

A resource and operations go in; a new resource and membership changes come out. Members are documents of their own, so
an operation on them becomes a change to be made, and none of them has to be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.errors import InvalidSyntax, InvalidValue, Mutability, NoTarget, Problem, ScimError
from app.protocol.patch.cost import Work
from app.protocol.patch.members import member_change
from app.protocol.patch.message import ABSENT, Operation
from app.protocol.patch.schemas import dropped_schemas, known_schemas, with_extension, without_extension
from app.protocol.patch.selection import MAX_SHOWN, Misfit, Selection, select
from app.protocol.patch.values import Edit, is_nothing, put, refuse_read_only
from app.protocol.profile import Profile
from app.schemas.attribute import Attribute
from app.schemas.membership import MemberChange
from app.schemas.paths import Target
from app.schemas.resource_type import Resource, ResourceType
from app.schemas.schema import Schema
from app.schemas.tables.common import META, READ_ONLY, SCHEMAS


@dataclass(frozen=True)
class Patched:
    """A resource after its operations, and the changes of its members in their order."""

    resource: Resource
    changes: tuple[MemberChange, ...] = ()
    skipped: tuple[str, ...] = ()
    """One sentence for each skipped operation: its path makes no sense here, which the profile tolerates."""


def apply_patch(
    resource: Resource, operations: Sequence[Operation], resource_type: ResourceType, profile: Profile
) -> Patched:
    """Return what the operations make of `resource`, which is left unchanged.

    Raises InvalidPath, InvalidFilter, NoTarget, Mutability, InvalidValue, InvalidSyntax or PayloadTooLarge for the
    first operation that cannot be applied; then none is. What only the whole resource can show is left to `validate`.
    """
    patch = _Patch(resource, resource_type, profile)
    skipped: list[str] = []
    for number, operation in enumerate(operations, 1):
        try:
            patch.apply(operation)
        except Misfit as misfit:
            if not profile.ignore_unknown_paths:
                raise _numbered(misfit.error, number, operations) from misfit
            skipped.append(_numbered(misfit.error, number, operations).detail)
        except ScimError as error:
            raise _numbered(error, number, operations) from None
    patch.finish()
    return Patched(patch.resource, tuple(patch.changes), tuple(skipped))


def _numbered(error: ScimError, number: int, operations: Sequence[Operation]) -> ScimError:
    """Return the error with the number of its operation in the detail, if there are several operations."""
    if len(operations) > 1:
        error.detail = f"Operation {number}: {error.detail}"
    return error


def only_members(
    operations: Sequence[Operation], resource_type: ResourceType, profile: Profile
) -> tuple[MemberChange, ...]:
    """Return the membership changes of operations that do nothing else, so that the resource need not be read.

    Empty if they do anything else or cannot be applied; `apply_patch` then reports the error.
    """
    patch = _Patch({}, resource_type, profile)
    try:
        for operation in operations:
            selection = select(operation.path, resource_type, bare_words=profile.bare_words)
            if selection.target.attribute is not resource_type.members:
                return ()
            patch.apply(operation)
    except (ScimError, Misfit):
        return ()
    return tuple(patch.changes)


class _Patch:
    """A resource while the operations are applied; each step makes a new resource, and changes none in place."""

    def __init__(self, resource: Resource, resource_type: ResourceType, profile: Profile) -> None:
        self.resource = resource
        self.changes: list[MemberChange] = []
        self._type = resource_type
        self._profile = profile
        self._late: dict[str, ScimError] = {}
        """By path, the errors for required attributes that are unassigned at the moment."""
        self._work = Work()

    def apply(self, operation: Operation) -> None:
        """Apply one operation; raises ScimError and Misfit."""
        if operation.op != "remove" and operation.value is ABSENT:
            raise InvalidValue(f"{operation.op} must have a value.", cause="bad-body")
        if operation.path is None:
            if operation.op == "remove":
                raise NoTarget("remove must have a path.")
            self._set_attributes(operation.op, operation.value, None)
            return
        selection = select(operation.path, self._type, bare_words=self._profile.bare_words)
        self._apply_at(selection, operation.op, operation.value)

    def finish(self) -> None:
        """Raise the error for the first required attribute that is still unassigned after the last operation."""
        for path, error in self._late.items():
            target, value = self._type.resolve(path), self.resource
            for key in target.keys if target else ():
                value = value.get(key, {})
            if value == {}:
                raise error

    def _apply_at(self, selection: Selection, op: str, value: Any) -> None:
        """Apply an operation to what its path selects."""
        target = selection.target
        if target.attribute is None:
            self._change_schema(target, op, value)
        elif target.attribute is SCHEMAS:
            present = self.resource.get(SCHEMAS.name, [])
            for urn in dropped_schemas(present, selection, Edit(op, value, self._profile), self._type):
                self._without(urn)
        else:
            refuse_read_only((target.attribute, target.sub), target.path)
            if target.attribute.stored_in == "memberships":
                change = member_change(selection, op, value, self._profile)
                self.changes += [change] if change else []
            else:
                self._change_attribute(selection, Edit(op, value, self._profile, self._put_off), target.attribute)

    def _change_attribute(self, selection: Selection, edit: Edit, row: Attribute) -> None:
        """Change the stored value of one attribute, or of one of its sub-attributes."""
        target = selection.target
        path = target.path if target.sub is None else target.path[: -len(target.sub.name) - 1]
        values = _holder(self.resource, target)
        old: Any = values.get(row.name)
        new: Any
        if row.multi_valued and old:
            self._work.add(selection, old, edit.value, path)
        if row.multi_valued and (target.sub or selection.where):
            new = edit.change_selected(row, target.sub, selection.where, old, path)
        elif target.sub:
            new = edit.change_sub(row, target.sub, old or {}, path) or None
            edit.check(row, old, new, path)
        else:
            new = edit.change(row, old, path)
            if new is None:
                self._forget(f"{path}.")
        if new == old:
            return
        values = put(values, row.name, new)
        if target.is_extension:
            self.resource = with_extension(self.resource, target.keys[0], values, self._type)
        else:
            self.resource = values

    def _set_attributes(self, op: str, value: Any, schema: Schema | None) -> None:
        """Add or replace each attribute in an object, of the resource or of one schema (D-131)."""
        if not isinstance(value, dict):
            detail = "value must be an object of attributes, unless the path names an attribute."
            raise InvalidValue(detail, cause="bad-body")
        seen = set()
        for name, item in value.items():
            if schema and name.lower() == SCHEMAS.name:
                continue  # python-scim's clients repeat an extension's URN inside its own object
            target = self._type.resolve(f"{schema.id}:{name}" if schema else name)
            if target is None:
                if not self._profile.ignore_unknown:
                    problem = Problem(name[:MAX_SHOWN], "no such attribute", "it")
                    detail = f"{self._type.name} has no attribute {name[:MAX_SHOWN]}."
                    raise InvalidSyntax(detail, problem, cause="unknown-attribute")
                continue
            if target.path in seen:
                raise InvalidSyntax(f"{target.path} is given more than once.")
            seen.add(target.path)
            if target.leaf is None or not self._is_ignored(target, item):
                self._apply_at(Selection(target), op, item)

    def _is_ignored(self, target: Target, value: Any) -> bool:
        """Return whether a value in an object of attributes is ignored: only the server writes it, and it is unchanged.

        Clients send back what they have read (D-133). `meta` is ignored whatever its value (RFC 7643 section 3.1);
        `schemas` declares what the object contains, and removes no extension. Values that are derived from other
        documents (`groups`) are ignored as in a POST or PUT (RFC 7644 sections 3.3 and 3.5.1): they change
        independently of this resource, so the client may have read others.
        """
        row = target.attribute
        if row is SCHEMAS:
            known_schemas(value, self._type, self._profile)
            return True
        if row is META:
            return True
        if row is None or target.leaf is None or READ_ONLY not in (row.mutability, target.leaf.mutability):
            return False
        if row.stored_in == "memberships":
            return True
        stored: Any = _holder(self.resource, target).get(row.name)
        if target.sub:
            stored = (stored or {}).get(target.sub.name) if isinstance(stored or {}, dict) else None
        return stored == value or (stored is None and is_nothing(value))

    def _change_schema(self, target: Target, op: str, value: Any) -> None:
        """Change a whole extension, or the resource by the URN of its own schema (D-127): values are merged."""
        schema = target.schema
        if schema is None or (not target.is_extension and op == "remove"):
            raise Mutability(f"{target.path} cannot be removed.", Problem(target.path, "no change", "its removal"))
        if op != "remove" and not is_nothing(value):
            self._set_attributes(op, value, schema)
        elif target.is_extension:
            self._without(schema.id)

    def _without(self, urn: str) -> None:
        """Remove an extension with its values."""
        self.resource = without_extension(self.resource, urn, self._type)
        self._forget(f"{urn}:")

    def _forget(self, prefix: str) -> None:
        """Forget the errors for what was required inside something that is gone as a whole."""
        self._late = {path: error for path, error in self._late.items() if not path.startswith(prefix)}

    def _put_off(self, path: str, error: ScimError) -> None:
        """Raise the error for an unassigned attribute, or leave it to `finish`, as the profile says."""
        if not self._profile.required_at_end:
            raise error
        self._late[path] = error


def _holder(resource: Resource, target: Target) -> Resource:
    """Return the object that contains the attribute: the resource, or the extension's object."""
    return resource.get(target.keys[0], {}) if target.is_extension else resource
