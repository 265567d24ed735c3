"""FA-20: no attribute value is in any log, whatever goes wrong: MongoDB's errors repeat documents, our bugs their values."""

from __future__ import annotations

import ast
import json
import logging
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo.errors
import pytest
import requests

from app.errors import InvalidValue, Unavailable, describe
from app.store.mongo.failures import StoreError, reason
from app.telemetry import logs
from tests.conftest import Server, end_with_parent, make_server, new_database
from tests.processes import until
from tests.telemetry.test_logs import MARK, marked_user, patch

ROOT = Path(__file__).parents[2]
GUNICORN = str(Path(sys.executable).with_name("gunicorn"))
THREAD = "buggy"
BUGGY = f"""
import threading
from app import create_app

def application():
    app = create_app()

    @app.get("/buggy/<kind>/<value>")
    def bug(kind, value):
        threading.Thread(target=int, args=(value,), name="{THREAD}").start()
        return str(int(value) if kind == "ValueError" else {{}}[value])

    return app
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = make_server(tmp_path_factory.mktemp("values"), SCIMD_WORKERS="1")  # one that prepares the collections
    server.start()
    yield server
    assert server.stop() == 0


def written(server: Server) -> str:
    """Return all that the server, the keeper and the private mongod have logged, in lower case."""
    files = [server.log, *(server.folder / "data").rglob("*.log*")]
    assert len(files) >= 3
    return "\n".join(file.read_text(errors="replace") for file in files).lower()


def traces(server: Server, request_id: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in server.log.read_text().splitlines() if request_id in line]
    return [row for row in rows if "exception" in row]


def answers(server: Server) -> bool:
    try:
        return requests.get(f"{server.url}/readyz", timeout=30).status_code == 200
    except requests.ConnectionError:
        return False


def fails(server: Server, answer: requests.Response, kind: str) -> None:
    """Check that a request has failed, that the log says where and with what type of exception, and no value at all."""
    assert answer.status_code == 500
    assert MARK.lower() not in answer.text.lower()
    request_id = answer.headers["X-Request-Id"]
    until(lambda: traces(server, request_id))
    row = traces(server, request_id)[-1]  # where its refusal cannot be logged either, that comes first
    assert kind in row["exception"] and "app/blueprints/" in row["exception"]
    assert MARK.lower() not in written(server)


def test_fa_20_a_document_that_the_database_refuses(server: Server) -> None:
    """WriteError: MongoDB's answer repeats the value that has failed the validator."""
    url, token = server.create_tenant()
    users = server.database.db.users
    validator = users.options()["validator"]
    harder = {"$and": [validator, {"$jsonSchema": {"properties": {"title": {"maxLength": 3}}}}]}
    server.database.db.command("collMod", "users", validator=harder)
    try:
        person = marked_user() | {"title": MARK}
        fails(server, requests.post(f"{url}/Users", json=person, headers={"Authorization": f"Bearer {token}"}, timeout=30), "WriteError")
    finally:
        server.database.db.command("collMod", "users", validator=validator)


def test_fa_20_a_key_that_is_there_already(server: Server) -> None:
    """DuplicateKeyError: MongoDB's answer repeats the key; here the one of an index that an operator has added."""
    url, token = server.create_tenant()
    headers = {"Authorization": f"Bearer {token}"}
    key = [("tenant", 1), ("status", 1), ("resource.name", 1)]
    ours = {"tenant": url.split("/")[3]}
    server.database.db.events.create_index(key, name="mine", unique=True, partialFilterExpression=ours)
    try:
        person = marked_user()
        user = requests.post(f"{url}/Users", json=person, headers=headers, timeout=30).json()
        change = patch({"op": "replace", "path": "nope", "value": MARK})  # changes nothing, and has a line in the log
        assert requests.patch(f"{url}/Users/{user['id']}", json=change, headers=headers, timeout=30).status_code == 200
        fails(server, requests.patch(f"{url}/Users/{user['id']}", json=change, headers=headers, timeout=30), "DuplicateKeyError (11000")
    finally:
        server.database.db.events.drop_index("mine")


def test_fa_20_a_bug_of_ours_whose_text_has_a_value(tmp_path: Path, mongod_uri: str) -> None:
    """The application with one bug in it, under gunicorn: `int` and a dictionary repeat what they were given."""
    (tmp_path / "buggy.py").write_text(BUGGY)
    server = make_server(tmp_path, SCIMD_WORKERS="1", PYTHONPATH=f"{tmp_path}:{ROOT}", SCIMD_MONGODB_URI=new_database(mongod_uri))
    with server.log.open("ab") as log:
        server.process = subprocess.Popen(
            [GUNICORN, "buggy:application()"], cwd=ROOT, env=server.environ, stdout=log, stderr=log,
            start_new_session=True, preexec_fn=end_with_parent,
        )
    try:
        until(lambda: answers(server), 60)
        for kind in ("ValueError", "KeyError"):
            answer = requests.get(f"{server.url}/buggy/{kind}/{MARK}", timeout=30)
            assert answer.status_code == 500
            until(lambda: traces(server, answer.headers["X-Request-Id"]))  # noqa: B023 - within the round
            assert kind in traces(server, answer.headers["X-Request-Id"])[0]["exception"]
    finally:
        assert server.stop() == 0
    until(lambda: f"the thread {THREAD} has ended" in server.log.read_text())
    assert MARK.lower() not in server.log.read_text().lower()


