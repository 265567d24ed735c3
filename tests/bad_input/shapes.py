"""The worst shapes of each input that scimd reads, in any size: what `test_costs.py` sends to count the steps.

A shape is a function from a size n to a request of about n parts. `{user}` and `{group}` stand for a user with a hundred
values, and a group.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from tests.bad_input.corpus import BULK, GROUP, PATCH, SEARCH, USER

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@dataclass(frozen=True)
class Request:
    """One request: where it goes and what it has in it."""

    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


Shape = Callable[[int], Request]


def shapes() -> dict[str, tuple[int, Shape]]:
    """Return every shape by its name, with the n at which it is measured against 4n."""
    found: dict[str, tuple[int, Shape]] = {}
    for name, n, shape in itertools.chain(_documents(), _users(), _groups(), _patches(), _bulks(), _searches(), _urls()):
        assert name not in found, name
        found[name] = n, shape
    return found


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _object(pairs: Iterator[tuple[str, Any]]) -> bytes:
    """Return a JSON object with these pairs, of which a dict could hold each name only once."""
    return b"{" + b",".join(_json(name) + b":" + _json(value) for name, value in pairs) + b"}"


# Any JSON object, as each of the bodies

VALUES: dict[str, tuple[int, Callable[[int], bytes]]] = {
    "many names": (100, lambda n: _json({f"k{i}": i for i in range(n)})),
    "one name twice": (100, lambda n: _object((f"k{min(i, n - 2)}", i) for i in range(n))),
    "one name n times": (100, lambda n: _object(("k", i) for i in range(n))),
    "a known name in many spellings": (
        50, lambda n: _json(dict.fromkeys(map("".join, itertools.islice(itertools.product(*zip("username", "USERNAME", strict=True)), n)), 1))
    ),
    "equal strings": (100, lambda n: _json({"k": ["x"] * n})),
    "distinct strings": (100, lambda n: _json({"k": [f"x{i}" for i in range(n)]})),
    "equal objects": (100, lambda n: _json({"k": [{"value": "x"}] * n})),
    "distinct objects": (100, lambda n: _json({"k": [{"value": f"x{i}"} for i in range(n)]})),
    "nulls": (100, lambda n: _json({"k": [None] * n})),
    "deep": (100, lambda n: b'{"k":' * n + b"1" + b"}" * n),
    "deep arrays": (100, lambda n: b'{"k":' + b"[" * n + b"]" * n + b"}"),
    "wide and deep": (40, lambda n: _json({f"k{i}": {"a": [{"b": [{"c": "x"}]}]} for i in range(n)})),
    "a long string": (20_000, lambda n: _json({"k": "x" * n})),
    "a long name": (20_000, lambda n: _json({"k" * n: 1})),
    "long integers": (40, lambda n: b'{"k":[' + b",".join([b"9" * 900] * n) + b"]}"),
    "a long number": (20_000, lambda n: b'{"k":1.' + b"1" * n + b"}"),
    "a bad string at the end": (100, lambda n: _json({"k": [*(f"x{i}" for i in range(n)), "\0"]})),
    "a bad name inside": (100, lambda n: _json({"k": {f"x{i}": [] for i in range(n)} | {"\0": 1}})),
}
PLACES = {
    "POST /Users": ("POST", "/Users", {"schemas": [USER], "userName": "x"}),
    "PUT /Users": ("PUT", "/Users/{user}", {"schemas": [USER], "userName": "x"}),
    "PATCH /Users": ("PATCH", "/Users/{user}", {"schemas": [PATCH], "Operations": [{"op": "add", "path": "title", "value": "x"}]}),
    "POST /Groups": ("POST", "/Groups", {"schemas": [GROUP], "displayName": "x"}),
    "Bulk": ("POST", "/Bulk", {"schemas": [BULK], "Operations": [{"method": "DELETE", "path": "/Users/x"}]}),
    "search": ("POST", "/.search", {"schemas": [SEARCH], "count": 1}),
}


def _documents() -> Iterator[tuple[str, int, Shape]]:
    for (place, (method, path, good)), (name, (n, make)) in itertools.product(PLACES.items(), VALUES.items()):
        head = _json(good)[:-1] + b","
        yield f"{place}: {name}", n, lambda n, m=method, p=path, h=head, make=make: Request(m, p, h + make(n)[1:])
    for name, (n, make) in VALUES.items():
        yield f"PATCH value: {name}", n, lambda n, make=make: _patch({"op": "add", "value": "V"}, value=make(n))
        yield f"PATCH value at a path: {name}", n, lambda n, make=make: _patch(
            {"op": "replace", "path": 'emails[type eq "work"]', "value": "V"}, value=make(n))
        yield f"PATCH operation: {name}", n, lambda n, make=make: Request("PATCH", "/Users/{user}", _json(
            {"schemas": [PATCH], "Operations": ["V"]}).replace(b'"V"', make(n)))
        yield f"Bulk operation: {name}", n, lambda n, make=make: Request("POST", "/Bulk", _json(
            {"schemas": [BULK], "Operations": ["V"]}).replace(b'"V"', make(n)))
        yield f"Bulk data: {name}", n, lambda n, make=make: Request("POST", "/Bulk", _json({"schemas": [BULK], "Operations": [
            {"method": "POST", "path": "/Users", "bulkId": "a", "data": "V"}]}).replace(b'"V"', make(n)))


# Resources


def _user(**more: Any) -> Request:
    return Request("POST", "/Users", _json({"schemas": [USER], "userName": "new"} | more))


def _users() -> Iterator[tuple[str, int, Shape]]:
    yield "POST: emails, distinct", 25, lambda n: _user(emails=[{"value": f"a{i}@x"} for i in range(n)])
    yield "POST: emails, equal", 25, lambda n: _user(emails=[{"value": "a@x"}] * n)
    yield "POST: emails, all primary", 25, lambda n: _user(emails=[{"value": f"a{i}", "primary": True} for i in range(n)])
    yield "POST: emails, too many", 500, lambda n: _user(emails=[{"value": f"a{i}@x"} for i in range(n)])
    yield "POST: emails, all wrong", 25, lambda n: _user(emails=[{"value": i} for i in range(n)])
    yield "POST: schemas, equal", 500, lambda n: _user(schemas=[USER] * n)
    yield "POST: schemas, unknown", 500, lambda n: _user(schemas=[f"urn:x:{i}" for i in range(n)])
    yield "POST: unknown names and a missing one", 500, lambda n: Request(
        "POST", "/Users", _json({"schemas": [USER]} | {f"k{i}": i for i in range(n)}))
    yield "POST: names of an extension", 500, lambda n: _user(
        **{f"{ENTERPRISE}:k{i}": i for i in range(n)}, **{ENTERPRISE: {f"k{i}": i for i in range(n)}})
    yield "POST: long strings", 500, lambda n: _user(title="x" * n, nickName="é" * n)


def _group(members: list[Any]) -> Request:
    return Request("POST", "/Groups", _json({"schemas": [GROUP], "displayName": "new", "members": members}))


def _groups() -> Iterator[tuple[str, int, Shape]]:
    yield "members, distinct", 200, lambda n: _group([{"value": f"m{i}"} for i in range(n)])
    yield "members, equal", 200, lambda n: _group([{"value": "m"}] * n)
    yield "members, equal with types", 200, lambda n: _group([{"value": "m", "type": f"t{i}"} for i in range(n)])
    yield "members, by $ref", 200, lambda n: _group([{"$ref": f"/Users/m{i}"} for i in range(n)])
    yield "members, all wrong", 200, lambda n: _group([{"value": i} for i in range(n)])
    yield "members, nameless", 200, lambda n: _group([{"display": "x"}] * n)
    yield "PUT members", 200, lambda n: Request("PUT", "/Groups/{group}", _group([{"value": f"m{i}"} for i in range(n)]).body)


# PATCH


def _patch(*operations: Any, value: bytes = b"", path: str = "/Users/{user}") -> Request:
    body = _json({"schemas": [PATCH], "Operations": list(operations)})
    return Request("PATCH", path, body.replace(b'"V"', value) if value else body)


def _patches() -> Iterator[tuple[str, int, Shape]]:
    work = 'emails[type eq "work"]'
    several: dict[str, Callable[[int], dict[str, Any]]] = {
        "add a new value": lambda i: {"op": "add", "path": "phoneNumbers", "value": [{"value": f"new{i % 20}"}]},
        "add one value": lambda i: {"op": "add", "path": "emails", "value": [{"value": "e7@x", "display": f"d{i}"}]},
        "add without a path": lambda i: {"op": "add", "value": {"title": f"t{i}", "emails": [{"value": "e1@x"}]}},
        "replace by a filter": lambda i: {"op": "replace", "path": f'emails[value eq "e{i % 100}@x"].display', "value": f"d{i}"},
        "replace all": lambda i: {"op": "replace", "path": "emails.display", "value": f"d{i}"},
        "remove by a filter": lambda i: {"op": "remove", "path": f'emails[value eq "none{i}"]'},
        "remove by a list": lambda i: {"op": "remove", "path": "emails", "value": [{"value": f"none{i}"}]},
        "schemas": lambda i: {"op": "add", "path": "schemas", "value": [ENTERPRISE]},
        "an extension": lambda i: {"op": "add", "path": f"{ENTERPRISE}:department", "value": f"d{i}"},
        "a sub-attribute": lambda i: {"op": "add", "path": "name.givenName", "value": f"d{i}"},
        "wrong": lambda i: {"op": "wrong"},
        "unknown paths": lambda i: {"op": "add", "path": f"none{i}", "value": 1},
    }
    for name, one in several.items():
        # Each new value makes the next one dearer, until all twenty are there.
        n = 50 if name == "add a new value" else 20
        yield f"PATCH operations: {name}", n, lambda n, one=one: _patch(*map(one, range(n)))
    members: dict[str, Callable[[int], dict[str, Any]]] = {
        "add": lambda i: {"op": "add", "path": "members", "value": [{"value": f"m{i}"}]},
        "remove": lambda i: {"op": "remove", "path": f'members[value eq "m{i}"]'},
        "in and out": lambda i: {"op": ("add", "remove")[i % 2], "path": "members", "value": [{"value": f"m{i // 2}"}]},
        "replace": lambda i: {"op": "replace", "path": "members", "value": [{"value": f"m{i}"}]},
    }
    for name, one in members.items():
        yield f"PATCH operations: {name} members", 50, lambda n, one=one: _patch(*map(one, range(n)), path="/Groups/{group}")
    yield "PATCH: too many operations", 1_100, lambda n: _patch(*[{"op": "remove", "path": "title"}] * n)
    yield "PATCH: many members", 200, lambda n: _patch(
        {"op": "add", "path": "members", "value": [{"value": f"m{i}"} for i in range(n)]}, path="/Groups/{group}")
    filters: dict[str, Callable[[int], str]] = {
        "one filter": lambda i: "x", "ten filters": lambda i: f"x{i % 10}", "many filters": lambda i: f"x{i}",
    }
    for name, text in filters.items():
        yield f"PATCH: many members, then {name} on them", 100, lambda n, text=text: _patch(
            {"op": "add", "path": "members", "value": [{"value": f"m{i}"} for i in range(n)]},
            *({"op": "remove", "path": f'members[display co "{text(i)}"]'} for i in range(n)), path="/Groups/{group}")
    yield "PATCH: one value of many names", 500, lambda n: _patch({"op": "replace", "path": work, "value": {f"k{i}": 1 for i in range(n)}})
    yield "PATCH: many bracket keys", 125, lambda n: _patch({"op": "replace", "value": {f'emails[value eq "{i}"].type': "x" for i in range(n)}})
    yield "PATCH: bracket keys and other members", 250, lambda n: _patch(
        {"op": "replace", "value": {f'emails[value eq "{i}"].type': "x" for i in range(n)}} | {f"k{i}": i for i in range(n)})
    yield "PATCH: a URN with brackets and many names", 250, lambda n: _patch(
        {"op": "add", "path": f"{ENTERPRISE}[{'x' * n}]", "value": {f"k{i}": 1 for i in range(n)}})
    yield "PATCH: too many values", 500, lambda n: _patch({"op": "add", "path": "emails", "value": [{"value": f"n{i}"} for i in range(n)]})
    yield "PATCH: a long path", 500, lambda n: _patch({"op": "remove", "path": "x" * n})
    yield "PATCH: a long filter", 25, lambda n: _patch({"op": "remove", "path": f"emails[{' or '.join([_eq('value')] * n)}]"})
    yield "PATCH: a long filter of members", 25, lambda n: _patch(
        {"op": "remove", "path": f"members[{' or '.join(_eq('value', i) for i in range(n))}]"}, path="/Groups/{group}")


def _eq(name: str, value: object = "x") -> str:
    return f'{name} eq "{value}"'


# Bulk


def _bulk(*operations: Any, **more: Any) -> Request:
    return Request("POST", "/Bulk", _json({"schemas": [BULK], "Operations": list(operations)} | more))


def _creates(bulk_id: str, *members: str) -> dict[str, Any]:
    data = {"schemas": [GROUP], "displayName": bulk_id, "members": [{"value": f"bulkId:{member}"} for member in members]}
    return {"method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": data}


def _bulks() -> Iterator[tuple[str, int, Shape]]:
    yield "Bulk: creates", 12, lambda n: _bulk(*(_creates(f"g{i}") for i in range(n)))
    yield "Bulk: deletes", 12, lambda n: _bulk(*[{"method": "DELETE", "path": "/Users/none"}] * n)
    yield "Bulk: not operations", 50, lambda n: _bulk(*[{}] * n)
    yield "Bulk: one bulkId", 50, lambda n: _bulk(*[{"method": "DELETE", "path": "/X/1", "bulkId": "a"}] * n)
    yield "Bulk: too many", 1_100, lambda n: _bulk(*[{}] * n)
    yield "Bulk: failOnErrors", 50, lambda n: _bulk(*[{}] * n, failOnErrors=1)
    yield "Bulk: a ring", 8, lambda n: _bulk(*(_creates(f"g{i}", f"g{(i + 1) % n}") for i in range(n)))
    yield "Bulk: a chain", 8, lambda n: _bulk(*(_creates(f"g{i}", f"g{i + 1}") for i in range(n - 1)), _creates(f"g{n - 1}"))
    yield "Bulk: two that name each other, one with many members", 250, lambda n: _bulk(
        _creates("a", "b"), {**_creates("b"), "data": {"schemas": [GROUP], "displayName": "b", "members": [
            {"value": "bulkId:a", "display": f"{i}"} for i in range(n)]}})
    yield "Bulk: each to itself", 8, lambda n: _bulk(*(_creates(f"g{i}", f"g{i}") for i in range(n)))
    yield "Bulk: many references, then to those that are not there yet", 20, lambda n: _bulk(
        {**_creates("first"), "data": {"k": ["bulkId:none"] * 20 * n + [f"bulkId:g{i}" for i in range(n)]}},
        *({"method": "POST", "path": "/None", "bulkId": f"g{i}", "data": {}} for i in range(n)))
    yield "Bulk: rings that are never closed", 20, lambda n: _bulk(
        *({"method": "POST", "path": "/None", "bulkId": f"g{i}", "data": {"k": f"bulkId:g{i ^ 1}"}} for i in range(2 * n)), failOnErrors=2 * n)
    yield "Bulk: a chain that failOnErrors keeps from beginning", 20, lambda n: _bulk(
        {}, *({"method": "POST", "path": "/None", "bulkId": f"g{i}", "data": {"k": f"bulkId:g{i + 1}"}} for i in range(n)), failOnErrors=1)
    yield "Bulk: names of references", 100, lambda n: _bulk({**_creates("a"), "data": {f"k{i}": "bulkId:a" for i in range(n)}})
    yield "Bulk: references in one text", 500, lambda n: _bulk(
        {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"schemas": [USER], "userName": "x", "k": "/bulkId:a" * n + " "}})
    yield "Bulk: one PATCH of many", 5, lambda n: _bulk(*[{"method": "PATCH", "path": "/Users/{user}", "data": {
        "schemas": [PATCH], "Operations": [{"op": "replace", "path": "emails.display", "value": "d"}]}}] * n)


# Queries


def _search(**given: Any) -> Request:
    return Request("POST", "/.search", _json({"schemas": [SEARCH], "count": 1} | given))


FILTERS: dict[str, tuple[int, Callable[[int], str]]] = {
    "terms, equal": (20, lambda n: " or ".join([_eq("title")] * n)),
    "terms, distinct": (20, lambda n: " and ".join(_eq("title", i) for i in range(n))),
    "too many terms": (200, lambda n: " or ".join([_eq("title")] * n)),
    "brackets": (7, lambda n: "(" * n + _eq("title") + ")" * n),
    "too many brackets": (250, lambda n: "(" * n + _eq("title") + ")" * n),
    "brackets that are not closed": (250, lambda n: "emails[" * n),
    "not": (6, lambda n: "not (" * n + _eq("title") + ")" * n),
    "a long string": (1_000, lambda n: _eq("title", "x" * n)),
    "a string without an end": (1_000, lambda n: 'title eq "' + "x" * n),
    "backslashes": (1_000, lambda n: 'title eq "' + "\\\\" * n),
    "a long name": (1_000, lambda n: "x" * n + " pr"),
    "a long name with dots": (250, lambda n: "x." * n + " pr"),
    "colons": (250, lambda n: "a:" * n + " pr"),
    "a long number": (1_000, lambda n: "title eq " + "1" * n + "x"),
    "blanks": (1_000, lambda n: "title" + " " * n + "pr"),
    "quotes": (250, lambda n: '"' * n),
    "in one element": (10, lambda n: f"emails[{' and '.join([_eq('value')] * n)}]"),
    "members": (10, lambda n: " or ".join(_eq("members.value", i) for i in range(n))),
}


def _searches() -> Iterator[tuple[str, int, Shape]]:
    for name, (n, make) in FILTERS.items():
        yield f"search, filter: {name}", n, lambda n, make=make: _search(filter=make(n))
        # Another attribute: what was parsed before is remembered.
        yield f"GET, filter: {name}", n, lambda n, make=make: Request(
            "GET", f"/Users?count=1&filter={quote(make(n).replace('title', 'nickName'))}")
        yield f"PATCH path: {name}", n, lambda n, make=make: _patch({"op": "remove", "path": make(n)})
    for key in ("attributes", "excludedAttributes"):
        yield f"search, {key}, distinct", 500, lambda n, key=key: _search(**{key: [f"a{i}" for i in range(n)]})
        yield f"search, {key}, equal", 500, lambda n, key=key: _search(**{key: ["name.givenName"] * n})
        yield f"search, {key}, brackets", 500, lambda n, key=key: _search(**{key: "emails[" * n})
        yield f"search, {key}, an extension", 500, lambda n, key=key: _search(**{key: [ENTERPRISE] * n})
    yield "search, sortBy", 10_000, lambda n: _search(sortBy="x" * n)
    yield "search, cursor", 10_000, lambda n: _search(cursor="x" * n)


def _urls() -> Iterator[tuple[str, int, Shape]]:
    yield "GET: many parameters", 250, lambda n: Request("GET", "/Users?count=1" + "".join(f"&k{i}=1" for i in range(n)))
    yield "GET: one parameter many times", 250, lambda n: Request("GET", "/Users?count=1" + "&k=1" * n)
    yield "GET: many attributes", 250, lambda n: Request("GET", "/Users?count=1&attributes=" + ",".join(f"a{i}" for i in range(n)))
    yield "GET: many slashes", 250, lambda n: Request("GET", "/" + "x/" * n)
    yield "If-Match: many tags", 250, lambda n: Request("DELETE", "/Users/{user}", headers={"If-Match": ",".join(f'"{i}"' for i in range(n))})
    yield "If-Match: quotes", 250, lambda n: Request("DELETE", "/Users/{user}", headers={"If-Match": 'W/"' * (2 * n + 1)})
    yield "Prefer: many", 250, lambda n: Request(
        "PATCH", "/Users/{user}", _patch({"op": "add", "path": "title", "value": "x"}).body, {"Prefer": "x," * n})
    yield "Accept: many", 250, lambda n: Request("GET", "/Users/{user}", headers={"Accept": "a/b," * n + "*/*"})


TOKEN_FORMS: dict[str, tuple[int, Callable[[int], str]]] = {
    "parameters, distinct": (500, lambda n: "&".join(f"k{i}=1" for i in range(n))),
    "parameters, one twice": (10, lambda n: "&".join([*(f"k{i}=1" for i in range(n)), "k0=1"])),
    "parameters, equal": (500, lambda n: "k=1&" * n),
    "scope": (500, lambda n: "grant_type=client_credentials&client_id=a&client_secret=b&scope=" + "+".join(f"s{i}" for i in range(n))),
    "client_id": (5_000, lambda n: "grant_type=client_credentials&client_secret=b&client_id=" + "x" * n),
    "escapes": (1_000, lambda n: "grant_type=" + "%41" * n),
    "assertion": (4_000, lambda n: "grant_type=client_credentials&client_assertion_type="
                  "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=" + "x." * n),
}
