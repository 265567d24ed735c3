"""The master and its workers: what becomes of an address when it is killed, and of connections that stay open."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.cli.test_serve import answers
from tests.conftest import SCIMD, Server, make_server, new_database
from tests.processes import until
from tests.reliability.test_drain import workers


@pytest.fixture
def server(tmp_path: Path, mongod_uri: str) -> Iterator[Server]:
    server = make_server(tmp_path, SCIMD_WORKERS="2", SCIMD_MONGODB_URI=new_database(mongod_uri))
    server.start()
    yield server
    if server.process and server.process.poll() is None:
        assert server.stop() == 0


def connect(server: Server) -> socket.socket:
    parts = urlsplit(server.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=30)


@pytest.mark.long
def test_sc_12_a_master_that_is_killed_is_followed_by_the_next_at_once(server: Server) -> None:
    """Clients hold connections of the old workers, and one holds a request that is not finished."""
    assert server.process
    with ExitStack() as open_connections:
        for _ in range(20):
            line = open_connections.enter_context(connect(server))
            line.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert line.recv(65_536).startswith(b"HTTP/1.1 200")
        half = open_connections.enter_context(connect(server))
        half.sendall(b"POST /x/scim/v2/Users HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
        server.process.kill()
        server.process.wait()
        server.start()
        until(lambda: len(workers(server)) == 2)  # until then, an old worker may have answered
        until(lambda: answers(server))
    assert "Can't connect" not in server.log.read_text()


@pytest.mark.long
def test_sc_12_an_address_that_is_not_let_go_of_is_one_sentence_with_the_process(server: Server) -> None:
    assert server.stop() == 0
    server.installed = True  # its name is in the sentence
    server.start()
    stuck = min(workers(server))
    os.kill(stuck, signal.SIGSTOP)
    try:
        assert server.process
        server.process.kill()
        server.process.wait()
        done = subprocess.run([SCIMD, "serve"], env=server.environ, capture_output=True, text=True, timeout=60, check=False)
    finally:
        os.kill(stuck, signal.SIGKILL)
    assert done.returncode == 1
    (said,) = [line for line in done.stderr.splitlines() if '"level":"info"' not in line]
    where = server.url.removeprefix("http://")
    assert said.startswith(f"scimd: {where} is in use by process {stuck} (")
    assert said.endswith("serve): end that, or set SCIMD_BIND to another address.")


def test_sc_07_a_connection_ends_after_a_hundred_answers(live_server: Server) -> None:
    with requests.Session() as session:
        answers = [session.get(f"{live_server.url}/healthz", timeout=30) for _ in range(250)]
    assert {answer.status_code for answer in answers} == {200}
    last = [number for number, answer in enumerate(answers, 1) if answer.headers["Connection"] == "close"]
    assert last == [100, 200]


@pytest.mark.long
def test_sc_07_a_new_worker_gets_its_share_of_clients_that_stay(server: Server) -> None:
    clients = [requests.Session() for _ in range(8)]

    def send(client: requests.Session, number: int) -> set[int]:
        return {client.get(f"{server.url}/healthz", timeout=30).status_code for _ in range(number)}

    def all_send(number: int) -> None:
        with ThreadPoolExecutor(8) as pool:
            assert set().union(*pool.map(send, clients, [number] * 8)) == {200}

    until(lambda: len(workers(server)) == 2)
    old, left = sorted(workers(server))
    os.kill(old, signal.SIGSTOP)
    all_send(1)  # they are all with the one that is left
    os.kill(old, signal.SIGKILL)
    until(lambda: len(workers(server)) == 2 and old not in workers(server))
    all_send(100)
    (new,) = workers(server) - {left}
    before = ticks(new), ticks(left)

    def has_its_share() -> bool:
        all_send(100)  # each client connects once more, to whichever worker is quicker
        worked = ticks(new) - before[0], ticks(left) - before[1]
        return min(worked) > 0.15 * sum(worked)

    until(has_its_share, 60)


def ticks(process: int) -> int:
    """Return the processor time that a process has taken, in ticks."""
    stat = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(stat[11]) + int(stat[12])


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_fa_21_a_server_in_the_background_of_a_script_stops_on_either_signal(tmp_path: Path, number: signal.Signals, mongod_uri: str) -> None:
    server = make_server(tmp_path, SCIMD_MONGODB_URI=new_database(mongod_uri))
    with server.log.open("ab") as log:
        server.process = subprocess.Popen(
            ["bash", "-c", f"trap '' INT QUIT; exec {SCIMD} serve"], env=server.environ, cwd=tmp_path, stdout=log, stderr=log
        )

    until(lambda: answers(server))
    os.kill(server.process.pid, number)
    assert server.process.wait(30) == 0
