"""No input costs more than its length times a constant: four times the input, at most five times the steps.

Each shape goes through the whole application, in this process, and the lines of Python that it runs are counted. What
one call in C does is not among them, but for the comparing of strings: those of a JSON body are of a class whose `==`
and `hash` are Python, so that `x in a_list`, `a_list.count(x)` and `a_list.remove(x)` are counted, too. What patterns,
the folding of text and copies in C cost has tests of its own, named after FA-01 as well.
"""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pymongo
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app import create_app
from app.config import Config
from app.schemas.validation import json_object
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.mongo.database import Database
from tests.bad_input.corpus import BULK, GROUP, USER
from tests.bad_input.shapes import TOKEN_FORMS, VALUES, Request, shapes

SHAPES = shapes()
REWRITTEN = ("POST", "PUT", "PATCH", "members")
LIKE_OTHERS = ("PUT /Users:", "POST /Groups:", "GET, filter:")
"""Any JSON object in these places is read by what reads it at POST /Users, and a filter by what reads it in a search."""
MESSAGES = ("Bulk: ", "Bulk operation: ", "search: ", "PATCH operation: ")
"""Of what is unknown in these places the name is read, and the value as JSON alone, as in the message of PATCH /Users."""


def is_like_another(name: str) -> bool:
    """Return whether what reads a shape reads another one that `make test` counts."""
    kind = name.partition(": ")[2]
    return name.startswith(LIKE_OTHERS) or (name.startswith(MESSAGES) and kind in VALUES and "name" not in kind)


CASES = [
    *(pytest.param(
        "interop" if name.startswith(REWRITTEN) else "rfc", name, marks=[pytest.mark.long] * is_like_another(name)
    ) for name in SHAPES),
    *(pytest.param("rfc", name, marks=pytest.mark.long) for name in SHAPES if name.startswith(REWRITTEN)),
]
"""Profile and shape: the tolerant one rewrites the bodies of some, and is the same for all others."""
MOST = 5
PATHS = {"{user}": "/Users", "{group}": "/Groups"}
DRIVER = str(Path(pymongo.__file__).parent)
"""Where the steps of a command to MongoDB are: it is counted, and not what it takes, which is the same for any input."""


class Text(str):
    """A string that counts when it is compared."""

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other)

    def __hash__(self) -> int:
        return str.__hash__(self)


