"""scimd serve, for real: gunicorn, its signals, the private mongod, and the commands beside it."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from app.embedded import private
from app.store.mongo.database import connect
from tests.commands import Done, run_command
from tests.conftest import SCIMD, Server, make_server, new_database
from tests.forking import fork
from tests.processes import children, of_folder, until

ROOT = Path(__file__).parents[2]
GUNICORN = str(Path(sys.executable).with_name("gunicorn"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Yield a server that is not started yet, and see to it that nothing of it is left running."""
    server = make_server(tmp_path, SCIMD_WORKERS="2", SCIMD_THREADS="32")
    yield server
    if server.process and server.process.poll() is None:
        server.process.kill()
        server.process.wait()
    until(lambda: not running(server))


def running(server: Server) -> list[int]:
    """Return the processes of a server: its own, their children, and what belongs to its folder."""
    ours = of_folder(server.folder)
    if server.process:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    stat = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                if int(stat[2]) == server.process.pid and stat[0] != "Z":
                    ours.append(int(entry.name))
    return ours


def by_commands(server: Server, name: str) -> tuple[str, str]:
    """Create a tenant as an operator does; return its SCIM URL and a token."""
    tenant = json.loads(by_program(server, "tenant", "create", name, "--json"))
    return tenant["tenant_url"], by_program(server, "token", "issue", name).strip()


def by_program(server: Server, *arguments: str) -> str:
    """Run the installed `scimd` in a process of its own, and return what it prints."""
    return subprocess.run(
        [SCIMD, *arguments], env=server.environ, cwd=server.folder, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=120, check=True,
    ).stdout


def user(number: int) -> dict[str, object]:
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": f"u{number}@example.com", "active": True,
        "displayName": "U", "name": {"givenName": "U", "familyName": "V", "formatted": "U V"},
    }


def create(base: str, token: str, number: int, seconds: float = 30) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.post(f"{base}/Users", json=user(number), headers=headers, timeout=seconds).status_code


def total(base: str, token: str) -> int:
    answer = requests.get(f"{base}/Users?count=0", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["totalResults"])


@pytest.mark.long
@pytest.mark.parametrize("how", ["SIGTERM", "Ctrl-C"])
def test_it_serves_and_leaves_nothing_behind_but_the_data(server: Server, how: str) -> None:
    server.installed = True
    if how == "SIGTERM":
        base, token = by_commands(server, "acme")  # while nothing runs
        assert running(server) == []
    server.start()
    assert server.process
    if how == "SIGTERM":
        assert create(base, token, 1) == 201
        assert create(*server.create_tenant("other"), 1) == 201
        assert json.loads(by_program(server, "tenant", "list", "--json"))  # while it runs
        assert server.stop() == 0
    else:
        base, token = server.create_tenant("acme")
        assert create(base, token, 1) == 201
        os.killpg(server.process.pid, signal.SIGINT)
        assert server.process.wait(20) == 0  # less than the time after which a worker is killed
    assert running(server) == []
    server.start()
    assert total(base, token) == 1
    assert server.stop() == 0
    assert "Traceback" not in server.log.read_text()


@pytest.mark.long
def test_the_page_of_the_demo(server: Server) -> None:
    people = []
    for start in range(2):
        server.start("--demo")
        page = server.page.read_text()
        assert "Entra connects to public HTTPS addresses only" in page
        url, token = (re.search(rf"{name} +(\S+)", page)[1] for name in ("Tenant URL", "Secret Token"))  # type: ignore[index]
        assert url == f"{server.url}/demo/scim/v2"
        command = shlex.split(re.search(r"^ +(curl .*)$", page, re.MULTILINE)[1])  # type: ignore[index]
        answer = subprocess.run([*command, "-s", "-w", "%{http_code}"], capture_output=True, text=True, check=True)
        assert answer.stdout.endswith("200")
        people.append(total(url, token))
        assert create(url, token, start) == 201
        assert server.stop() == 0
    assert people == [people[0], people[0] + 1]


@pytest.mark.long
@pytest.mark.parametrize("folder", ["root", pytest.param("elsewhere", marks=pytest.mark.long)])
def test_gunicorn_itself_starts_the_same(server: Server, folder: str, mongod_uri: str) -> None:
    server.environ["SCIMD_MONGODB_URI"] = new_database(mongod_uri)
    settings = [] if folder == "root" else ["--bind", server.environ["SCIMD_BIND"], "--worker-class", "gthread", "--workers", "2"]
    environ = server.environ | {"PYTHONPATH": str(ROOT)}
    with server.log.open("ab") as log:
        server.process = subprocess.Popen(
            [GUNICORN, *settings, "app:create_app()"], cwd=ROOT if folder == "root" else server.folder, env=environ,
            stdout=log, stderr=log, start_new_session=True,
        )
    until(lambda: answers(server), 60)
    assert create(*server.create_tenant("acme"), 1) == 201
    assert server.stop() == 0
    until(lambda: not running(server), 5)


