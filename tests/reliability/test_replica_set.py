"""Three members on loopback: the primary is killed and paused under a write load (reliability F1, F3).

No acknowledged write is lost, and clients see at most 503 with `Retry-After` while there is no primary.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from app.embedded.binary import find_binary
from app.store.mongo.database import connect
from tests.conftest import free_port, make_server
from tests.reliability.load import Load

ROUNDS = 10
NAME = "three"


@dataclass
class Member:
    """One mongod."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [find_binary(), "--dbpath", str(self.folder), "--port", str(self.port), "--bind_ip", "127.0.0.1",
             "--replSet", NAME, "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64",
             "--setParameter", "diagnosticDataCollectionEnabled=false", "--logpath", str(self.folder / "log")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )

    def client(self) -> MongoClient:
        return MongoClient("127.0.0.1", self.port, directConnection=True, serverSelectionTimeoutMS=5_000)


@dataclass
class ReplicaSet:
    """Three of them."""

    members: list[Member] = field(default_factory=list)

    @property
    def uri(self) -> str:
        return "mongodb://" + ",".join(f"127.0.0.1:{m.port}" for m in self.members) + f"/?replicaSet={NAME}"

    def start(self) -> None:
        for member in self.members:
            member.start()
        hosts = [{"_id": n, "host": f"127.0.0.1:{m.port}"} for n, m in enumerate(self.members)]
        for _ in range(100):
            try:
                with self.members[0].client() as client:
                    client.admin.command("replSetInitiate", {"_id": NAME, "members": hosts})
                break
            except PyMongoError:
                time.sleep(0.2)
        self.primary()

    def primary(self, seconds: float = 60) -> Member:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for member in self.members:
                try:
                    with member.client() as client:
                        if client.admin.command("hello")["isWritablePrimary"]:
                            return member
                except PyMongoError:
                    continue
            time.sleep(0.1)
        raise AssertionError("there is no primary")

    def stop(self) -> None:
        for member in self.members:
            member.process.kill()
            member.process.wait(30)


@pytest.fixture
def three(tmp_path: Path) -> Iterator[ReplicaSet]:
    replica_set = ReplicaSet([Member(tmp_path / f"m{n}", free_port()) for n in range(3)])
    replica_set.start()
    yield replica_set
    replica_set.stop()


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_primary_is_killed_and_paused(three: ReplicaSet, tmp_path: Path) -> None:
    server = make_server(tmp_path, SCIMD_MONGODB_URI=three.uri, SCIMD_WORKERS="2")
    server.start()
    server.command("tenant", "create", "failover", "--profile", "entra")
    token = server.command("token", "issue", "failover").strip()
    database = connect(three.uri)
    pauses: list[tuple[str, float]] = []
    try:
        with Load(f"{server.url}/failover/scim/v2", token, database, "failover") as load:
            load.wait_for(5)
            for number in range(ROUNDS):
                primary, start = three.primary(), time.monotonic()
                kind = "kill" if number % 2 == 0 else "pause"
                os.kill(primary.process.pid, signal.SIGKILL if kind == "kill" else signal.SIGSTOP)
                load.wait_for(2, 120)
                pauses.append((kind, time.monotonic() - start))
                if kind == "kill":
                    primary.process.wait(10)
                    primary.start()
                else:
                    os.kill(primary.process.pid, signal.SIGCONT)
                time.sleep(3)
                load.wait_for(5, 120)
        load.check()
        shown = ", ".join(f"{kind} {seconds:.1f} s" for kind, seconds in pauses)
        print(f"{ROUNDS} rounds: {len(load.created)} users, answers {load.statuses}, no answer {load.broken}; "
              f"writes succeed again after: {shown}")
        assert load.broken == 0
    finally:
        server.stop()
