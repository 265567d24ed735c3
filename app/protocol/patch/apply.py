"""What the operations of a PATCH make of a resource (RFC 7644 section 3.5.2).

Pure: a resource and operations in, a new resource and membership changes out. Members are documents of their own, so an
operation on them becomes a change to be made, and nobody has to read them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.errors import InvalidSyntax, InvalidValue, Mutability, NoTarget, ScimError
from app.protocol.patch.members import member_change
from app.protocol.patch.message import ABSENT, Operation
from app.protocol.patch.schemas import dropped_schemas, known_schemas
from app.protocol.patch.target import MAX_SHOWN, Misfit, Selection, select
from app.protocol.patch.values import Edit, is_nothing, put, refuse_read_only
from app.protocol.patch.work import Work
from app.protocol.profile import Profile
from app.schemas.attribute import Attribute
from app.schemas.common import META, READ_ONLY, SCHEMAS
from app.schemas.membership import MemberChange
from app.schemas.resource_type import ResourceType, Schema, Target
from app.schemas.validation import schemas_of

Resource = dict[str, Any]


@dataclass(frozen=True)
class Patched:
    """What the operations leave of a resource, and what they do to its members, in their order."""

    resource: Resource
    changes: tuple[MemberChange, ...] = ()
    skipped: tuple[str, ...] = ()
    """Why operations were skipped: their paths make no sense here, which the profile tolerates."""


def apply_patch(
    resource: Resource, operations: Sequence[Operation], resource_type: ResourceType, profile: Profile
) -> Patched:
    """Give what the operations make of `resource`, which stays as it is.

    Raises InvalidPath, InvalidFilter, NoTarget, Mutability, InvalidValue or InvalidSyntax for the first operation that
    cannot be done, and then none is. What only the whole shows is left to `validate`.
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
    """Return the error with the number of its operation, where there are several."""
    if len(operations) > 1:
        error.detail = f"Operation {number}: {error.detail}"
    return error


