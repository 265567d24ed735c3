"""Bad requests and the exact answer to each.

Each is sent to a tenant that holds the user `{user}` (userName `victim`) and the group `{group}` with that member.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
OPERATORS = ["$where", "$gt", "$ne", "$regex", "$set", "$unset", "$or", "$and", "$nor", "$not", "$exists", "$expr", "$function", "$accumulator", "$lookup", "$merge", "$out", "$jsonSchema", "$text", "$elemMatch", "$in", "$nin", "$type", "$mod", "$size", "$all", "$rename", "$push", "$pull", "$inc"]
NOT_STRINGS: tuple[Any, ...] = (5, 1.5, True, {}, {"$gt": ""}, ["x"], [[]])


@dataclass(frozen=True)
class Bad:
    """One bad request and what it must be answered with."""

    name: str
    method: str
    path: str
    body: bytes | None = None
    status: tuple[int, ...] = (400,)
    scim_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


def corpus() -> list[Bad]:
    """Return all bad inputs."""
    return [*_bodies(), *_values(), *_patches(), *_filters(), *_parameters(), *_paths(), *_envelopes(), *_credentials()]


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _user(**more: Any) -> bytes:
    return _json({"schemas": [USER], "userName": "new"} | more)


def _bodies() -> Iterator[Bad]:
    broken = {
        "empty": b"", "blank": b"  ", "array": b"[]", "text": b'"x"', "number": b"1", "null": b"null", "cut": b'{"a":',
        "trailing": b'{"userName":"x"} x', "two": b"{}{}", "single quotes": b"{'a':1}", "comment": b'{"a":1/**/}',
        "NaN": b'{"a":NaN}', "Infinity": b'{"a":-Infinity}', "huge number": b'{"a":1e999}',
        "long integer": b'{"a":' + b"9" * 5000 + b"}", "twice": b'{"userName":"a","userName":"b"}',
        "twice inside": b'{"name":{"givenName":"a","givenName":"b"}}', "not UTF-8": b'{"userName":"\xff"}',
        "latin-1": '{"userName":"é"}'.encode("latin-1"), "UTF-16": '{"a":1}'.encode("utf-16"), "NUL byte": b'{"a":"\x00"}',
        "control": b'{"a":"\x01"}', "deep arrays": b'{"a":' + b"[" * 100 + b"]" * 100 + b"}",
        "very deep": b"[" * 100_000, "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "bad escape": b'{"a":"\\x"}',
    }
    for name, body in broken.items():
        for method, path in (("POST", "/Users"), ("PUT", "/Users/{user}"), ("PATCH", "/Users/{user}")):
            yield Bad(f"{method} {name}", method, path, body, scim_type="invalidSyntax")
    for name, body in {"surrogate": b'{"userName":"\\ud800"}', "half a pair": b'{"userName":"\\udc00x"}',
                       "NUL": b'{"userName":"a\\u0000b"}', "surrogate key": b'{"\\ud800":1}'}.items():
        yield Bad(name, "POST", "/Users", body, scim_type="invalidValue")
    for kind in ("text/plain", "application/xml", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded",
                 "application/scim+json; charset=utf-16", "image/png", "json"):
        yield Bad(f"type {kind}", "POST", "/Users", _user(), (415,), headers={"Content-Type": kind})
    yield Bad("too large", "POST", "/Users", b'{"x":"' + b"x" * 4_300_000 + b'"}', (413,))


def _values() -> Iterator[Bad]:
    for value in NOT_STRINGS:
        for attribute in ("userName", "displayName", "title", "externalId"):
            yield Bad(f"{attribute} {value!r}", "POST", "/Users", _user(**{attribute: value}), scim_type="invalidValue")
    for value in (None, "", " ", []):
        yield Bad(f"userName {value!r}", "POST", "/Users", _user(userName=value), scim_type="invalidValue")
    wrong = {
        "active": ["yes", 1, {}, "TRUE ", "on"], "name": ["x", 5, [1], True], "emails": ["x", 5, [5], [["x"]], [{"value": 5}]],
        "addresses": [[{"country": 5}], "x", [{"primary": "x"}]], "profileUrl": ["not a uri", 5], "photos": [[{"value": 5}]],
        "x509Certificates": [[{"value": "###"}], [{"value": 5}]], "phoneNumbers": [[{"type": {}}]],
        "password": [5, {"$ne": 1}], "userName": ["x" * 5000], "roles": [[{"value": {}}], "admin"],
    }
    for attribute, values in wrong.items():
        for value in values:
            yield Bad(f"{attribute} {str(value)[:30]}", "POST", "/Users", _user(**{attribute: value}),
                      scim_type="invalidValue")
    two = [{"value": "a", "primary": True}, {"value": "b", "primary": True}]
    yield Bad("two primaries", "POST", "/Users", _user(emails=two), scim_type="invalidValue")
    yield Bad("too many values", "POST", "/Users", _user(emails=[{"value": f"{n}"} for n in range(500)]),
              scim_type="invalidValue")
    for schemas in (None, [], "x", {}, [5], ["urn:nobody"], [USER, "urn:nobody"], [GROUP]):
        yield Bad(f"schemas {schemas!r}", "POST", "/Users", _user(schemas=schemas))
    for key in (*OPERATORS, "a.b", "", "_id", "_folded", "tenant", "dispalyName", "__proto__", "meta.version"):
        yield Bad(f"key {key!r}", "POST", "/Users", _user(**{key: "x"}), scim_type="invalidSyntax")
    yield Bad("key twice by case", "POST", "/Users", _user(USERNAME="x"), scim_type="invalidSyntax")
    yield Bad("taken", "POST", "/Users", _user(userName="VICTIM"), (409,), "uniqueness")
    yield Bad("group without name", "POST", "/Groups", _json({"schemas": [GROUP]}), scim_type="invalidValue")
    for members in ("x", [5], [{"value": 5}], [{"value": "nobody"}], {"value": {}}):
        yield Bad(f"members {members!r}", "POST", "/Groups", _json({"schemas": [GROUP], "displayName": "n",
                                                                      "members": members}))


def _patches() -> Iterator[Bad]:
    def patch(name: str, operations: Any, scim_type: str | None, path: str = "/Users/{user}", **more: Any) -> Bad:
        return Bad(f"PATCH {name}", "PATCH", path, _json({"schemas": [PATCH], "Operations": operations} | more),
                   scim_type=scim_type)

    for schemas in (None, [], "x", [USER], 5):
        yield patch(f"schemas {schemas!r}", [{"op": "add", "path": "title", "value": "x"}], "invalidSyntax", schemas=schemas)
    for operations in (None, [], {}, "x", [5], [[]], [{}], [{"op": 5}], [{"op": "move", "path": "title"}],
                       [{"op": "test", "path": "title", "value": "x"}], [{"path": "title", "value": "x"}]):
        yield patch(f"operations {operations!r}", operations, "invalidSyntax")
    for path in ("emails[", "emails]", "emails/0", "/title", "title.", ".title", "a..b", "emails[type eq \"work\"].", "1a",
                 "$where", "bogus", "userName.x", "name.bogus", "emails.bogus", "urn:nobody:title", " ", "meta..x", "[x]"):
        yield patch(f"path {path}", [{"op": "replace", "path": path, "value": "x"}], "invalidPath")
    for path in ("emails[type zz \"a\"]", "emails[bogus eq \"a\"]", "emails[type eq work]", "emails[type gt]",
                 "emails[primary gt true]", "emails[(((((type eq \"a\"]"):
        yield patch(f"path {path}", [{"op": "replace", "path": path, "value": {"value": "x"}}], "invalidFilter")
    yield patch("path too long", [{"op": "add", "path": "x" * 10_000, "value": "x"}], "invalidPath")
    for attribute in ("id", "meta", "meta.version", "groups", "meta.created"):
        yield patch(f"readOnly {attribute}", [{"op": "replace", "path": attribute, "value": "x"}], "mutability")
        yield patch(f"remove {attribute}", [{"op": "remove", "path": attribute}], "mutability")
    yield patch("remove userName", [{"op": "remove", "path": "userName"}], "mutability")
    yield patch("remove nothing", [{"op": "remove"}], "noTarget")
    yield patch("no match", [{"op": "replace", "path": 'emails[type eq "none"].value', "value": "x"}], "noTarget")
    for op in ("add", "replace"):
        yield patch(f"{op} no value", [{"op": op, "path": "title"}], "invalidValue")
        yield patch(f"{op} no object", [{"op": op, "value": "x"}], "invalidValue")
        for value in (5, {}, ["x"], True):
            yield patch(f"{op} title {value!r}", [{"op": op, "path": "title", "value": value}], None)
        for value in ("maybe", 1, {}):
            yield patch(f"{op} active {value!r}", [{"op": op, "path": "active", "value": value}], None)
    yield patch("userName null", [{"op": "replace", "path": "userName", "value": None}], None)
    good = {"op": "add", "path": "title", "value": "must not stay"}
    yield patch("second is bad", [good, {"op": "add", "path": "bogus", "value": "x"}], "invalidPath")
    yield patch("last is bad", [good] * 20 + [{"op": "replace", "path": "userName", "value": ""}], None)
    yield replace(patch("too many", [good] * 1_500, None), status=(413,))
    for value in ("nobody", [{"value": "nobody"}], [{"value": "{user}"}, {"value": "nobody"}], [5], {"value": 5}):
        yield patch(f"members {value!r}", [{"op": "replace", "path": "members", "value": value}], None, "/Groups/{group}")
    yield patch("member's value", [{"op": "replace", "path": 'members[value eq "x"].value', "value": "y"}], None,
                "/Groups/{group}")


def _filters() -> Iterator[Bad]:
    texts = [
        "", " ", "userName", "userName eq", 'eq "x"', 'userName eq "x" and', 'and userName pr', "((title pr)", "(title pr))",
        'userName regex "x"', 'userName = "x"', "userName eq 'x'", "userName eq x", 'userName eq "x" title', "bogus pr",
        'bogus eq "x"', "name eq \"x\"", "active gt true", 'active co "t"', "active eq 5", 'active eq "maybe"', "userName eq 5",
        "userName eq true", 'meta.created eq "yesterday"', 'meta.created gt "2011-13-01T00:00:00Z"', 'meta.created co "2011"',
        "password eq \"x\"", "password pr", 'password sw "a"', 'employeeNumber eq "x"', "emails[", "emails[type eq \"x\"",
        "emails.type[value pr]", 'emails[emails[type pr] pr]', "emails[bogus pr]", "not userName pr", "userName eq \"x",
        'userName eq "\\x"', 'userName eq "\\ud800"', 'userName eq "a\\u0000b"', "userName eq {}", "userName eq []",
        "x509Certificates.value gt \"a\"", "userName eq 1e999", "title eq 99999999999999999999", "urn:nobody:userName pr",
        "not(" * 100 + "title pr" + ")" * 100, "(" * 2000 + "title pr" + ")" * 2000, " or ".join(["title pr"] * 400),
        'title eq "' + "x" * 5000 + '"', "_folded.userName eq \"x\"", "tenant eq \"x\"", "_id eq \"x\"",
        *(f"{operator} eq \"x\"" for operator in OPERATORS[:12]),
        *(f"userName {operator} \"x\"" for operator in OPERATORS[:12]),
    ]
    for text in texts:
        yield Bad(f"filter {text[:40]}", "GET", f"/Users?filter={quote(text)}", status=(400, 414), scim_type="invalidFilter")
        body = _json({"schemas": [SEARCH], "filter": text})
        if len(text) < 4000:
            yield Bad(f"search {text[:40]}", "POST", "/Users/.search", body, scim_type="invalidFilter")


def _parameters() -> Iterator[Bad]:
    for query in ("count=abc", "count=1.5", "count=%00", "startIndex=x", "sortBy=bogus", "sortBy=name", "sortBy=password",
                  "sortOrder=up", "sortBy=userName&sortOrder=1", "attributes=a&excludedAttributes=b", "count=1&count=2",
                  "filter=title+pr&FILTER=title+pr"):
        yield Bad(f"query {query}", "GET", f"/Users?{query}", scim_type="invalidValue")
    for query in ("cursor=x", "cursor=%00", "cursor=" + "A" * 3000, "cursor=gAAAAABn"):
        yield Bad(f"query {query[:20]}", "GET", f"/Users?{query}", scim_type="invalidCursor")
    yield Bad("filter on schemas", "GET", "/Schemas?filter=title+pr", status=(403,))
    yield Bad("filter on resource types", "GET", "/ResourceTypes?filter=title+pr", status=(403,))


def _paths() -> Iterator[Bad]:
    ids = ["x", "..", "%2e%2e", "%00", "%ff", "a%2Fb", "%7B%24gt%3A1%7D", "$where", "{group}", "a" * 3000, "%F0%9F%98%80",
           "null", "undefined", "-1", "%20"]
    for resource_id in ids:
        for method in ("GET", "DELETE", "PUT", "PATCH"):
            body = _user() if method == "PUT" else _json({"schemas": [PATCH], "Operations": [
                {"op": "add", "path": "title", "value": "x"}]}) if method == "PATCH" else None
            yield Bad(f"{method} id {resource_id[:20]}", method, f"/Users/{resource_id}", body, (404, 405))
    for path in ("/Nothing", "/Users/{user}/x", "/%2e%2e/%2e%2e/etc/passwd", "/Users.scim", "/Schemas/urn:nobody",
                 "/ResourceTypes/Nobody", "/ServiceProviderConfigs"):
        yield Bad(f"path {path}", "GET", path, status=(404,))
    for method, path in (("PUT", "/Users"), ("DELETE", "/Users"), ("PATCH", "/Groups"), ("POST", "/Schemas"),
                         ("DELETE", "/Schemas"), ("GET", "/Bulk"), ("TRACE", "/Users"), ("FOO", "/Users"),
                         ("POST", "/Users/{user}"), ("PUT", "/ServiceProviderConfig")):
        yield Bad(f"{method} {path}", method, path, status=(405,))
    yield Bad("accept", "GET", "/Users", status=(406,), headers={"Accept": "text/html"})


def _envelopes() -> Iterator[Bad]:
    for message in ({}, {"schemas": [BULK]}, {"schemas": [BULK], "Operations": []}, {"schemas": [BULK], "Operations": "x"},
                    {"schemas": [BULK], "Operations": [{}], "failOnErrors": -1}):
        yield Bad(f"bulk {message}", "POST", "/Bulk", _json(message))
    for message in ({}, {"schemas": [SEARCH], "count": "1"}, {"schemas": [SEARCH], "startIndex": 1.5},
                    {"schemas": [SEARCH], "sortBy": 5}, {"schemas": [SEARCH], "attributes": 5}):
        yield Bad(f"search {message}", "POST", "/.search", _json(message))
    for tag in ('W/"99"', '"x"', "x"):
        for method, body in (("PUT", _user(userName="victim")), ("DELETE", None)):
            yield Bad(f"{method} If-Match {tag}", method, "/Users/{user}", body, (412,), headers={"If-Match": tag})


def _credentials() -> Iterator[Bad]:
    for value in ("", "Bearer", "Bearer ", "Bearer x", "Basic eDp5", "bearer", "Token x", "Bearer a b", "Bearer \u00fc",
                  "Bearer " + "x" * 5000, "Bearer null", "Bearer undefined", "Bearer ,", "Digest x"):
        for method, path in (("GET", "/Users"), ("POST", "/Users"), ("DELETE", "/Users/{user}"), ("GET", "/Nothing")):
            yield Bad(f"{method} {path} as {value[:12]!r}", method, path, b"{" if method == "POST" else None, (401,),
                      headers={"Authorization": value})
