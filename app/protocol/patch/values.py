"""What `add`, `remove` and `replace` do to the value of one attribute (RFC 7644 sections 3.5.2.1 to 3.5.2.3).

Values are never changed in place: each function returns the new value, or None if nothing remains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.errors import InvalidValue, Mutability, NoTarget, Problem, ScimError
from app.protocol.patch.equality import Element, identity, is_same, without
from app.protocol.patch.message import ABSENT
from app.protocol.patch.primary import is_primary, keep_last_claim, sets_primary
from app.protocol.patch.selection import MAX_SHOWN, conditions, find
from app.protocol.profile import Profile
from app.schemas.attribute import TYPE, Attribute
from app.schemas.tables.common import PRIMARY, READ_ONLY
from app.schemas.validation.fields import MAX_VALUES
from app.schemas.validation.payload import read_value
from scim_filter import Filter

LABELS = {TYPE, PRIMARY.name}
"""The sub-attributes that say what a value is for; an element that has nothing else is empty (RFC 7643 section 2.4)."""


@dataclass(frozen=True)
class Edit:
    """The op and value of an operation, applied to one attribute."""

    op: str
    value: Any
    profile: Profile
    on_unassigned: Callable[[str, ScimError], None] | None = None
    """Called with path and error if a required attribute becomes unassigned; without it, the error is raised."""

    _read_parts: dict[str, tuple[Element, set[str]]] = field(default_factory=dict, init=False, compare=False)

    @property
    def clears(self) -> bool:
        """Whether the operation unassigns: `remove`, and null or an empty array (RFC 7643 section 2.5)."""
        return self.op == "remove" or is_nothing(self.value)

    def change(self, row: Attribute, old: Any, path: str) -> Any:
        """Return the new value of an attribute; raises Mutability, InvalidValue and InvalidSyntax.

        An attribute with a default is never unassigned (D-62): readers would take its absence for the default, and a
        disabled user would be active.
        """
        new = self._changed(row, old, path)
        if new is None and row.default is not None and (self.op == "add" or self.profile.keep_defaults):
            return old
        self.check(row, old, new, path)
        return new

    def change_sub(self, row: Attribute, sub: Attribute, old: Element, path: str) -> Element:
        """Return a complex value with one sub-attribute changed; raises as `change` does."""
        if sub.stored_in == "derived" and not self.clears:
            # A `$ref` is kept as the `value` that it stands for.
            return replace(self, value={sub.name: self.value}).merge(row, old, path)
        return put(old, sub.name, self.change(sub, old.get(sub.name), f"{path}.{sub.name}"))

    def change_selected(
        self, row: Attribute, sub: Attribute | None, where: Filter | None, old: list[Any] | None, path: str
    ) -> list[Any] | None:
        """Return the values of a multi-valued attribute after changing those that match the filter, all if it is None.

        If none matches, raises NoTarget (RFC 7644 section 3.5.2.3), except for `remove`, which changes nothing
        (section 3.5.2.2); otherwise raises as `change` does.
        """
        values = list(old or ())
        hits = self._listed(sub, values, path) if where is None else find(row, values, where)
        selected = path if where is None else f"{path}[{str(where)[:MAX_SHOWN]}]"
        inner = replace(self, on_unassigned=None)  # inside an element, the error is raised at once
        claims: list[int] = []  # positions of the elements that this operation makes primary
        if hits:
            for index in hits:
                values[index] = inner._in_element(row, sub, values[index], selected)
            if sets_primary(self.value, sub):
                claims = [index for index in hits if is_primary(values[index])]
        elif (new_element := inner._new_element(row, sub, where, selected)) is not None:
            claims = [len(values)] if is_primary(new_element) else []
            values.append(new_element)
        values = keep_last_claim(values, claims, path, several=self.profile.several_primaries)
        new = [value for value in values if value is not None] or None
        self.check(row, old, new, path)
        return new

    def merge(self, row: Attribute, old: Element, path: str) -> Element:
        """Return a complex value with the sub-attributes changed that the operation's value names (D-151).

        Raises Mutability, InvalidValue and InvalidSyntax.
        """
        given, nulls = self._parts(row, path)
        kept = {name: item for name, item in old.items() if name.lower() not in nulls} if nulls else old
        new = {**kept, **given}
        for sub in row.sub_attributes:
            if sub.multi_valued and self.op == "add" and sub.name in given:
                new[sub.name] = replace(self, value=given[sub.name])._changed(sub, old.get(sub.name), path)
            self.check(sub, old.get(sub.name), new.get(sub.name), f"{path}.{sub.name}")
        return new

    def check(self, row: Attribute, old: Any, new: Any, path: str) -> None:
        """Check that an attribute may change from `old` to `new`; raises Mutability and InvalidValue."""
        if new == old:
            return
        if isinstance(new, list) and len(new) > MAX_VALUES:
            problem = Problem(path, f"at most {MAX_VALUES} values", f"{len(new)} values")
            raise InvalidValue(f"{path} must have at most {MAX_VALUES} values.", problem, cause="too-many")
        if row.mutability == "immutable" and old is not None:
            raise _immutable(path)
        if new is not None:
            return
        if row.type == "complex" and not row.multi_valued:
            for sub in row.sub_attributes:
                if sub.mutability == "immutable" and sub.name in old:
                    raise _immutable(f"{path}.{sub.name}")
        if row.required or row.default is not None:
            # Table 9 has `mutability` for the removal of a required value, `invalidValue` for a missing one (D-117).
            kind = Mutability if self.op == "remove" else InvalidValue
            detail = f"{path} must have a value; replace it with another one."
            error: ScimError = kind(detail, Problem(path, "a value"), cause="required")
            if self.on_unassigned is None:
                raise error
            self.on_unassigned(path, error)

    def _changed(self, row: Attribute, old: Any, path: str) -> Any:
        """Return the new value of an attribute before it is checked."""
        if self.op == "remove":
            if not row.multi_valued or self.value is ABSENT:
                return None
            # With a value, only what it lists is removed (D-116): removing the rest as well empties groups.
            if not old or is_nothing(self.value):
                return old
            return without(row, old, self._read(row, as_array(self.value), path) or []) or None
        if is_nothing(self.value):
            return old if self.op == "add" and row.multi_valued else None
        if row.multi_valued:
            values = self._read(row, as_array(self.value), path)
            return self._appended(row, old, values or [], path) if self.op == "add" else values or None
        if row.type == "complex" and isinstance(self.value, dict):
            return self.merge(row, old or {}, path) or None
        return self._read(row, self.value, path)

    def _appended(self, row: Attribute, old: list[Any] | None, added: list[Any], path: str) -> list[Any] | None:
        """Return the values with those added; one that is there already is merged, not added again (D-114)."""
        values = list(old or ())
        keys = [identity(row, value) for value in values]
        claims = []
        for value in added:
            key = identity(row, value)
            index = next((at for at, known in enumerate(keys) if is_same(key, known)), len(values))
            if index == len(values):
                values.append(value)
                keys.append(key)
            elif row.type == "complex":
                differing = {name: item for name, item in value.items() if key[name] != keys[index].get(name)}
                inner = replace(self, value=differing, on_unassigned=None)
                values[index] = inner.merge(row, values[index], f"{path}[{index}]")
                keys[index] = keys[index] | key
            if is_primary(value):
                claims.append(index)
        return keep_last_claim(values, claims, path, several=self.profile.several_primaries) or None

    def _listed(self, sub: Attribute | None, elements: list[Any], path: str) -> Sequence[int]:
        """Return the positions of all elements, or for `remove` with values of those that have one of them (D-116)."""
        if self.op != "remove" or sub is None or sub.multi_valued or self.value is ABSENT:
            return range(len(elements))
        listed = [self._read(sub, item, f"{path}.{sub.name}") for item in as_array(self.value) if item is not None]
        gone = [identity(sub, item) for item in listed]
        return [at for at, each in enumerate(elements) if sub.name in each and identity(sub, each[sub.name]) in gone]

    def _in_element(self, row: Attribute, sub: Attribute | None, old: Any, path: str) -> Any:
        """Return one value of a multi-valued attribute after the operation; None if it is gone."""
        if sub is not None:
            new = self.change_sub(row, sub, old, path)
        elif self.clears:
            return old if self.op == "add" else None
        elif row.type == "complex" and isinstance(self.value, dict):
            new = self.merge(row, old, path)
        else:
            return self._read(row, self.value, path, element=True)
        if self.profile.create_missing_elements and len(new) < len(old) and new.keys() <= LABELS:
            return None
        return new or None

    def _new_element(self, row: Attribute, sub: Attribute | None, where: Filter | None, path: str) -> Any:
        """Return a new value for a filter that matches none; None if the operation clears, raises NoTarget (D-115)."""
        if self.op == "remove":
            return None
        start = conditions(where)
        if not self.profile.create_missing_elements or start is None:
            raise NoTarget(f"{path} has no value to {self.op}.")
        if self.clears:
            return None
        element = self._read(row, start or None, path, element=True) if row.type == "complex" else None
        new = self._in_element(row, sub, element or {}, path)
        if where is not None and not find(row, [new], where):
            raise NoTarget(f"{path} has no value to {self.op}, and the new one would not match.")
        return new

    def _parts(self, row: Attribute, path: str) -> tuple[Element, set[str]]:
        """Return what a complex value assigns and what it clears; read once, however many stored values it changes."""
        if row.name not in self._read_parts:
            given = self._read(row, self.value, path, element=True) or {}
            self._read_parts[row.name] = given, {name.lower() for name, item in self.value.items() if is_nothing(item)}
        return self._read_parts[row.name]

    def _read(self, row: Attribute, value: Any, path: str, *, element: bool = False) -> Any:
        return read_value(row, value, path=path, ignore_unknown=self.profile.ignore_unknown, element=element)


def refuse_read_only(rows: Iterable[Attribute | None], path: str) -> None:
    """Raise Mutability if one of the attributes is read-only."""
    if any(row is not None and row.mutability == READ_ONLY for row in rows):
        raise Mutability(f"{path} is readOnly.", Problem(path, "no change", "one"))


def _immutable(path: str) -> Mutability:
    return Mutability(
        f"{path} is immutable and already has a value.", Problem(path, "the value that it has", "another")
    )


def is_nothing(value: Any) -> bool:
    """Return whether a value unassigns an attribute: null and an empty array do (RFC 7643 section 2.5)."""
    return value is None or value == []


def as_array(value: Any) -> list[Any]:
    """Return an array unchanged, and any other value as an array of one."""
    return value if isinstance(value, list) else [value]


def put(values: Element, name: str, value: Any) -> Element:
    """Return an object with the value at `name`, or without `name` if the value is None."""
    if value is not None:
        return {**values, name: value}
    return {key: item for key, item in values.items() if key != name}
