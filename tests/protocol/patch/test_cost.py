"""No PATCH takes more than a second or two, whatever its operations and the stored values are (FA-01)."""

from __future__ import annotations

from typing import Any

import pytest

from app.errors import PayloadTooLarge
from app.protocol.patch import cost
from app.protocol.patch.apply import apply_patch
from app.protocol.patch.message import Operation
from app.protocol.profile import PROFILES
from app.schemas import comparison
from app.schemas.tables.user import USER_TYPE
from app.schemas.validation import structures

USER = USER_TYPE.for_profile("rfc")
MANY = 1_000


def patched(text: str, operation: Operation, times: int = MANY) -> dict[str, Any]:
    """Return a user with 100 roles of that text after an operation was applied many times."""
    roles = [{"value": f"{n}{text}", "display": f"{n}{text}", "type": "work"} for n in range(100)]
    resource = {"schemas": [USER.schema.id], "userName": "u", "roles": roles}
    return apply_patch(resource, (operation,) * times, USER, PROFILES["rfc"]).resource


FILTER = Operation("remove", 'roles[value eq "none"]')
LONG = Operation("remove", "roles[" + " or ".join(['value eq "none"'] * 99) + "]")
LIST = Operation("remove", "roles", [{"value": "none"}])
ONE = Operation("remove", "roles", {"value": "none"})
ONE_OF_THEM = {"value": "0" + "é" * 8_000, "type": "work"}
ADD = Operation("add", "roles", [{"value": "0", "type": "work"}])
HUNDRED = Operation("add", "roles", [{"value": str(n), "type": "work"} for n in range(100)])


@pytest.mark.parametrize("operation", [
    FILTER, LIST, ONE, pytest.param(ADD, marks=pytest.mark.long), pytest.param(Operation("replace", "roles.display", "x"), marks=pytest.mark.long),
])
def test_a_thousand_operations_on_a_hundred_short_values_are_done(operation: Operation) -> None:
    assert len(patched("", operation)["roles"]) == 100


@pytest.mark.parametrize(("text", "operation"), [
    ("é" * 8_000, FILTER), ("é" * 8_000, LONG), ("é" * 8_000, LIST), ("e\u0301" * 4_000, LIST), ("x" * 8_000, LONG),
    ("é" * 8_000, ONE), ("é" * 8_000, Operation("remove", "roles.display", "none")),
    ("é" * 8_000, Operation("add", "roles", ONE_OF_THEM)), ("", LONG), ("", HUNDRED), ("a" + "\u0301\u0323" * 4_000, FILTER),
])
def test_fa_01_the_product_of_operations_and_stored_values_is_bounded(
    text: str, operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    folded = 0
    fold = comparison.fold

    def counted(value: str) -> str:
        nonlocal folded
        folded += 200 + len(value) * (1 if value.isascii() else 100)
        return fold(value)

    monkeypatch.setattr(comparison, "fold", counted)
    monkeypatch.setattr(cost, "MAX_WORK", cost.MAX_WORK // 10)
    with pytest.raises(PayloadTooLarge):
        patched(text, operation)
    assert folded < 2e9 / 10, "nanoseconds, about"


def test_fa_01_a_value_is_read_once_however_many_stored_ones_it_meets(monkeypatch: pytest.MonkeyPatch) -> None:
    spell, names = structures.Names.spell, 0

    def counted(self: structures.Names, value: Any) -> Any:
        nonlocal names
        names += len(value)
        return spell(self, value)

    monkeypatch.setattr(structures.Names, "spell", counted)
    value = {"display": "new"} | {f"k{n}": n for n in range(1_000)}
    roles = [{"value": f"{n}", "type": "work"} for n in range(100)]
    resource = {"schemas": [USER.schema.id], "userName": "u", "roles": roles}
    operation = Operation("replace", 'roles[type eq "work"]', value)
    found = apply_patch(resource, (operation,), USER, PROFILES["interop"]).resource["roles"]
    assert {role["display"] for role in found} == {"new"}
    assert names < 5_000
