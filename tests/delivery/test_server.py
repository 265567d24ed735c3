"""The sender in a real server of two workers: when its process is killed or stopped, the other worker goes on."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator

import pytest
import requests

from app.store.delivery.delivery_lease import sender
from app.store.delivery.endpoints import Endpoints
from bench.processes import memory
from tests.blueprints.conftest import USER_URN
from tests.conftest import Server, make_server, new_database
from tests.delivery.target import Reply, Target
from tests.processes import until

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, mongod_uri: str) -> Iterator[Server]:
    settings = {"SCIMD_WORKERS": "2", "SCIMD_WEBHOOK_NETWORKS": "127.0.0.0/8"}
    server = make_server(tmp_path_factory.mktemp("two"), **settings, SCIMD_MONGODB_URI=new_database(mongod_uri))
    server.start()
    yield server
    assert server.stop() == 0


def owner(server: Server) -> int:
    """Return the process that sends."""
    until(lambda: sender(server.database), 30)
    return int((sender(server.database) or "0 0").split()[1])


def create_users(url: str, token: str, *names: str) -> list[str]:
    headers = {"Authorization": f"Bearer {token}"}
    made = []
    for name in names:
        answer = requests.post(f"{url}/Users", json={"schemas": [USER_URN], "userName": name}, headers=headers, timeout=30)
        assert answer.status_code == 201
        made.append(answer.json()["id"])
    return made


def told(target: Target) -> set[str]:
    return {each.event["data"]["id"] for each in target.accepted}


@pytest.mark.parametrize("way", [signal.SIGKILL, signal.SIGTERM])
def test_ev_139_when_the_sender_is_gone_the_other_worker_goes_on(two: Server, target: Target, way: signal.Signals) -> None:
    url, token = two.create_tenant(profile="interop")
    made = json.loads(two.command("webhook", "create", url.split("/")[3], target.url, "--json"))
    users = create_users(url, token, "ann", "bob")
    until(lambda: told(target) == {*users})
    first = owner(two)
    target.reply = lambda _: Reply(seconds=1.0)
    users += create_users(url, token, *[f"user-{number}" for number in range(12)])
    os.kill(first, way)
    until(lambda: owner(two) != first, 60)
    target.reply = lambda _: Reply()
    users += create_users(url, token, "eve")
    until(lambda: told(target) == {*users}, 60)
    two.command("webhook", "delete", made["id"])


def test_ev_95_a_paused_sender_that_wakes_up_writes_nothing(two: Server, target: Target) -> None:
    url, token = two.create_tenant(profile="interop")
    made = json.loads(two.command("webhook", "create", url.split("/")[3], target.url, "--json"))
    users = create_users(url, token, "ann")
    until(lambda: told(target) == {*users})
    first = owner(two)
    os.kill(first, signal.SIGSTOP)
    try:
        until(lambda: owner(two) != first, 60)
        second = owner(two)
    finally:
        os.kill(first, signal.SIGCONT)
    users += create_users(url, token, "bob", "eve")
    until(lambda: told(target) == {*users}, 60)
    assert owner(two) == second
    place = two.database.db.endpoints.find_one({"_id": made["id"]})["place"]
    users += create_users(url, token, "kim")
    until(lambda: told(target) == {*users})
    until(lambda: two.database.db.endpoints.find_one({"_id": made["id"]})["place"] > place)
    two.command("webhook", "delete", made["id"])


def test_ev_139_fifty_silent_endpoints_cost_little_memory(two: Server, target: Target) -> None:
    url, token = two.create_tenant(profile="interop")
    tenant = url.split("/")[3]
    made = json.loads(two.command("webhook", "create", tenant, target.url, "--json"))
    users = create_users(url, token, *[f"user-{number}" for number in range(150)])
    until(lambda: told(target) == {*users}, 60)
    worker = owner(two)
    before = memory(worker)
    endpoints = Endpoints(two.database)
    with socket.create_server(("127.0.0.1", 0), backlog=256) as silent:
        there = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        dead = [endpoints.create(tenant, place=0, url=there).id for _ in range(50)]
        users += create_users(url, token, *[f"more-{number}" for number in range(50)])
        until(lambda: told(target) == {*users}, 60)
        connections = [silent.accept()[0] for _ in range(16)]  # half of the threads send to them
        until(lambda: two.database.db.endpoints.count_documents({"_id": {"$in": dead}, "turn": {"$gt": 0}}) == 50, 60)
        users += create_users(url, token, "last")
        until(lambda: told(target) == {*users}, 60)
        assert owner(two) == worker
        assert memory(worker) - before < 10
        for each in dead:
            endpoints.delete(each)
        for connection in connections:
            connection.close()
    two.command("webhook", "delete", made["id"])