def answers(server: Server, path: str = "/readyz") -> bool:
    assert server.process
    assert server.process.poll() is None, server.log.read_text()
    try:
        return requests.get(f"{server.url}{path}", timeout=30).status_code == 200
    except requests.ConnectionError:
        return False


@pytest.mark.long
@pytest.mark.parametrize("victim", [pytest.param("master", marks=pytest.mark.long), "everything"])
def test_after_kill_9_the_next_start_works(server: Server, victim: str) -> None:
    server.start()
    base, token = server.create_tenant("acme")
    assert server.process
    assert create(base, token, 1) == 201
    for number in [server.process.pid] if victim == "master" else running(server):
        os.kill(number, signal.SIGKILL)
    server.process.wait()
    until(lambda: not running(server), 15)
    server.start()
    assert create(base, token, 1) == 409
    assert create(base, token, 2) == 201
    assert server.stop() == 0


def load(base: str, token: str, trouble: threading.Event, done: threading.Event) -> list[tuple[int, int]]:
    """Create users until it is over; give number and status of each answer, 0 for none."""
    counter, lock, seen = iter(range(10**6)), threading.Lock(), []

    def work() -> None:
        while not done.is_set():
            with lock:
                number = next(counter)
            try:
                status = create(base, token, number)
            except requests.ConnectionError:
                status = 0
            seen.append((number, status))

    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(work)
        time.sleep(0.5)
        trouble.set()
        done.wait()
    return seen


@pytest.mark.parametrize(
    "victim", ["mongod", pytest.param("keeper", marks=pytest.mark.long), pytest.param("worker", marks=pytest.mark.long)]
)
@pytest.mark.long
def test_it_heals_by_itself_under_load(server: Server, victim: str) -> None:
    server.start()
    base, token = server.create_tenant("acme")
    trouble, done = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        running_load = pool.submit(load, base, token, trouble, done)
        trouble.wait()
        assert server.process
        names = {"mongod": "--dbpath", "keeper": "app.embedded.keeper"}
        workers = [number for number in children(server.process.pid) if number not in of_folder(server.folder)]
        target = of_folder(server.folder, names[victim])[0] if victim in names else workers[0]
        os.kill(target, signal.SIGKILL)
        time.sleep(1)
        until(lambda: create(base, token, 10**7) in (201, 409), 20)
        time.sleep(0.5)
        done.set()
        seen = running_load.result()
    created = [number for number, status in seen if status == 201]
    assert seen[-1][1] == 201
    assert {status for _, status in seen} <= ({201, 0} if victim == "worker" else {201, 503})
    headers = {"Authorization": f"Bearer {token}"}
    for number in created:
        query = {"filter": f'userName eq "u{number}@example.com"'}
        found = requests.get(f"{base}/Users", params=query, headers=headers, timeout=30).json()
        assert found["totalResults"] == 1
    assert server.stop() == 0


@pytest.mark.long
def test_a_reload_loses_no_request(server: Server, mongod_uri: str) -> None:
    server.environ["SCIMD_MONGODB_URI"] = new_database(mongod_uri)
    server.start()
    base, token = server.create_tenant("acme")
    trouble, done = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        running_load = pool.submit(load, base, token, trouble, done)
        trouble.wait()
        assert server.process
        server.process.send_signal(signal.SIGHUP)
        time.sleep(2.5)
        done.set()
        seen = running_load.result()
    assert {status for _, status in seen} == {201}
    assert server.stop() == 0


@pytest.mark.long
def test_a_database_that_is_away_at_the_start_is_waited_for(server: Server, tmp_path: Path) -> None:
    place = private.MongodFolder(tmp_path / "other")
    server.environ["SCIMD_MONGODB_URI"] = place.uri()
    with server.log.open("ab") as log:
        server.process = subprocess.Popen(
            [SCIMD, "serve"], env=server.environ, cwd=server.folder, stdout=log, stderr=log, start_new_session=True
        )
    until(lambda: answers(server, "/healthz"), 30)
    answer = requests.get(f"{server.url}/readyz", timeout=30)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert requests.get(f"{server.url}/acme/scim/v2/Users", headers={"Authorization": "Bearer x"}, timeout=30).status_code == 503
    with private.using(tmp_path / "other"):
        until(lambda: answers(server), 30)
        assert create(*server.create_tenant("acme"), 1) == 201
        assert server.stop() == 0
    assert not (server.folder / "data").exists()


