"""Random PATCH requests, one after the other on the same resource: the engine and the reference always agree."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from app.errors import ScimError
from app.protocol.messages import PATCH_URN
from app.protocol.patch.apply import apply_patch
from app.protocol.patch.message import read_patch
from app.protocol.profile import PROFILES
from app.schemas.validation.payload import validate
from tests.examples import examples
from tests.protocol.patch.reference import NOTHING, Operation, Path, Refused
from tests.protocol.patch.reference import patch as reference
from tests.protocol.patch.things import EXTRA, EXTRA_URN, THING, THING_TYPE, THING_URN

RFC = PROFILES["rfc"]
BARE = {"schemas": [THING_URN], "id": "1", "owner": "o", "label": "L", "meta": {"resourceType": "Thing", "version": 'W/"1"'}}
RICH = BARE | {
    "schemas": [THING_URN, EXTRA_URN], "note": "a", "tags": ["a", "B"], "name": {"first": "a", "born": "b"},
    "emails": [{"value": "a", "type": "a", "primary": True}, {"value": "b", "type": "b"}, {"value": "é", "note": "a"}],
    "keys": [{"value": "A", "note": "b"}, {"value": "b"}], EXTRA_URN: {"colour": "a", "place": {"city": "b"}},
}

words = st.sampled_from(["a", "a", "A", "b", "b", "é", "É", "e\u0301"])
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": words,
    "integer": st.integers(-2, 2),
    "decimal": st.sampled_from([0.5, 1, 2.25]),
    "boolean": st.booleans(),
    "dateTime": st.sampled_from(["2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"]),
}
nulls = st.sampled_from([None, []])
wrong = st.sampled_from([{"a": {}}, [["x"]]])
ROWS = {None: {row.name: row for row in THING.attributes}, EXTRA_URN: {row.name: row for row in EXTRA.attributes}}
FAVOURITES = ["emails"] * 8 + ["name"] * 3 + ["keys"] * 2
STRING_SUBS = {"emails": ["value", "type", "note"], "keys": ["value", "note"]}


@cache
def one_value(row: Any) -> st.SearchStrategy[Any]:
    """Return values for one element of an attribute."""
    if row.type != "complex":
        return VALUES[row.type]
    subs = {sub.name: mostly(VALUES[sub.type], st.none()) for sub in row.sub_attributes}
    whole = {name: subs[name] for name in ("value", "type") if name in subs}
    rest = {name: item for name, item in subs.items() if name not in whole}
    return st.one_of(st.fixed_dictionaries({}, optional=subs), st.fixed_dictionaries(whole, optional=rest))


@cache
def a_value(row: Any) -> st.SearchStrategy[Any]:
    """Return values for an attribute: mostly valid, sometimes none, sometimes of another type."""
    right = one_value(row)
    if row.multi_valued:
        right = st.one_of(st.lists(right, min_size=1, max_size=3), right)
    return mostly(right, nulls, wrong)


@cache
def some_values(row: Any) -> st.SearchStrategy[Any]:
    return st.lists(one_value(row), max_size=2)


@cache
def an_element(row: Any) -> st.SearchStrategy[Any]:
    return mostly(one_value(row), nulls, wrong)


def mostly(right: st.SearchStrategy[Any], *others: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 19).flatmap(lambda dice: others[dice] if dice < len(others) else right)


@cache
def filters(row: Any) -> st.SearchStrategy[tuple]:
    """Return filters on the values of an attribute."""
    names = STRING_SUBS.get(row.name, ["value"])
    leaf = st.one_of(
        st.tuples(st.just("eq"), st.sampled_from(names[:2]), words),
        st.tuples(st.sampled_from(["eq", "eq", "ne", "co", "sw", "ew", "gt", "le"]), st.sampled_from(names), words),
        st.tuples(st.just("pr"), st.sampled_from(names)),
        *([st.tuples(st.just("eq"), st.just("primary"), st.booleans())] if row.name == "emails" else []),
    )
    both = st.tuples(st.sampled_from(["and", "or"]), leaf, leaf)
    return st.one_of(leaf, leaf, both, st.tuples(st.just("not"), st.one_of(leaf, both)))


@st.composite
def with_path(draw: Callable[..., Any]) -> Operation:
    urn = draw(st.sampled_from([None, None, None, EXTRA_URN]))
    op = draw(st.sampled_from(["add", "remove", "replace"]))
    if urn and draw(st.integers(0, 4)) == 0:
        return Operation(op, Path(None, urn=urn), draw(objects(urn)) if op != "remove" else NOTHING)
    row = ROWS[urn][draw(st.sampled_from([*ROWS[urn], *(FAVOURITES if urn is None else [])]))]
    sub = draw(st.sampled_from(row.sub_attributes)) if row.sub_attributes and draw(st.booleans()) else None
    where = draw(filters(row)) if row.multi_valued and draw(st.booleans()) else None
    path = Path(row.name, sub.name if sub else None, where, urn)
    leaf = sub or row
    if op == "remove":
        listed = row.multi_valued and where is None and sub is None and draw(st.booleans())
        return Operation(op, path, draw(some_values(row)) if listed else NOTHING)
    if draw(st.integers(0, 40)) == 0:
        return Operation(op, path)
    return Operation(op, path, draw(a_value(leaf) if where is None or sub else an_element(row)))


@cache
def objects(urn: str | None) -> st.SearchStrategy[dict]:
    """Return objects of attributes: plain, dotted and qualified names, and the extension's object."""
    return _objects(urn)


