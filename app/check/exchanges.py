"""What each identity provider sends to a SCIM server and expects of it: one table for each, in the order of a run.

`$name`, `$upper` (the same in capitals), `$nobody` and `$group_name` are chosen for each run; `$user` and `$group` are
the ids that the server assigns. They are substituted everywhere, and percent-encoded in paths.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SCIM_JSON = "application/scim+json"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

CREATED, CHANGED = (201,), (200, 204)
NOBODY = {"totalResults": 0, "Resources": []}
ONLY_USER = {"totalResults": 1, "Resources": [{"id": "$user"}]}
MEMBER = {"members": [{"value": "$user"}]}
TWICE = "Exactly this user must be found; otherwise a second one is created."


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request, and what the response must be."""

    method: str = "GET"
    path: str
    body: Any = None
    merge: bool = False
    """Whether the body is what a GET of the path returns, with the members of `body` replaced."""
    status: tuple[int, ...] = (200,)
    contains: Mapping[str, Any] | None = None
    """What the response must contain: of an object these members, of an array these elements; [] means none at all."""
    lacks: Mapping[str, Any] | None = None
    """What the response must not contain, in the same form."""
    save: str = ""
    """The name for the id in the response, for later requests."""
    why: str = ""
    """Why it matters, for the reader of the report."""


@dataclass(frozen=True)
class Step:
    """A sentence of the report, and the exchanges that prove it."""

    sentence: str
    exchanges: tuple[Exchange, ...]


@dataclass(frozen=True)
class Client:
    """An identity provider: its name, its steps, and the media type that it uses."""

    title: str
    steps: tuple[Step, ...]
    media_type: str = SCIM_JSON


def _step(sentence: str, *exchanges: Exchange) -> Step:
    return Step(sentence, exchanges)


def _get(path: str, contains: Mapping[str, Any] | None = None, **more: Any) -> Exchange:
    return Exchange(path=path, contains=contains, **more)


def _post(path: str, body: Mapping[str, Any], save: str) -> Exchange:
    return Exchange(method="POST", path=path, body=body, status=CREATED, save=save)


def _patch(path: str, *operations: Mapping[str, Any]) -> Exchange:
    body = {"schemas": [PATCH], "Operations": list(operations)}
    return Exchange(method="PATCH", path=path, body=body, status=CHANGED)


def _put(path: str, **changes: Any) -> Exchange:
    return Exchange(method="PUT", path=path, body=changes, merge=True, contains=changes)


def _person(**more: Any) -> dict[str, Any]:
    return {
        "schemas": [USER], "userName": "$name", "displayName": "scimd check", "active": True,
        "name": {"givenName": "scimd", "familyName": "check", "formatted": "scimd check"},
        "emails": [{"type": "work", "value": "$name", "primary": True}],
    } | more


U, G = "/Users/$user", "/Groups/$group"
ENTRA_FIND, FIND = "/Users?filter=userName+eq+%22{}%22", "/Users?filter=userName%20eq%20%22{}%22"
OKTA_FIND = FIND + "&startIndex=1&count=100"

ENTRA = Client("Entra", (
    _step(
        "Test Connection: a query for a user and for a group that do not exist finds nothing",
        _get(ENTRA_FIND.format("$nobody"), NOBODY),
        _get("/Groups?excludedAttributes=members&filter=displayName+eq+%22$nobody%22", NOBODY),
    ),
    _step(
        "Schema discovery answers",
        _get("/Schemas", {"Resources": [{"id": USER}, {"id": GROUP}]}, why="Entra maps only what it finds there."),
    ),
    _step("A user is created", _post("/Users", _person(externalId="$nobody"), "user")),
    _step("A group is created", _post("/Groups", {"schemas": [GROUP], "displayName": "$group_name"}, "group")),
    _step("The user is matched by its userName, in any case", _get(ENTRA_FIND.format("$upper"), ONLY_USER, why=TWICE)),
    _step(
        "An attribute is changed (Replace with a path)",
        _patch(U, {"op": "Replace", "path": "displayName", "value": "changed"}), _get(U, {"displayName": "changed"}),
    ),
    _step(
        "An e-mail address is changed (value filter)",
        _patch(U, {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "new@example.com"}),
        _get(U, {"emails": [{"type": "work", "value": "new@example.com"}]}),
    ),
    _step(
        "The user becomes a member",
        _patch(G, {"op": "Add", "path": "members", "value": [{"$ref": None, "value": "$user"}]}), _get(G, MEMBER),
    ),
    _step(
        "The user is disabled (Replace active with the text False)",
        _patch(U, {"op": "Replace", "path": "active", "value": "False"}), _get(U, {"active": False}),
    ),
    _step("A disabled user is still found", _get(ENTRA_FIND.format("$name"), ONLY_USER, why=TWICE)),
    _step(
        "The user is enabled again", _patch(U, {"op": "Replace", "path": "active", "value": True}),
        _get(U, {"active": True}),
    ),
    _step(
        "The user is no member any more (Remove with a value)",
        _patch(G, {"op": "Remove", "path": "members", "value": [{"$ref": None, "value": "$user"}]}),
        _get(G, lacks=MEMBER),
    ),
))