def steps(work: Callable[[], Any]) -> int:
    """Return how many lines of Python and calls `work` takes, in this thread; of the driver, how many calls."""
    count = 0

    def line(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += 1
        return line

    def call(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += 1
        return None if frame.f_code.co_filename.startswith(DRIVER) else line

    before = sys.gettrace()
    sys.settrace(call)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


@pytest.fixture(scope="module", autouse=True)
def counted_strings() -> Iterator[None]:
    """Let the strings and names of a JSON body be such that count."""

    def counted(value: Any) -> Any:
        if isinstance(value, str):
            return Text(value)
        return [counted(item) for item in value] if isinstance(value, list) else value

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        tracing = sys.gettrace()
        sys.settrace(None)  # what the test adds is not counted
        found = [(Text(name), counted(value)) for name, value in found]
        sys.settrace(tracing)
        return json_object._pairs(found)

    with pytest.MonkeyPatch.context() as patch:
        decoder = json_object._DECODER
        patch.setattr(json_object, "_DECODER", type(decoder)(
            object_pairs_hook=pairs, parse_int=decoder.parse_int, parse_float=decoder.parse_float,
            parse_constant=decoder.parse_constant,
        ))
        yield


class World:
    """An application with tenants, each with a user of a hundred values and a group."""

    def __init__(self, database: Database) -> None:
        self._app: Flask = create_app(Config.from_environment({"SCIMD_RATE_LIMIT": "off"}), database)
        self._client = self._app.test_client()
        self._database = database
        self._headers: dict[str, dict[str, str]] = {}
        self._names: dict[str, dict[str, str]] = {}
        self._changed: set[tuple[str, str]] = set()
        for profile in ("rfc", "interop"):
            Tenants(database).create(profile, profile)
            self._headers[profile] = {"Authorization": f"Bearer {Tokens(database).issue(profile)[0]}"}
            self._names[profile] = {}
            for place in PATHS:
                self._refill(profile, place)

    def _refill(self, profile: str, place: str) -> None:
        """Make a user or a group that no request has changed."""
        body: dict[str, Any] = {"displayName": (name := uuid.uuid4().hex)}
        if place == "{group}":
            body |= {"schemas": [GROUP]}
        else:
            emails = [{"value": f"e{i}@x", "type": "work", "display": f"e {i}"} for i in range(100)]
            body |= {"schemas": [USER], "userName": name, "emails": emails, "name": {"givenName": "G", "familyName": "F"}}
        response = self._client.post(f"/{profile}/scim/v2{PATHS[place]}", json=body, headers=self._headers[profile])
        assert response.status_code == 201, response.data
        self._names[profile][place] = response.get_json()["id"]

    def cost(self, profile: str, request: Request) -> int:
        """Return the steps of a request."""
        found: list[TestResponse] = []
        send = self._prepared(profile, request)
        taken = steps(lambda: found.append(send()))
        self._check(profile, request, found[0])
        return taken

    def send(self, profile: str, request: Request) -> None:
        """Send a request whose steps do not matter."""
        self._check(profile, request, self._prepared(profile, request)())

    def _prepared(self, profile: str, request: Request) -> Callable[[], TestResponse]:
        """Return a function that sends the request to the user and the group as they were made."""
        body, path = request.body, request.path
        for place in self._places(request):
            if (profile, place) in self._changed:
                self._refill(profile, place)
                self._changed.remove((profile, place))
            name = self._names[profile][place]
            path = path.replace(place, name)
            body = body.replace(place.encode(), name.encode()) if body else body
        return partial(
            self._client.open, f"/{profile}/scim/v2{path}", method=request.method, data=body,
            headers=self._headers[profile] | request.headers, content_type="application/json",
        )

    def _check(self, profile: str, request: Request, response: TestResponse) -> None:
        assert response.status_code < 500, response.data[:500]
        if request.path == "/Bulk" and response.status_code == 200:
            assert not [each for each in response.get_json()["Operations"] if each["status"] >= "500"]
        if response.status_code < 300:
            self._changed |= {(profile, place) for place in self._places(request)}

    def get(self, path: str, accept: str) -> TestResponse:
        """Return the response to a GET with an Accept header."""
        return self._client.get(path, headers=self._headers["rfc"] | {"Accept": accept})

    @staticmethod
    def _places(request: Request) -> list[str]:
        """Return which of the user and the group a request names."""
        return [place for place in PATHS if place in request.path or place.encode() in (request.body or b"")]

    def token_cost(self, form: str) -> int:
        """Return the steps of a token request."""
        return steps(lambda: self._client.post(
            "/rfc/oauth/token", data=form, content_type="application/x-www-form-urlencoded"))


@pytest.fixture(scope="module")
def world(mongod: Database) -> Iterator[World]:
    database = Database(mongod.client, f"costs-{uuid.uuid4().hex}")
    yield World(database)
    mongod.client.drop_database(database.db.name)


@pytest.mark.parametrize(("profile", "name"), CASES)
def test_fa_01_and_02_four_times_the_input_five_times_the_steps(world: World, profile: str, name: str) -> None:
    n, shape = SHAPES[name]
    world.send(profile, shape(min(n, 4)))  # whatever is made at the first time is
    small, large = world.cost(profile, shape(n)), world.cost(profile, shape(4 * n))
    assert large <= MOST * small, f"{n} parts take {small} steps, {4 * n} take {large}"


@pytest.mark.parametrize("name", TOKEN_FORMS)
def test_the_form_of_a_token_request(world: World, name: str) -> None:
    n, form = TOKEN_FORMS[name]
    world.token_cost(form(4))
    small, large = world.token_cost(form(n)), world.token_cost(form(4 * n))
    assert large <= MOST * small, f"{n} parts take {small} steps, {4 * n} take {large}"


@pytest.mark.timeout(60)
def test_fa_02_a_text_of_references_ends(world: World) -> None:
    """What a pattern costs is in none of the counts above. It cost the square: 36 KB took a second, 900 KB ten minutes."""
    data = {"schemas": [USER], "userName": "x", "title": "/bulkId:a" * 100_000 + " "}
    operation = {"method": "POST", "path": "/Users", "bulkId": "a", "data": data}
    world.send("rfc", Request("POST", "/Bulk", json.dumps({"schemas": [BULK], "Operations": [operation]}).encode()))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("path", ["/", "/rfc/scim/v2/Users"])
def test_fa_02_blanks_in_accept_end(world: World, path: str) -> None:
    """A server joins headers of one name. These, as long as gunicorn takes them, took half a minute at each path."""
    accept = ",".join(["a/b" + " \t" * 4_000 + "b"] * 99)
    assert world.get(path, accept).status_code in (404, 406)
    assert world.get(path, "a/b," * 200_000 + "*/*").status_code in (404, 406)


def test_the_counter_sees_a_loop_in_c() -> None:
    """A counter that is blind there would find no fault."""
    def twice(n: int) -> Callable[[], Any]:
        names = [Text(f"k{i}") for i in range(n)]
        return lambda: [name for name in names if names.count(name) > 1]

    assert steps(twice(400)) > 10 * steps(twice(100))