@st.composite
def _objects(draw: Callable[..., Any], urn: str | None) -> dict:
    result = {}
    for name in draw(st.lists(st.sampled_from(list(ROWS[urn])), max_size=3, unique=True)):
        row = ROWS[urn][name]
        sub = draw(st.sampled_from([None, *row.sub_attributes])) if row.type == "complex" else None
        result[f"{name}.{sub.name}" if sub else name] = draw(a_value(sub or row))
    if urn is None and draw(st.booleans()):
        if draw(st.booleans()):
            result[EXTRA_URN] = draw(objects(EXTRA_URN))
        else:
            result[f"{EXTRA_URN}:colour"] = draw(words)
    return result


without_path = st.builds(
    Operation, st.sampled_from(["add", "replace"]), st.none(), mostly(objects(None), st.sampled_from(["x", None, [], 5]))
)
odd = st.sampled_from(
    [Operation("remove"), Operation("add", Path("bogus"), "x"), Operation("replace", Path("name", "bogus"), "x"),
     Operation("add", None, {"bogus": "x"}), Operation("replace", None, {"owner": "o", "note": "n"}), Operation("add", None)]
)
# What may be stored already: the same value and type in another case, or with more sub-attributes.
known = st.fixed_dictionaries(
    {"value": st.sampled_from(["a", "A", "b", "É"]), "type": st.sampled_from(["a", "B"])},
    optional={"note": words, "primary": st.booleans()},
)
overlap = st.builds(Operation, st.just("add"), st.just(Path("emails")), st.lists(known, min_size=1, max_size=2))
requests = st.lists(mostly(with_path(), odd, *[without_path] * 4, *[overlap] * 3), min_size=1, max_size=3)
sequences = st.tuples(st.sampled_from([RICH, RICH, BARE]), st.lists(requests, min_size=4, max_size=12))


def engine(resource: dict, operations: list[Operation]) -> dict:
    body = {"schemas": [PATCH_URN], "Operations": [operation.to_json() for operation in operations]}
    patched = apply_patch(resource, read_patch(json.loads(json.dumps(body)), RFC), THING_TYPE, RFC)
    assert not patched.changes
    return patched.resource


def answer(patch: Callable[..., dict], resource: dict, operations: list[Operation]) -> tuple[str, Any]:
    try:
        return "done", patch(resource, operations)
    except Refused as refused:
        return "refused", str(refused)
    except ScimError as error:
        return "refused", error.scim_type


def agree(start: dict, requests: list[list[Operation]]) -> None:
    resource = start
    for operations in requests:
        note(json.dumps([operation.to_json() for operation in operations], ensure_ascii=False))
        before = json.dumps(resource)
        found = answer(engine, resource, operations)
        expected = answer(lambda r, o: reference(r, o, THING_TYPE), resource, operations)
        assert found == expected
        assert json.dumps(resource) == before
        if found[0] == "done":
            resource = mended(found[1])


def mended(resource: dict) -> dict:
    """Return the resource as it is stored: validation refuses nothing, and merges at most values that have become equal."""
    fixed = {name: resource[name] for name in ("id", "owner", "meta")}
    return validate(THING_TYPE, resource, ignore_unknown=False) | fixed


QUICK = settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(sequences)
def test_engine_and_reference_agree(sequence):
    agree(*sequence)


@pytest.mark.long
@pytest.mark.timeout(1800)
@settings(QUICK, max_examples=10_000)
@given(sequences)
def test_engine_and_reference_agree_on_ten_thousand_sequences(sequence):
    agree(*sequence)
