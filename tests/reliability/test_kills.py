"""SIGKILL of a worker, of gunicorn's master and of mongod at random moments under a write load (issue: faults F16, F1).

Every acknowledged write is there, none is half there, each has its log line, and the load goes on by itself.
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from app.embedded import private
from app.store.mongo.database import connect
from tests.conftest import Server, make_server
from tests.processes import children, of_folder, until
from tests.reliability.load import Load

ROUNDS = [
    pytest.param(3, id="3 rounds"),
    pytest.param(51, id="51 rounds", marks=[pytest.mark.long, pytest.mark.timeout(1800)]),
]


def workers(server: Server) -> list[int]:
    return [child for child in children(server.process.pid) if "mongod" not in Path(f"/proc/{child}/cmdline").read_text()]


def kill_worker(server: Server) -> None:
    os.kill(random.choice(workers(server)), signal.SIGKILL)


def kill_master(server: Server) -> None:
    left = workers(server)
    server.process.kill()
    server.process.wait(10)
    until(lambda: not any(alive(worker) for worker in left))  # its workers see that it is gone, and end
    server.start()


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill_mongod(server: Server) -> None:
    for process in of_folder(server.folder / "data", "--replSet"):
        os.kill(process, signal.SIGKILL)


KILLS = (kill_worker, kill_mongod, kill_master)


@pytest.mark.parametrize("rounds", ROUNDS)
def test_whatever_is_killed_no_acknowledged_write_is_lost(tmp_path: Path, rounds: int) -> None:
    server = make_server(tmp_path, SCIMD_WORKERS="2")
    server.start()
    url, token = server.create_tenant("kills", "entra")
    database = connect(private.MongodFolder(tmp_path / "data").uri())
    try:
        with Load(url, token, database, "kills") as load:
            load.wait_for(5)
            for number in range(rounds):
                KILLS[number % len(KILLS)](server)
                time.sleep(random.uniform(0, 0.5))
                load.wait_for(5)
        load.check()
        print(f"{rounds} kills: {len(load.created)} users, answers {load.statuses}, no answer {load.broken}, "
              f"longest pause {load.slowest:.1f} s")
    finally:
        server.stop()
