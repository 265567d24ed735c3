"""Errors: one message for all of them, the narrowest scimType, an order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pymongo.errors
import pytest
from werkzeug.test import TestResponse

from app.errors import Unavailable
from app.store.mongo.budget import current_deadline
from app.store.mongo.database import Database
from tests.blueprints.conftest import ERROR_URN, GROUP_URN, USER_URN, Client
from tests.conftest import Fault

NOBODY = "00000000-0000-0000-0000-000000000000"
SEARCH_URN = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
OURS = {"invalidFilter", "tooMany", "uniqueness", "mutability", "invalidSyntax", "invalidPath", "noTarget", "invalidValue",
        "invalidVers", "sensitive", "invalidCursor", "expiredCursor", "invalidCount", None}


def patch(op: str, path: str | None = None, **more: Any) -> Callable[[Client, str], TestResponse]:
    operation = {"op": op} | ({"path": path} if path else {}) | more
    return lambda client, user: client.patch(f"/Users/{user}", operation)


def send(method: str, path: str, body: Any = None, **headers: str) -> Callable[[Client, str], TestResponse]:
    return lambda client, user: client(method, path.replace("USER", user), body, **headers)


ERRORS: list[tuple[Callable[[Client, str], TestResponse], int, str | None]] = [
    (send("GET", "/Users?filter=" + quote('userName regex "x"')), 400, "invalidFilter"),
    (send("GET", "/Users?filter=bogus%20pr"), 400, "invalidFilter"),
    (send("POST", "/Users/.search", {"schemas": [SEARCH_URN], "filter": "x"}), 400, "invalidFilter"),
    (patch("replace", "emails[type zz 1].value", value="x"), 400, "invalidFilter"),
    (send("POST", "/Users", {"schemas": [USER_URN], "userName": "A"}), 409, "uniqueness"),
    (patch("replace", "userName", value="OTHER"), 409, "uniqueness"),
    (patch("replace", "id", value="x"), 400, "mutability"),
    (patch("remove", "userName"), 400, "mutability"),
    (send("POST", "/Users", b"{"), 400, "invalidSyntax"),
    (send("PUT", "/Users/USER", {"userName": "a"}), 400, "invalidSyntax"),
    (send("PATCH", "/Users/USER", {"Operations": []}), 400, "invalidSyntax"),
    (send("POST", "/Bulk", {}), 400, "invalidSyntax"),
    (patch("replace", "emails[", value="x"), 400, "invalidPath"),
    (patch("replace", "bogus", value="x"), 400, "invalidPath"),
    (patch("remove"), 400, "noTarget"),
    (patch("replace", 'emails[type eq "none"].value', value="x"), 400, "noTarget"),
    (send("POST", "/Users", {"schemas": [USER_URN]}), 400, "invalidValue"),
    (send("POST", "/Users", {"schemas": [USER_URN], "userName": "c", "title": 5}), 400, "invalidValue"),
    (send("GET", "/Users?count=x"), 400, "invalidValue"),
    (send("GET", "/Users?cursor=x"), 400, "invalidCursor"),
    (send("GET", "/Users?cursor=&count=x"), 400, "invalidCount"),
    (send("GET", "/Schemas?filter=id%20pr"), 403, None),
    (send("GET", f"/Users/{NOBODY}"), 404, None),
    (send("GET", "/Nothing"), 404, None),
    (send("PUT", "/Users", {}), 405, None),
    (send("GET", "/Users", Accept="text/html"), 406, None),
    (send("DELETE", "/Users/USER", If_Match='"x"'), 412, None),
    (send("POST", "/Users", b'"' + b"x" * 5_000_000 + b'"'), 413, None),
    (send("POST", "/Users", b"{}", Content_Type="text/plain"), 415, None),
    (send("GET", "/Me"), 501, None),
]


@pytest.mark.parametrize(("request_", "status", "scim_type"), ERRORS)
def test_er_01_to_04_and_er_07_and_ht_22_every_error_is_scim(
    rfc: Client, request_: Callable[[Client, str], TestResponse], status: int, scim_type: str | None
) -> None:
    user = rfc.user("a")["id"]
    rfc.user("other")
    answer = request_(rfc, user)
    error = answer.get_json()
    assert (answer.status_code, error.get("scimType")) == (status, scim_type), error
    assert answer.content_type == "application/scim+json"
    assert (error["schemas"], error["status"]) == ([ERROR_URN], str(status))
    assert error.keys() <= {"schemas", "status", "scimType", "detail"}
    assert isinstance(error["detail"], str)
    assert error.get("scimType") in OURS


def test_er_03_and_ht_22_who_is_not_let_in(rfc: Client) -> None:
    rfc.headers = {}
    answer = rfc("GET", "/Users")  # the client looks at the message
    assert answer.status_code == 401
    assert "scimType" not in answer.get_json()


def test_er_05_one_thing_comes_before_another(rfc: Client) -> None:
    """401, 404 and 405 for the route, 406, 415, 413, 404 for the resource, 412, 400, 409."""
    rfc.user("a")
    mine = rfc.user("b")
    path, kept = f"/Users/{mine['id']}", rfc.headers
    wrong = {"Accept": "text/html", "Content_Type": "text/plain", "If_Match": '"x"'}
    rfc.headers = {}
    for place in ("/Nothing", "/Users", path):
        assert rfc("PUT", place, b"{", **wrong).status_code == 401
    rfc.headers = kept
    assert rfc("PUT", "/Nothing/1", b"{", **wrong).status_code == 404
    assert rfc("PUT", "/Users", b"{", **wrong).status_code == 405
    assert rfc("PUT", path, b"{", **wrong).status_code == 406
    del wrong["Accept"]
    assert rfc("PUT", path, b"{", **wrong).status_code == 415
    taken = {"schemas": [USER_URN], "userName": "A"}
    assert rfc("PUT", f"/Users/{NOBODY}", {"bogus": 1}, If_Match='"x"').status_code == 404
    assert rfc("PUT", path, {"bogus": 1}, If_Match='"x"').status_code == 412
    assert rfc("PUT", path, taken | {"title": 5}).status_code == 400
    assert rfc("PUT", path, taken).status_code == 409


def test_er_06_details_name_what_is_wrong_and_no_secret(rfc: Client) -> None:
    body = {"schemas": [USER_URN], "userName": 5, "title": [], "emails": [{"value": 7}], "password": {"x": "secret-7"}}
    error = rfc("POST", "/Users", body).get_json()["detail"]
    for name in ("userName", "emails", "password"):
        assert name in error, error
    assert "secret-7" not in error
    user = rfc.user("a")["id"]
    good, bad = ({"op": "add", "path": path, "value": "x"} for path in ("title", "bogus"))
    assert "bogus" in rfc.patch(f"/Users/{user}", good, bad).get_json()["detail"]
    group = rfc("POST", "/Groups", {"schemas": [GROUP_URN]}).get_json()["detail"]
    assert "displayName" in group


def test_ht_23_a_failure_of_ours_tells_nothing_of_us(rfc: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("mongodb://secret-host Traceback /srv/app.py")

    monkeypatch.setattr("app.provider.Provider.create", fail)
    answer = rfc("POST", "/Users", {"schemas": [USER_URN], "userName": "a"})
    assert answer.status_code == 500
    for word in ("mongodb", "secret-host", "Traceback", "/srv", "RuntimeError"):
        assert word not in answer.text


def test_authentication_and_the_operation_share_one_time_budget(
    rfc: Client, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = Database.budget
    monkeypatch.setattr(Database, "budget", lambda database, seconds=1.25: budget(database, seconds))
    with fault(["find", "aggregate"], "alwaysOn", blockConnection=True, blockTimeMS=500):
        late = rfc("GET", f"/Users/{NOBODY}")  # its token, its tenant and the user: three times half a second
    assert late.status_code == 503 and late.headers["Retry-After"]
    assert rfc("GET", f"/Users/{NOBODY}").status_code == 404


@pytest.mark.parametrize("failure", [
    RuntimeError("Zyx9Marked"), pymongo.errors.WriteError("Zyx9Marked", 121), Unavailable("Later."), KeyError("Zyx9Marked"),
])
def test_a_log_line_that_cannot_be_written_changes_no_answer(
    rfc: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, failure: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr("app.store.log.events.Events.append", fail)
    assert rfc("POST", "/Users", {"schemas": [USER_URN], "title": "T"}).status_code == 400
    rfc.headers = {"Authorization": "Bearer wrong"}
    assert rfc("POST", "/Users", {"schemas": [USER_URN], "title": "T"}).status_code == 401
    lines = [record.getMessage() for record in caplog.records if "its refusal is not in" in record.getMessage()]
    assert len(lines) == 2 and not any("Zyx9Marked" in line for line in lines)


@pytest.mark.parametrize(("token", "begins"), [
    ("", "app.provider.Provider.create"), ("wrong", "app.store.accounts.tokens.Tokens.find"),
])
def test_sc_05_the_log_line_of_a_refusal_has_what_is_left_of_the_requests_budget(
    rfc: Client, monkeypatch: pytest.MonkeyPatch, token: str, begins: str
) -> None:
    deadlines: list[float | None] = []

    def hangs(*_: object) -> None:
        deadlines.append(current_deadline())
        if not token:
            raise Unavailable("The database does not answer.")

    def noted(*_: object, **__: object) -> None:
        deadlines.append(current_deadline())

    monkeypatch.setattr(begins, hangs)
    monkeypatch.setattr("app.store.log.events.Events.append", noted)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    rfc("POST", "/Users", {"schemas": [USER_URN], "userName": "a"}, **headers)
    assert len(deadlines) == 2 and deadlines[0] is not None
    assert deadlines[0] == deadlines[1]
