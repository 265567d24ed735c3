"""A database that stands still: each request is refused when its budget of 20 seconds is spent, and not later."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
import requests

from app.store.mongo.database import REQUEST_SECONDS
from tests.blueprints.conftest import PATCH_URN, USER_URN
from tests.conftest import make_server
from tests.processes import of_folder

FULL = {"displayName": "A", "name": {"givenName": "G", "familyName": "F", "formatted": "G F"}}
GRACE = 4.0
"""Seconds on top: what a spent transaction still holds is given up outside of the budget (1 s)."""


@pytest.mark.long
def test_sc_05_writes_are_answered_while_the_database_stands_still(tmp_path: Path) -> None:
    server = make_server(tmp_path, SCIMD_WORKERS="1")
    server.start()
    base, token = server.create_tenant()
    [mongod] = of_folder(tmp_path, "mongod --")

    def send(method: str, path: str, body: object) -> requests.Response:
        return requests.request(
            method, base + path, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=60
        )

    user = send("POST", "/Users", {"schemas": [USER_URN], "userName": "a"} | FULL).json()["id"]
    patch = {"schemas": [PATCH_URN], "Operations": [{"op": "replace", "path": "title", "value": "T"}]}
    wanted = [("POST", "/Users", {"schemas": [USER_URN], "userName": "b"} | FULL), ("PATCH", f"/Users/{user}", patch)]
    try:
        with ThreadPoolExecutor(2) as pool:
            os.kill(mongod, signal.SIGSTOP)
            try:
                sent = [pool.submit(send, *each) for each in wanted]
                done, late = wait(sent, REQUEST_SECONDS + GRACE)
            finally:
                os.kill(mongod, signal.SIGCONT)
            assert not late
            assert [each.result().status_code for each in done] == [503, 503]
    finally:
        assert server.stop() == 0
