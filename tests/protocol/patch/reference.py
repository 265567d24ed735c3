"""PATCH as in RFC 7644 section 3.5.2, sentence by sentence: slow, in place, on a copy. Tests compare the engine with it.

Paths are given as parts, not as text, and filters as tuples, so that no real parser is needed. Where the RFC leaves
something open, the line of docs/decisions.md is cited.
"""

from __future__ import annotations

import copy
import unicodedata
from dataclasses import dataclass
from typing import Any


class NOTHING:
    """There is no `value`."""



class Refused(Exception):
    """The request fails, with this scimType."""


@dataclass(frozen=True)
class Path:
    attribute: str | None
    """None: the path is the URN alone."""
    sub: str | None = None
    where: tuple | None = None
    urn: str | None = None

    def __str__(self) -> str:
        text = self.attribute or ""
        if self.where is not None:
            text += f"[{show(self.where)}]"
        if self.sub:
            text += f".{self.sub}"
        return ":".join(part for part in (self.urn, text) if part)


@dataclass(frozen=True)
class Operation:
    op: str
    path: Path | None = None
    value: Any = NOTHING

    def to_json(self) -> dict:
        message = {"op": self.op}
        if self.path is not None:
            message["path"] = str(self.path)
        if self.value is not NOTHING:
            message["value"] = self.value
        return message


def patch(resource: dict, operations: list[Operation], resource_type: Any) -> dict:
    """Return the resource after all operations; raises Refused if one fails, and then none applies."""
    work = Reference(copy.deepcopy(resource), resource_type)
    for operation in operations:
        work.apply(copy.deepcopy(operation))
    work.derive_schemas()
    return work.resource