def test_fa_20_an_address_of_a_request_that_fails(server: Server) -> None:
    url, token = server.create_tenant()
    tenant = url.split("/")[3]
    broken = {"_id": MARK, "tenant": tenant, "schemas": ["x"], "userName": MARK, "meta": {"created": MARK}}
    server.database.db.users.insert_one(broken, bypass_document_validation=True)
    fails(server, requests.get(f"{url}/Users/{MARK}", headers={"Authorization": f"Bearer {token}"}, timeout=30), "Error")


def test_fa_20_the_private_mongod_does_not_log_what_is_slow(server: Server) -> None:
    """A slow command's line would repeat its filter and its documents: no command is slow enough for one."""
    assert server.database.db.command("profile", -1)["slowms"] > 24 * 3_600_000


DUPLICATE = pymongo.errors.DuplicateKeyError(
    f'E11000 duplicate key error collection: scimd.users index: u dup key: {{ userName: "{MARK}" }}', 11000,
    {"code": 11000, "keyValue": {"userName": MARK}, "errmsg": f'E11000 dup key: {{ userName: "{MARK}" }}'},
)
WRITE = pymongo.errors.WriteError("Document failed validation", 121, {
    "code": 121, "errmsg": "Document failed validation", "errInfo": {"details": {"consideredValue": MARK}}})
BULK = pymongo.errors.BulkWriteError({"writeErrors": [{"code": 121, "op": {"userName": MARK}, "errmsg": MARK}]})
ERRORS = [
    (DUPLICATE, "DuplicateKeyError (11000)"), (WRITE, "WriteError (121)"), (BULK, "BulkWriteError (65, 121)"),
    (KeyError(MARK), "KeyError"), (InvalidValue(f"userName: {MARK}"), "InvalidValue"),
    (FileNotFoundError(2, "No such file or directory", MARK), "FileNotFoundError (No such file or directory)"),
    (StoreError("The index is missing."), "StoreError: The index is missing."), (Unavailable("Later."), "Unavailable: Later."),
]


@pytest.mark.parametrize(("error", "told"), ERRORS, ids=[told for _, told in ERRORS])
def test_fa_20_what_is_told_of_an_exception(error: Exception, told: str) -> None:
    assert describe(error) == told


@pytest.mark.parametrize("error", [DUPLICATE, WRITE], ids=["duplicate", "write"])
def test_fa_20_the_reason_that_an_operator_is_told_has_no_value(error: pymongo.errors.OperationFailure) -> None:
    assert MARK not in reason(error)


def test_fa_20_a_trace_has_all_that_led_to_it_and_no_text() -> None:
    def fail() -> None:
        try:
            try:
                raise DUPLICATE
            except pymongo.errors.DuplicateKeyError as error:
                raise KeyError(MARK) from error
        except KeyError:
            raise ValueError(MARK)  # noqa: B904 - the context is shown as well

    with pytest.raises(ValueError, match=MARK) as raised:
        fail()
    told = logs.trace(raised.value)
    assert [told.index(name) for name in ("DuplicateKeyError (11000)", "KeyError", "ValueError")] == sorted(
        told.index(name) for name in ("DuplicateKeyError (11000)", "KeyError", "ValueError"))
    assert MARK not in told and "in fail" in told


def test_fa_20_a_thread_that_ends_is_logged_without_the_text(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(threading, "excepthook", logs._thread_ended)

    def fail() -> None:
        raise ValueError(MARK)

    thread = threading.Thread(target=fail, name="counting")
    with caplog.at_level(logging.ERROR, "scimd"):
        thread.start()
        thread.join()
    (record,) = caplog.records
    assert MARK in logging.Formatter().format(record)  # what the standard library would write
    assert "counting" in record.getMessage() and MARK not in record.getMessage()


def log_calls(tree: ast.AST) -> Iterator[tuple[ast.ExceptHandler, ast.Call]]:
    """Yield each call of a logger inside a handler that has a name for its exception."""
    for handler in ast.walk(tree):
        if isinstance(handler, ast.ExceptHandler) and handler.name:
            for node in ast.walk(handler):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "log":
                    yield handler, node


def test_fa_20_no_line_of_ours_prints_an_exception_but_through_describe() -> None:
    found, seen = [], 0
    for path in sorted((ROOT / "app").rglob("*.py")):
        text = path.read_text()
        if not (re.search(r"except .* as ", text) and re.search(r"\blog\.\w+\(", text)):
            continue  # to parse all modules takes half a second
        for handler, call in log_calls(ast.parse(text)):
            for argument in call.args:
                told = ast.unparse(argument)
                seen += f"describe({handler.name})" in told
                rest = told.replace(f"describe({handler.name})", "")
                if any(isinstance(node, ast.Name) and node.id == handler.name for node in ast.walk(ast.parse(rest or "0"))):
                    found.append(f"{path.name}:{call.lineno}")
    assert found == [] and seen >= 5
