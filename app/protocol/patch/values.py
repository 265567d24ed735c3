"""What `add`, `remove` and `replace` do to the value of one attribute (RFC 7644 sections 3.5.2.1 to 3.5.2.3).

Values are never changed in place: each function gives the new value, or None where nothing remains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from app.errors import InvalidValue, Mutability, NoTarget, ScimError
from app.protocol.patch.message import ABSENT
from app.protocol.patch.target import MAX_SHOWN, conditions, find
from app.protocol.profile import Profile
from app.schemas.attribute import TYPE, VALUE, Attribute
from app.schemas.common import PRIMARY, READ_ONLY
from app.schemas.comparison import comparison_key
from app.schemas.fields import MAX_VALUES
from app.schemas.validation import read_value
from scim_filter import Filter

LABELS = {TYPE, PRIMARY.name}
"""The sub-attributes that say what a value is for, and are none themselves (RFC 7643 section 2.4)."""

Element = dict[str, Any]


@dataclass(frozen=True)
class Edit:
    """An operation and its value, as it meets one attribute."""

    op: str
    value: Any
    profile: Profile
    late: Callable[[str, ScimError], None] | None = None
    """Told where a required attribute becomes unassigned, in a profile that judges this at the end of the request."""

    _read_parts: dict[str, tuple[Element, set[str]]] = field(default_factory=dict, init=False, compare=False)

    @property
    def clears(self) -> bool:
        """Whether it takes away: `remove`, and null or an empty array (RFC 7643 section 2.5)."""
        return self.op == "remove" or is_nothing(self.value)

    def change(self, row: Attribute, old: Any, path: str) -> Any:
        """Return the new value of an attribute; raises Mutability and InvalidValue.

        One with a default is never unassigned (D-62): whoever reads "nothing" as the default would enable the disabled.
        """
        new = self._changed(row, old, path)
        if new is None and row.default is not None and (self.op == "add" or self.profile.keep_defaults):
            return old
        self.check(row, old, new, path)
        return new

    def change_sub(self, row: Attribute, sub: Attribute, old: Element, path: str) -> Element:
        """Give a complex value with a new value of one sub-attribute; raises Mutability and InvalidValue."""
        if sub.stored_in == "derived" and not self.clears:
            # A `$ref` is kept as the `value` that it stands for.
            return replace(self, value={sub.name: self.value}).merge(row, old, path)
        return put(old, sub.name, self.change(sub, old.get(sub.name), f"{path}.{sub.name}"))

    def change_selected(
        self, row: Attribute, sub: Attribute | None, where: Filter | None, old: list[Any] | None, path: str
    ) -> list[Any] | None:
        """Give the values of a multi-valued attribute, changed where the filter holds; without one, all of them.

        Raises NoTarget where it holds nowhere (RFC 7644 section 3.5.2.3), but for `remove` (3.5.2.2: "no changes").
        """
        values = list(old or ())
        hits = range(len(values)) if where is None else find(row, values, where)
        shown = path if where is None else f"{path}[{str(where)[:MAX_SHOWN]}]"
        inner = replace(self, late=None)
        claims: list[int] = []
        if hits:
            for index in hits:
                values[index] = inner._in_element(row, sub, values[index], shown)
            if _claims_primary(self.value, sub):
                claims = [index for index in hits if is_primary(values[index])]
        elif self._makes_element(where, shown):
            values.append(inner._new_element(row, sub, where, shown))
            claims = [len(values) - 1] if is_primary(values[-1]) else []
        new = [value for value in self._hand_over(values, claims, path) if value is not None] or None
        self.check(row, old, new, path)
        return new

    def merge(self, row: Attribute, old: Element, path: str) -> Element:
        """Give a complex value with those sub-attributes new that the operation names, the others as they are."""
        given, nulls = self._parts(row, path)
        kept = {name: item for name, item in old.items() if name.lower() not in nulls} if nulls else old
        new = {**kept, **given}
        for sub in row.sub_attributes:
            if sub.multi_valued and self.op == "add" and sub.name in given:
                new[sub.name] = replace(self, value=given[sub.name])._changed(sub, old.get(sub.name), path)
            self.check(sub, old.get(sub.name), new.get(sub.name), f"{path}.{sub.name}")
        return new

    def check(self, row: Attribute, old: Any, new: Any, path: str) -> None:
        """Check that an attribute may go from `old` to `new`; raises Mutability and InvalidValue."""
        if new == old:
            return
        if row.mutability == "immutable" and old is not None:
            raise Mutability(f"{path} is immutable and has a value already.")
        if new is not None:
            return
        if row.type == "complex" and not row.multi_valued:
            for sub in row.sub_attributes:
                if sub.mutability == "immutable" and sub.name in old:
                    raise Mutability(f"{path}.{sub.name} is immutable and has a value already.")
        if row.required or row.default is not None:
            # Table 9 has `mutability` for the removal of a required value, `invalidValue` for a missing one (D-117).
            kind = Mutability if self.op == "remove" else InvalidValue
            error: ScimError = kind(f"{path} must have a value; replace it with another.")
            if self.late is None:
                raise error
            self.late(path, error)

    # Parts

    def _changed(self, row: Attribute, old: Any, path: str) -> Any:
        if self.op == "remove":
            # With a value only what it lists goes, never all (D-116): taking the rest too empties groups.
            return self._without(row, old, path) if row.multi_valued and self.value is not ABSENT else None
        if is_nothing(self.value):
            return old if self.op == "add" and row.multi_valued else None
        if row.multi_valued:
            return self._append(row, old, path) if self.op == "add" else self._read_array(row, path) or None
        if row.type == "complex" and isinstance(self.value, dict):
            return self.merge(row, old or {}, path) or None
        return self._read(row, self.value, path)

    def _append(self, row: Attribute, old: list[Any] | None, path: str) -> list[Any] | None:
        values = list(old or ())
        keys = [identity(row, value) for value in values]
        claims = []
        for value in self._read_array(row, path):
            key = identity(row, value)
            index = next((at for at, known in enumerate(keys) if is_same(key, known)), len(values))
            if index == len(values):
                values.append(value)
                keys.append(key)
            elif row.type == "complex":
                differing = {name: item for name, item in value.items() if key[name] != keys[index].get(name)}
                values[index] = replace(self, value=differing, late=None).merge(row, values[index], f"{path}[{index}]")
                keys[index] = keys[index] | key
            if is_primary(value):
                claims.append(index)
        return self._hand_over(values, claims, path) or None

    def _without(self, row: Attribute, old: list[Any] | None, path: str) -> list[Any] | None:
        if not old or is_nothing(self.value):
            return old
        listed = [identity(row, value) for value in self._read_array(row, path)]
        keys = [identity(row, value) for value in old]
        left = [value for value, key in zip(old, keys, strict=True) if not any(is_same(item, key) for item in listed)]
        return left or None

    def _in_element(self, row: Attribute, sub: Attribute | None, old: Any, path: str) -> Any:
        """Give one value of a multi-valued attribute after the operation, or None."""
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

    def _makes_element(self, where: Filter | None, path: str) -> bool:
        """Say whether a value is made where none matches; raises NoTarget where that is an error (D-115)."""
        if self.op == "remove":
            return False
        if not self.profile.create_missing_elements or conditions(where) is None:
            raise NoTarget(f"{path} has no value to {self.op}.")
        return not self.clears

    def _new_element(self, row: Attribute, sub: Attribute | None, where: Filter | None, path: str) -> Any:
        start = self._read(row, conditions(where) or None, path, element=True) if row.type == "complex" else None
        new = self._in_element(row, sub, start or {}, path)
        if where is not None and not find(row, [new], where):
            raise NoTarget(f"{path} has no value to {self.op}, and the new one would not match.")
        return new

    def _hand_over(self, values: list[Any], claims: list[int], path: str) -> list[Any]:
        """Give the values with `primary` true at the last claim only: the server takes it from all others (D-130)."""
        if len(values) > MAX_VALUES:
            raise InvalidValue(f"{path} must have at most {MAX_VALUES} values.")
        if not claims:
            return values
        if len(set(claims)) > 1 and not self.profile.several_primaries:
            raise InvalidValue(f"{path} must have at most one value with {PRIMARY.name} true.")
        return [
            {**value, PRIMARY.name: False} if index != claims[-1] and is_primary(value) else value
            for index, value in enumerate(values)
        ]

    def _parts(self, row: Attribute, path: str) -> tuple[Element, set[str]]:
        """Return what a complex value assigns and what it clears; read once, however many stored values it meets."""
        if row.name not in self._read_parts:
            given = self._read(row, self.value, path, element=True) or {}
            self._read_parts[row.name] = given, {name.lower() for name, item in self.value.items() if is_nothing(item)}
        return self._read_parts[row.name]

    def _read(self, row: Attribute, value: Any, path: str, *, element: bool = False) -> Any:
        return read_value(row, value, path=path, ignore_unknown=self.profile.ignore_unknown, element=element)

    def _read_array(self, row: Attribute, path: str) -> list[Any]:
        values = self.value if isinstance(self.value, list) else [self.value]
        return self._read(row, values, path) or []


def refuse_read_only(rows: Iterable[Attribute | None], path: str) -> None:
    """Raise Mutability where one of the attributes cannot be written."""
    if any(row is not None and row.mutability == READ_ONLY for row in rows):
        raise Mutability(f"{path} is readOnly.")


def is_nothing(value: Any) -> bool:
    """Say whether a value unassigns: null and an empty array do (RFC 7643 section 2.5)."""
    return value is None or value == []


def is_primary(value: Any) -> bool:
    """Say whether a value is the primary one; without the sub-attribute it is not (RFC 7643 section 2.4)."""
    return isinstance(value, dict) and value.get(PRIMARY.name) is True


def identity(row: Attribute, value: Any) -> Element:
    """Return what a value is compared by: its sub-attributes, case as the attribute has it."""
    if row.type != "complex":
        return {VALUE: _comparable(comparison_key(row), value)}
    keys = _keys_of(row)
    return {name: _comparable(keys[name], item) if name in keys else item for name, item in value.items()}


def _comparable(key: Callable[[Any], Any], value: Any) -> Any:
    """Return what a value is compared by: itself where it was stored when the attribute had another type."""
    try:
        return key(value)
    except ValueError:
        return value


@lru_cache(maxsize=1_024)
def _keys_of(row: Attribute) -> dict[str, Callable[[Any], Any]]:
    return {sub.name: comparison_key(sub) for sub in row.sub_attributes if not sub.multi_valued}


def is_same(new: Element, old: Element) -> bool:
    """Say whether a value is there already: all that is given is equal, or value and type are (D-114)."""
    if new.items() <= old.items():
        return True
    return VALUE in new and all(new.get(name) == old.get(name) for name in (VALUE, TYPE))


def put(values: Element, name: str, value: Any) -> Element:
    """Give the object with the value at `name`, without `name` where the value is None."""
    if value is not None:
        return {**values, name: value}
    return {key: item for key, item in values.items() if key != name}


def _claims_primary(value: Any, sub: Attribute | None) -> bool:
    """Say whether an operation's value sets `primary`, by its sub-attribute or by an object that has it."""
    if sub is not None:
        return sub.name == PRIMARY.name
    return isinstance(value, dict) and any(name.lower() == PRIMARY.name for name in value)