OKTA = Client("Okta", (
    _step("Test Connector Configuration: a page of two users is read", _get("/Users?startIndex=1&count=2")),
    _step("A user who does not exist is not found", _get(OKTA_FIND.format("$nobody"), NOBODY)),
    _step(
        "A user is created, with a password and no groups",
        _post("/Users", _person() | {"locale": "en-US", "groups": [], "password": "$nobody"}, "user"),
    ),
    _step("The user is found by its userName", _get(OKTA_FIND.format("$name"), ONLY_USER, why=TWICE)),
    _step("The user is changed (PUT of what was read)", _put(U, title="Engineer"), _get(U, {"title": "Engineer"})),
    _step(
        "A group is pushed",
        _post("/Groups", {"schemas": [GROUP], "displayName": "$group_name", "members": []}, "group"),
    ),
    _step(
        "The group is renamed (PATCH without a path, with the id)",
        _patch(G, {"op": "replace", "value": {"id": "$group", "displayName": "$group_name 2"}}),
        _get(G, {"displayName": "$group_name 2"}),
    ),
    _step(
        "The members are pushed (replace)",
        _patch(G, {"op": "replace", "path": "members", "value": [{"value": "$user", "display": "$name"}]}),
        _get(G, MEMBER),
    ),
    _step(
        "A member is removed (value filter)", _patch(G, {"op": "remove", "path": 'members[value eq "$user"]'}),
        _get(G, lacks=MEMBER),
    ),
    _step(
        "The user is deactivated (PATCH without a path)", _patch(U, {"op": "replace", "value": {"active": False}}),
        _get(OKTA_FIND.format("$name"), {"Resources": [{"id": "$user", "active": False}]}, why=TWICE),
    ),
    _step("The user is reactivated (PUT)", _put(U, active=True)),
    _step(
        "Users and groups are imported, a hundred on a page", _get("/Users?startIndex=1&count=100", {"startIndex": 1}),
        _get("/Groups?startIndex=1&count=100", {"startIndex": 1}),
    ),
))

ONELOGIN = Client("OneLogin", (
    _step("Enable: a user who does not exist is not found", _get(FIND.format("$nobody") + "&", NOBODY)),
    _step("A user is created", _post("/Users?", _person(), "user")),
    _step("The user is found by its userName", _get(FIND.format("$name") + "&", ONLY_USER, why=TWICE)),
    _step("The groups are read", _get("/Groups?count=100&startIndex=1", {"startIndex": 1})),
    _step(
        "A group is created, without members",
        _post("/Groups", {"displayName": "$group_name", "schemas": [GROUP]}, "group"),
    ),
    _step(
        "The user becomes a member", _patch(G, {"value": [{"value": "$user"}], "op": "add", "path": "members"}),
        _get(G, MEMBER),
    ),
    _step(
        "The user is changed (PUT with a schema of before the RFC)",
        Exchange(method="PUT", path=U, body=_person(schemas=["urn:scim:schemas:core:2.0"], title="Engineer"),
             contains={"id": "$user", "title": "Engineer"}),
    ),
    _step(
        "The user is no member any more (remove with a value)",
        _patch(G, {"value": [{"value": "$user"}], "op": "remove", "path": "members"}), _get(G, lacks=MEMBER),
    ),
    _step("The user is deactivated (PUT)", _put(U, active=False)),
))

JUMPCLOUD = Client("JumpCloud", (
    _step("Test Connection: the test user is not there yet", _get(FIND.format("$name"), NOBODY)),
    _step("Test Connection: a test user is created", _post("/Users", _person(), "user")),
    _step(
        "Test Connection: a test group is created",
        _post("/Groups", {"schemas": [GROUP], "displayName": "$group_name", "members": []}, "group"),
    ),
    _step("The user is found by its userName", _get(FIND.format("$name"), ONLY_USER, why=TWICE)),
    _step(
        "The user becomes a member", _patch(G, {"op": "add", "path": "members", "value": [{"value": "$user"}]}),
        _get(G, MEMBER),
    ),
    _step(
        "The user is no member any more (remove with a value)",
        _patch(G, {"op": "remove", "path": "members", "value": [{"value": "$user"}]}), _get(G, lacks=MEMBER),
    ),
    _step("The user is changed (PUT)", _put(U, title="Engineer")),
    _step("The user is deactivated (PUT)", _put(U, active=False)),
))

GOOGLE = Client("Google", (
    _step("Autoprovisioning is configured: one user is read", _get("/Users?count=1")),
    _step("A user who does not exist is not found", _get(FIND.format("$nobody"), NOBODY)),
    _step("A user is created, as application/json", _post("/Users", _person(externalId="$nobody"), "user")),
    _step("The user is found by its userName", _get(FIND.format("$name"), ONLY_USER, why=TWICE)),
    _step(
        "An attribute is changed (PATCH)", _patch(U, {"op": "replace", "path": "displayName", "value": "changed"}),
        _get(U, {"displayName": "changed"}),
    ),
    _step("The user is changed (PUT)", _put(U, title="Engineer")),
    _step(
        "The user is suspended (PATCH)", _patch(U, {"op": "replace", "path": "active", "value": False}),
        _get(U, {"active": False}),
    ),
    _step("The user is deleted", Exchange(method="DELETE", path=U, status=(204,)), _get(U, status=(404,))),
), media_type="application/json")

CLIENTS = {"entra": ENTRA, "okta": OKTA, "onelogin": ONELOGIN, "jumpcloud": JUMPCLOUD, "google": GOOGLE}
