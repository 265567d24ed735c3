"""A replica set is initiated, joined and waited for, on real processes of mongod that belong to none."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient

from app.embedded.binary import find_binary
from app.store.mongo.database import StoreError
from app.store.mongo.replica_set import initiate
from tests.conftest import SCIMD, end_with_parent, free_port
from tests.processes import until


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[list[str]]:
    """Two mongods that wait to be members of the replica set `fresh`."""
    processes, names = [], []
    for number in (1, 2):
        folder, port = tmp_path / str(number), free_port()
        folder.mkdir()
        command = [
            str(find_binary()), "--replSet", "fresh", "--port", str(port), "--dbpath", str(folder), "--bind_ip",
            "127.0.0.1", "--wiredTigerCacheSizeGB", "0.25", "--quiet", "--nounixsocket",
        ]
        processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=end_with_parent))
        names.append(f"127.0.0.1:{port}")
    yield names
    for process in processes:
        process.kill()
        process.wait()


def members(uri: str) -> list[str]:
    with MongoClient(uri) as client:
        return sorted(client.admin.command("hello")["hosts"])


@pytest.mark.long
def test_it_is_initiated_once_and_joined(hosts: list[str]) -> None:
    said: list[str] = []
    one, both = (f"mongodb://{','.join(names)}/?replicaSet=fresh" for names in (hosts[:1], hosts))
    initiate(one, 60, said.append)
    assert members(one) == hosts[:1]
    initiate(both, 60, said.append)
    until(lambda: members(both) == sorted(hosts))
    told = list(said)
    initiate(both, 60, said.append)
    assert said == told, "a second time there is nothing to do"
    assert told[-2:] == [f"Initiated the replica set fresh of {hosts[0]}.", f"Added {hosts[1]} to the replica set."]


@pytest.mark.long
def test_the_command_becomes_what_follows_it(hosts: list[str]) -> None:
    done = subprocess.run(
        [SCIMD, "mongo", "init", sys.executable, "-c", "print('became')"], capture_output=True, text=True, timeout=90,
        env={"SCIMD_MONGODB_URI": f"mongodb://{hosts[0]}/?replicaSet=fresh"}, check=False,
    )
    assert (done.returncode, done.stdout) == (0, "became\n"), done.stderr


def test_nobody_answers() -> None:
    uri = f"mongodb://127.0.0.1:{free_port()}/?replicaSet=fresh"
    with pytest.raises(StoreError, match="MongoDB is not ready after 0 seconds"):
        initiate(uri, 0, lambda sentence: None)


@pytest.mark.parametrize("uri", ["mongodb://one:two:three/", "mongodb://one:99999/", "one"])
def test_a_wrong_connection_string_is_not_waited_for(uri: str) -> None:
    with pytest.raises(StoreError, match="connection string cannot be used"):
        initiate(uri, 60, pytest.fail)


def test_the_private_database_needs_none(tmp_path: Path) -> None:
    done = subprocess.run([SCIMD, "mongo", "init"], capture_output=True, text=True, env={}, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("scimd: SCIMD_MONGODB_URI is not set")