class Reference:
    def __init__(self, resource: dict, resource_type: Any) -> None:
        self.resource = resource
        self.type = resource_type

    def apply(self, operation: Operation) -> None:
        if operation.op in ("add", "replace") and operation.value is NOTHING:
            raise Refused("invalidValue")
        if operation.path is None and operation.op == "remove":
            # "If "path" is unspecified, the operation fails with ... a "scimType" error code of "noTarget"."
            raise Refused("noTarget")
        if operation.path is None:
            self.whole(operation.op, operation.value, None)
        elif operation.path.attribute is None:
            self.extension(operation)
        else:
            self.one(operation.op, operation.path, operation.value)

    # "If omitted, the target location is assumed to be the resource itself. The "value" parameter contains a set of
    # attributes to be added to the resource."

    def whole(self, op: str, value: Any, urn: str | None) -> None:
        if not isinstance(value, dict):
            raise Refused("invalidValue")
        for key, item in value.items():
            if key in [schema.id for schema in self.type.extensions]:
                self.extension(Operation(op, Path(None, urn=key), item))
                continue
            path = self.split(key, urn)
            row, sub = self.rows(path, "invalidSyntax")
            if "readOnly" in (row.mutability, sub.mutability if sub else None) and self.unchanged(path, item):
                continue  # D-133: clients send back what they read
            self.one(op, path, item, missing="invalidSyntax")

    def split(self, key: str, urn: str | None) -> Path:
        for schema in self.type.extensions:
            if key.startswith(schema.id + ":"):
                urn, key = schema.id, key[len(schema.id) + 1 :]
        name, _, sub = key.partition(".")
        return Path(name, sub or None, None, urn)

    def unchanged(self, path: Path, item: Any) -> bool:
        stored = self.place(path).get(path.attribute)
        if path.sub:
            stored = stored.get(path.sub) if isinstance(stored, dict) else None
        return stored == item or (stored is None and item in (None, []))

    # A path that is an extension's URN: the extension is one complex value (PA-14).

    def extension(self, operation: Operation) -> None:
        urn = operation.path.urn
        if operation.op == "remove" or operation.value in (None, []):
            self.resource.pop(urn, None)
        else:
            self.whole(operation.op, operation.value, urn)

    # One attribute

    def rows(self, path: Path, missing: str) -> tuple[Any, Any]:
        schema = next((s for s in self.type.extensions if s.id == path.urn), self.type.schema)
        row = next((row for row in schema.attributes if row.name == path.attribute), None)
        sub = next((s for s in row.sub_attributes if s.name == path.sub), None) if row and path.sub else None
        if row is None or (path.sub and sub is None):
            raise Refused(missing)
        return row, sub

    def place(self, path: Path) -> dict:
        """Return the object that contains the attribute."""
        return self.resource.get(path.urn, {}) if path.urn else self.resource

    def one(self, op: str, path: Path, value: Any, missing: str = "invalidPath") -> None:
        row, sub = self.rows(path, missing)
        if path.where is not None and not row.multi_valued:
            raise Refused("invalidPath")
        # "a client MUST NOT modify an attribute that has mutability "readOnly" or "immutable""
        if row.mutability == "readOnly" or (sub and sub.mutability == "readOnly"):
            raise Refused("mutability")
        place = self.resource.setdefault(path.urn, {}) if path.urn else self.resource
        try:
            before = copy.deepcopy(place.get(row.name))
            if row.multi_valued and (sub or path.where is not None):
                self.selected(op, row, sub, path.where, place, value)
            elif sub:
                holder = place.setdefault(row.name, {})
                self.plain(op, sub, holder, value)
            else:
                self.plain(op, row, place, value)
            tidy(place, row.name)
            self.judge(op, row, before, place.get(row.name))
        finally:
            if path.urn and not place:
                del self.resource[path.urn]

    def judge(self, op: str, row: Any, before: Any, after: Any) -> None:
        if before == after:
            return
        if row.mutability == "immutable" and before is not None:
            # "a client MAY "add" a value to an "immutable" attribute if the attribute had no previous value"
            raise Refused("mutability")
        if row.type == "complex" and not row.multi_valued and before:
            for sub in row.sub_attributes:
                if sub.mutability == "immutable" and sub.name in before and before[sub.name] != (after or {}).get(sub.name):
                    raise Refused("mutability")
        if row.required and after is None:
            # "... the server SHALL return ... a "scimType" error code of "mutability""; of a null: D-117
            raise Refused("mutability" if op == "remove" else "invalidValue")

    def plain(self, op: str, row: Any, place: dict, value: Any) -> None:
        """Apply an operation whose path has no filter."""
        old = copy.deepcopy(place.get(row.name))
        if op == "remove" and value is None:
            value = NOTHING  # RFC 7643 2.5: null is the absence of a value
        if op == "remove" and row.multi_valued and value is not NOTHING:
            self.remove_listed(row, place, value)  # D-116
        elif op == "remove":
            place.pop(row.name, None)
        elif value is None or value == []:
            # RFC 7643 2.5: null and [] are "unassigned"; nothing is added to several values.
            if not (op == "add" and row.multi_valued):
                place.pop(row.name, None)
        elif row.multi_valued and op == "add":
            self.add_values(row, place, value)
        elif row.multi_valued:
            place[row.name] = self.read_all(row, value)
        elif row.type == "complex":
            self.merge(row, place.setdefault(row.name, {}), value)
        else:
            place[row.name] = read(row, value)
        tidy(place, row.name)
        self.judge(op, row, old, place.get(row.name))

    def merge(self, row: Any, target: dict, value: Any) -> None:
        """"Sub-attributes that are not specified in the "value" parameter are left unchanged." """
        before = copy.deepcopy(target)
        new = read(row, value)
        for name, item in value.items():
            if item is None or item == []:
                target.pop(name, None)
        target.update(new)
        for sub in row.sub_attributes:
            self.judge("merge", sub, before.get(sub.name), target.get(sub.name))

    def read_all(self, row: Any, value: Any) -> list:
        values = [read(row, item) for item in (value if isinstance(value, list) else [value]) if item is not None]
        values = [item for item in values if item not in ({}, None)]
        distinct: list = []
        for item in values:
            # RFC 7643 2.4: "SHOULD NOT return the same (type, value) combination more than once"
            twin = next((d for d in distinct if twins(d, item)), None)
            if twin is None:
                distinct.append(item)
            else:
                for name in item:
                    twin.setdefault(name, item[name])
        if sum(1 for item in distinct if is_primary(item)) > 1:
            raise Refused("invalidValue")  # PA-21
        return distinct

    def add_values(self, row: Any, place: dict, value: Any) -> None:
        """"If the target location already contains the value specified, no changes SHOULD be made" (D-114)."""
        values = place.setdefault(row.name, [])
        claimed = None
        for item in self.read_all(row, value):
            known = next((v for v in values if contains(row, v, item)), None)
            if known is None:
                values.append(item)
                known = item
            elif row.type == "complex":
                for name, given in item.items():
                    sub = next(s for s in row.sub_attributes if s.name == name)
                    if not equal(sub, known.get(name), given):
                        if sub.mutability == "immutable" and name in known:
                            raise Refused("mutability")
                        known[name] = given
            if is_primary(item):
                claimed = known
        hand_over(values, [claimed] if claimed is not None else [])

    def remove_listed(self, row: Any, place: dict, value: Any) -> None:
        if value == [] or row.name not in place:
            return
        listed = self.read_all(row, value)
        place[row.name] = [v for v in place[row.name] if not any(contains(row, v, item) for item in listed)]

    # "a value selection ("valuePath") filter"

    def selected(self, op: str, row: Any, sub: Any, where: tuple | None, place: dict, value: Any) -> None:
        values = place.get(row.name, [])
        hits = [v for v in values if where is None or holds(where, row, v)]
        if op == "remove" and where is None and sub is not None and not sub.multi_valued and value is not NOTHING and value is not None:
            listed = [read(sub, item) for item in (value if isinstance(value, list) else [value]) if item is not None]
            hits = [v for v in hits if any(equal(sub, v.get(sub.name), item) for item in listed)]  # D-116
        if not hits:
            if op != "remove":
                raise Refused("noTarget")
            return
        if op == "remove" and sub is None:
            place[row.name] = [v for v in values if not any(v is hit for hit in hits)]
            return
        if sub is None and (value is None or value == []):
            if op == "replace":
                place[row.name] = [v for v in values if not any(v is hit for hit in hits)]
            return
        for hit in hits:
            if sub is not None:
                self.plain(op, sub, hit, value)
            elif row.type == "complex":
                self.merge(row, hit, value)  # D-151
            else:
                values[next(i for i, v in enumerate(values) if v is hit)] = read(row, value)
        sets = sub.name == "primary" if sub is not None else isinstance(value, dict) and "primary" in value
        hand_over(values, [hit for hit in hits if is_primary(hit)] if sets else [])

    def derive_schemas(self) -> None:
        urns = [schema.id for schema in self.type.extensions if self.resource.get(schema.id)]
        self.resource["schemas"] = [self.type.schema.id, *urns]