# What is wrong is one sentence and no start


INSTALLED, SERVE, LIST, DIRECT = [SCIMD, "serve"], ["serve"], ["tenant", "list"], [GUNICORN, "app:create_app()"]


def ended(arguments: list[str], environ: dict[str, str], folder: Path) -> Done:
    """Run `scimd` by a fork until it ends."""
    out, err = folder / "out", folder / "err"
    with out.open("wb") as shown, err.open("wb") as said:
        status = fork(arguments, environ, folder, shown, said).wait(60)
    return Done(status, out.read_text(), err.read_text())


@pytest.mark.parametrize(("command", "name", "value", "sentence"), [
    (INSTALLED, "SCIMD_THREADS", "many", "SCIMD_THREADS must be a whole number from 1 to 512."),
    pytest.param(DIRECT, "SCIMD_THREADS", "many", "SCIMD_THREADS must be a whole number from 1 to 512.", marks=pytest.mark.long),
    pytest.param(LIST, "SCIMD_THREDS", "4", "There is no setting SCIMD_THREDS; did you mean SCIMD_THREADS?", marks=pytest.mark.long),
    (SERVE, "SCIMD_MONGODB_URI", "mongodb://localhost:x/", "connection string"),
    (LIST, "SCIMD_DATA_DIR", "/proc/nothing", "/proc/nothing"),
    (SERVE, "SCIMD_BIND", "unix:/proc/nothing/s", "unix:/proc/nothing/s cannot be used: No such file or directory;"),
    pytest.param(DIRECT, "SCIMD_DATA_DIR", "/proc/nothing", "/proc/nothing", marks=pytest.mark.long),
    pytest.param(SERVE, "PATH", "{broken}", "SCIMD_MONGODB_URI", marks=pytest.mark.long),
    pytest.param(LIST, "PATH", "{broken}", "SCIMD_MONGODB_URI", marks=pytest.mark.long),
])
def test_what_is_wrong_is_one_sentence(server: Server, command: list[str], name: str, value: str, sentence: str) -> None:
    broken = server.folder / "mongod"
    broken.write_text("no program")
    broken.chmod(0o755)
    environ = server.environ | {name: value.format(broken=f"{server.folder}:{os.environ['PATH']}")}
    if command in (INSTALLED, DIRECT):
        folder = ROOT if command == DIRECT else server.folder
        process = subprocess.run(command, env=environ, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
        done = Done(process.returncode, process.stdout, process.stderr)
    else:
        done = ended(command, environ, server.folder)
    assert done.status == 1
    lines = [line for line in done.err.splitlines() if line and not line.startswith("{")]
    assert len(lines) == 1, done.err
    assert lines[0].startswith("scimd: ")
    assert sentence in lines[0]
    assert done.out == ""


def test_duplicates_in_the_database_are_one_sentence(server: Server, mongod_uri: str) -> None:
    database = connect(mongod_uri, name=f"test-{os.getpid()}-duplicates")
    rows = [{"tenant": "a", "group": "g", "member": "m"} for _ in range(2)]
    database.db.memberships.insert_many(rows)
    environ = server.environ | {"SCIMD_MONGODB_URI": mongod_uri.replace("/scimd?", f"/{database.db.name}?")}
    done = ended(SERVE, environ, server.folder)
    database.client.drop_database(database.db.name)
    database.close()
    assert done.status == 1
    assert "cannot be built" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("command", [
    "serve", "events acme",
    *(pytest.param(each, marks=pytest.mark.long) for each in ("tenant list", "tenant create acme", "token issue acme", "export acme")),
])
def test_fa_08_a_single_server_is_refused_in_one_sentence(server: Server, single_server: str, command: str) -> None:
    environ = server.environ | {"SCIMD_MONGODB_URI": single_server}
    if command == "serve":
        done = ended(SERVE, environ, server.folder)
    else:
        done = run_command(command.split(), environ, server.folder)
    lines = [line for line in done.err.splitlines() if not line.startswith("{")]
    assert (done.status, done.out, len(lines)) == (1, "", 1), done.err
    assert lines[0].startswith("scimd: MongoDB is a single server")
    assert "rs.initiate()" in lines[0]


# scimd mongo uri


def test_what_mongosh_needs(server: Server) -> None:
    uri = server.command("mongo", "uri").strip()
    assert uri == private.MongodFolder(server.folder / "data").uri("directConnection=true")
    assert server.command("mongo", "uri", "--json") == f'{{\n  "uri": "{uri}"\n}}\n'
    server.environ["SCIMD_MONGODB_URI"] = "mongodb://somewhere/x"
    assert server.command("mongo", "uri") == "mongodb://somewhere/x\n"
    assert running(server) == []