def only_members(
    operations: Sequence[Operation], resource_type: ResourceType, profile: Profile
) -> tuple[MemberChange, ...]:
    """Give what operations do to the members where they do nothing else, which asks for nothing to be read before.

    Nothing where they do anything else or cannot be done: `apply_patch` then tells.
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
    """A resource on its way through the operations; what changes is made anew, nothing is changed in place."""

    def __init__(self, resource: Resource, resource_type: ResourceType, profile: Profile) -> None:
        self.resource = resource
        self.changes: list[MemberChange] = []
        self._type = resource_type
        self._profile = profile
        self._late: dict[str, ScimError] = {}
        self._work = Work()

    def apply(self, operation: Operation) -> None:
        """Do one operation; raises ScimError and Misfit."""
        if operation.op != "remove" and operation.value is ABSENT:
            raise InvalidValue(f"{operation.op} must have a value.")
        if operation.path is None:
            if operation.op == "remove":
                raise NoTarget("remove must have a path.")
            self._set_attributes(operation.op, operation.value, None)
            return
        selection = select(operation.path, self._type, bare_words=self._profile.bare_words)
        self._apply_at(selection, operation.op, operation.value)

    def finish(self) -> None:
        """Check that what had to come back has come back; raises what was put off."""
        for path, error in self._late.items():
            target, value = self._type.resolve(path), self.resource
            for key in target.keys if target else ():
                value = value.get(key, {})
            if value == {}:
                raise error

    # Targets

    def _apply_at(self, selection: Selection, op: str, value: Any) -> None:
        target = selection.target
        if target.attribute is None:
            self._change_schema(target, op, value)
        elif target.attribute is SCHEMAS:
            self._change_schemas(selection, op, value)
        else:
            refuse_read_only((target.attribute, target.sub), target.path)
            if target.attribute.stored_in == "memberships":
                change = member_change(selection, op, value, self._profile)
                self.changes += [change] if change else []
            else:
                self._change_attribute(selection, Edit(op, value, self._profile, self._put_off), target.attribute)

    def _change_attribute(self, selection: Selection, edit: Edit, row: Attribute) -> None:
        target = selection.target
        path = target.path if target.sub is None else target.path[: -len(target.sub.name) - 1]
        old: Any = self._values(target).get(row.name)
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
        if new != old:
            self._store(target, put(self._values(target), row.name, new))

    def _set_attributes(self, op: str, value: Any, schema: Schema | None) -> None:
        """Add or replace each attribute of an object, all of the resource or all of one schema (D-131)."""
        if not isinstance(value, dict):
            raise InvalidValue("value must be an object of attributes where the path names none.")
        seen = set()
        for name, item in value.items():
            if schema and name.lower() == SCHEMAS.name:
                continue  # python-scim's clients repeat an extension's URN inside its own object
            target = self._type.resolve(f"{schema.id}:{name}" if schema else name)
            if target is None:
                if not self._profile.ignore_unknown:
                    raise InvalidSyntax(f"{name[:MAX_SHOWN]} is no attribute of {self._type.name}.")
                continue
            if target.path in seen:
                raise InvalidSyntax(f"{target.path} is there more than once.")
            seen.add(target.path)
            if target.leaf is None or not self._is_fixed(target, item):
                self._apply_at(Selection(target), op, item)

    def _is_fixed(self, target: Target, value: Any) -> bool:
        """Say whether a value in an object of attributes can be passed over: it is the server's, and would not change.

        Clients send back what they have read (D-133); `meta` is ignored whatever it says (RFC 7643 section 3.1), and
        `schemas` only declares what the object has in it: nobody means to drop an extension by it. Values that are made
        of other documents (`groups`) are ignored as well, as in a POST or PUT (RFC 7644 sections 3.3 and 3.5.1): they
        change without this resource, and with its next reader may be others.
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
        stored: Any = self._values(target).get(row.name)
        if target.sub:
            stored = (stored or {}).get(target.sub.name) if isinstance(stored or {}, dict) else None
        return stored == value or (stored is None and is_nothing(value))

    # Schemas

    def _change_schema(self, target: Target, op: str, value: Any) -> None:
        """Change a whole extension, or the resource by its own schema's URN (D-127): values are merged in."""
        schema = target.schema
        if schema is None or (not target.is_extension and op == "remove"):
            raise Mutability(f"{target.path} cannot be removed.")
        if op != "remove" and not is_nothing(value):
            self._set_attributes(op, value, schema)
        elif target.is_extension:
            self._drop(schema.id)

    def _change_schemas(self, selection: Selection, op: str, value: Any) -> None:
        for urn in dropped_schemas(self.resource, selection, op, value, self._type, self._profile):
            self._drop(urn)

    def _drop(self, urn: str) -> None:
        schema, values = self._type.extension(urn), self.resource.get(urn)
        if schema is None or values is None:
            return
        if schema.id in self._type.required_extensions:
            raise Mutability(f"{schema.id} is required.")
        for row in schema.attributes:
            if row.mutability in ("immutable", READ_ONLY) and row.name in values:
                raise Mutability(f"{schema.id}:{row.name} is {row.mutability} and has a value.")
        self._put(schema.id, None)

    # Storage

    def _values(self, target: Target) -> Resource:
        """Give the object that the attribute is in: the resource, or the extension's."""
        return self.resource.get(target.keys[0], {}) if target.is_extension else self.resource

    def _store(self, target: Target, values: Resource) -> None:
        if not target.is_extension:
            self.resource = values
            return
        self._put(target.keys[0], values or None)

    def _put(self, urn: str, values: Resource | None) -> None:
        """Keep an extension's object; its URN comes and goes with it (RFC 7644 section 3.5.2; D-132)."""
        had = urn in self.resource
        self.resource = put(self.resource, urn, values)
        if had != (urn in self.resource):
            self.resource[SCHEMAS.name] = schemas_of(self._type, self.resource)

    def _put_off(self, path: str, error: ScimError) -> None:
        if not self._profile.required_at_end:
            raise error
        self._late[path] = error