def hand_over(values: list, claims: list) -> None:
    """"... SHALL cause the server to automatically set "primary" to "false" for any other values in the array." """
    if len(claims) > 1:
        raise Refused("invalidValue")  # PA-21
    for value in values:
        if claims and value is not claims[0] and is_primary(value):
            value["primary"] = False


def tidy(place: dict, name: str) -> None:
    """Drop what is empty: RFC 7643 2.5."""
    if isinstance(place.get(name), list):
        place[name] = [item for item in place[name] if item != {}]
    if place.get(name) in (None, [], {}):
        place.pop(name, None)


def read(row: Any, value: Any) -> Any:
    """Return a value of the attribute's type; raises Refused for any other."""
    if row.type == "complex":
        if not isinstance(value, dict):
            raise Refused("invalidValue")
        subs = {sub.name: sub for sub in row.sub_attributes}
        unknown = [name for name in value if name not in subs]
        result, wrong = {}, False
        for name, item in value.items():
            if name in subs and subs[name].mutability != "readOnly" and item is not None:
                try:
                    result[name] = read(subs[name], item)
                except Refused:
                    wrong = True
        if unknown or wrong:
            raise Refused("invalidSyntax" if unknown else "invalidValue")
        return result
    fits = {
        "string": isinstance(value, str), "dateTime": isinstance(value, str), "boolean": isinstance(value, bool),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "decimal": isinstance(value, int | float) and not isinstance(value, bool),
    }
    if not fits[row.type]:
        raise Refused("invalidValue")
    return value


def fold(row: Any, value: Any) -> Any:
    return unicodedata.normalize("NFC", value).lower() if isinstance(value, str) and not row.case_exact else value


def equal(row: Any, one: Any, other: Any) -> bool:
    return (one is None) == (other is None) and fold(row, one) == fold(row, other)


def is_primary(value: Any) -> bool:
    return isinstance(value, dict) and value.get("primary") is True


def twins(one: Any, other: Any) -> bool:
    if not isinstance(one, dict) or "value" not in one or "value" not in other:
        return False
    return one["value"] == other["value"] and one.get("type") == other.get("type")


def contains(row: Any, stored: Any, given: Any) -> bool:
    if row.type != "complex":
        return equal(row, stored, given)
    subs = {sub.name: sub for sub in row.sub_attributes}
    if all(equal(subs[name], stored.get(name), item) for name, item in given.items()):
        return True
    same = [equal(subs[name], stored.get(name), given.get(name)) for name in ("value", "type") if name in subs]
    return "value" in given and all(same)


def holds(where: tuple, row: Any, value: Any) -> bool:
    """Return whether one value matches a filter (RFC 7644 section 3.4.2.2)."""
    kind = where[0]
    if kind == "and":
        return holds(where[1], row, value) and holds(where[2], row, value)
    if kind == "or":
        return holds(where[1], row, value) or holds(where[2], row, value)
    if kind == "not":
        return not holds(where[1], row, value)
    name, literal = where[1], where[-1]
    sub = next((s for s in row.sub_attributes if s.name == name), row)
    stored = value.get(name) if isinstance(value, dict) else value
    if kind == "pr":
        return stored not in (None, "")
    if sub.type == "boolean" and stored is None:
        stored = False  # RFC 7643 2.4: without `primary` it is false
    if stored is None:
        return kind == "ne"
    one, other = fold(sub, stored), fold(sub, literal)
    return {
        "eq": lambda: one == other, "ne": lambda: one != other, "co": lambda: other in one,
        "sw": lambda: one.startswith(other), "ew": lambda: one.endswith(other), "gt": lambda: one > other,
        "le": lambda: one <= other,
    }[kind]()


def show(where: tuple) -> str:
    """Return the filter as text."""
    kind = where[0]
    if kind in ("and", "or"):
        return f"({show(where[1])}) {kind} ({show(where[2])})"
    if kind == "not":
        return f"not ({show(where[1])})"
    if kind == "pr":
        return f"{where[1]} pr"
    _, name, literal = where
    shown = str(literal).lower() if isinstance(literal, bool) else f'"{literal}"'
    return f"{name} {kind} {shown}"
