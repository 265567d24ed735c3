"""The comparison and the laws can fail: they tell a wrong response from a right one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.entra.client import Answer
from tests.entra.comparison import ABSENT, at, differences
from tests.entra.laws import broken_laws, broken_token_laws
from tests.entra.test_exchanges import RECORDINGS
from tests.entra.walker import check_form, fill

SCIM = {"Content-Type": "application/scim+json"}
USER = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": "1", "userName": "a"}


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({"a": 1}, {"a": 1, "b": 2}),
        ([{"a": 1}, {"b": 2}], [{"b": 2}, {"a": 1, "c": 3}]),
        ([{}, {"a": 1}], [{"a": 1}, {"b": 1}]),
        ({"$exact": {"a": [1]}}, {"a": [1]}),
        ({"$contains": [2, {"a": 1}]}, [1, 2, {"a": 1}]),
        ({"$contains": ["x", "y"]}, "y and x"),
        ({"$matches": "[0-9]+"}, "123"),
        ({"$one_of": [None, 1]}, 1),
    ],
)
def test_right_answers(expected: Any, actual: Any) -> None:
    assert list(differences(expected, actual)) == []


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({"a": 1}, {}),
        ({"a": 1}, {"a": True}),
        ({"a": None}, {}),
        ({"a": {}}, {"a": 1}),
        ([1], [1, 2]),
        ([1, 1], [1, 2]),
        ([{"a": 1}, {"a": 1}], [{"a": 1}, {"a": 2}]),
        ({"$exact": {"a": 1}}, {"a": 1, "b": 2}),
        ({"$exact": 1}, True),
        ({"$contains": ["x"]}, "y"),
        ({"$contains": [3]}, [1, 2]),
        ({"$contains": [3]}, 3),
        ({"$matches": "[0-9]+"}, "12x"),
        ({"$one_of": [1, 2]}, 3),
    ],
)
def test_wrong_answers(expected: Any, actual: Any) -> None:
    assert len(list(differences({"x": expected}, {"x": actual}))) == 1


def test_pointers() -> None:
    answer = {"a": [{"b/c": 1}], "urn:x:2.0:y": 2}
    assert at("/a/0/b~1c", answer) == 1
    assert at("urn:x:2.0:y", answer) == 2
    assert at("/a/1/b", answer) is at("/a/b", answer) is at("/a/0/b~1c/d", answer) is at("nothing", answer) is ABSENT


def test_placeholders() -> None:
    saved = {"user": {"id": "7"}, "token": "t"}
    assert fill({"{{token}}": ["/Users/{{user.id}}", "{{unknown}}"]}, saved) == {"t": ["/Users/7", "{{unknown}}"]}
    assert fill([{"$each": 2, "of": {"value": "m{{n}}"}}, 3], saved) == [{"value": "m1"}, {"value": "m2"}, 3]


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, SCIM, USER),
        (204, {}, None),
        (404, SCIM, {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "404", "detail": "No."}),
    ],
)
def test_lawful_answers(status: int, headers: dict[str, str], body: Any) -> None:
    assert list(broken_laws(Answer(status, headers, json.dumps(body) if body else ""))) == []


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {"Content-Type": "application/json"}, USER),
        (204, {}, USER),
        (308, SCIM | {"Location": "/"}, {**USER, "id": "1"}),
        (500, SCIM, {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "500", "detail": "No."}),
        (200, SCIM, []),
        (200, SCIM, USER | {"active": "True"}),
        (200, SCIM, USER | {"title": None}),
        (200, SCIM, USER | {"emails": []}),
        (200, SCIM, USER | {"_folded": {"a": 1}}),
        (200, SCIM, USER | {"manager": "7"}),
        (200, SCIM, USER | {"urn:ietf:params:scim:schemas:extension:x": {"a": 1}}),
        (200, SCIM, {key: value for key, value in USER.items() if key != "id"}),
        (201, SCIM, USER | {"meta": {"location": "https://x/Users/1"}}),
        (400, SCIM, {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "400", "detail": "No."}),
        (404, SCIM, {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": 404, "detail": "No."}),
        (401, SCIM, {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "401", "detail": "No."}),
        (200, SCIM, {"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 0}),
    ],
)
def test_unlawful_answers(status: int, headers: dict[str, str], body: Any) -> None:
    assert list(broken_laws(Answer(status, headers, json.dumps(body))))


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {"Content-Type": "application/scim+json", "Cache-Control": "no-store"}, {"access_token": "x"}),
        (200, {"Content-Type": "application/json"}, {"access_token": "x"}),
        (200, {"Content-Type": "application/json", "Cache-Control": "no-store"}, {}),
        (400, {"Content-Type": "application/json", "Cache-Control": "no-store"}, {"access_token": "x"}),
        (401, {"Content-Type": "application/json", "Cache-Control": "no-store"}, {"error": "invalid_client"}),
    ],
)
def test_unlawful_answers_of_the_token_endpoint(status: int, headers: dict[str, str], body: Any) -> None:
    assert list(broken_token_laws(Answer(status, headers, json.dumps(body))))


def test_the_recordings_say_what_they_are() -> None:
    assert len(RECORDINGS) >= 90
    for name, recording in RECORDINGS.items():
        check_form(name, recording)
