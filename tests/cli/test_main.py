"""The command line as a whole: whatever goes wrong is one sentence and a status."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click
import pytest

from app import cli
from app.cli import connection
from app.cli.connection import Connection
from app.config import Config, ConfigError
from app.errors import NotFound, Unavailable
from app.store.mongo.failures import StoreError
from app.store.open import open_database


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[BaseException], tuple[int, str]]:
    """Run a command that fails, and give its status and what it says."""

    def run(error: BaseException) -> tuple[int, str]:
        @click.command()
        def command() -> None:
            raise error

        monkeypatch.setattr(cli._Commands, "get_command", lambda *_: command)
        status = cli.run(["anything"])
        out, err = capsys.readouterr()
        assert out == ""
        return status, err

    return run


@pytest.mark.parametrize(("error", "said"), [
    (ConfigError("SCIMD_X must be y."), "SCIMD_X must be y."),
    (StoreError("No mongod."), "No mongod."),
    (NotFound("There is no tenant 'x'."), "There is no tenant 'x'."),
    (Unavailable("Try again."), "Try again."),
    (OSError(28, "No space left on device"), "No space left on device"),
    (KeyboardInterrupt(), "Stopped."),
    (ZeroDivisionError("a\nb"), "This is a bug in scimd itself: ZeroDivisionError in "),
])
def test_a_failure_is_one_sentence_and_a_status(fail: Any, error: BaseException, said: str) -> None:
    status, err = fail(error)
    assert status != 0
    assert err.strip().count("\n") == 0
    assert err.strip().startswith("scimd: ")
    assert said in err


def test_a_server_that_is_not_there_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.2)
    asked = Connection({"SCIMD_MONGODB_URI": "mongodb://ann:pa55word@127.0.0.1:1,localhost:2,[::1]:3,%2Ftmp%2Fx.sock/x?replicaSet=rs0"})
    for arguments in (["tenant", "list"], ["events", "acme"], ["tenant", "delete", "acme", "--yes"]):
        assert cli.run(arguments, asked) == 1
        assert capsys.readouterr() == ("", (
            "scimd: No primary MongoDB answered within 0.2 seconds at /tmp/x.sock, 127.0.0.1:1, [::1]:3, localhost:2. Is "
            "it running, and is SCIMD_MONGODB_URI right?\n"
        ))


def test_a_dns_that_does_not_answer_is_no_bug(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """F13 for a name with mongodb+srv://, as Atlas gives it: the driver asks the DNS at each call until it answers."""
    asked: list[object] = []

    def refuse(*names: object, **_: object) -> None:
        asked.append(names)
        raise OSError("no DNS")

    monkeypatch.setattr("pymongo.synchronous.srv_resolver._resolve", refuse)
    away = open_database(Config.from_environment({"SCIMD_MONGODB_URI": "mongodb+srv://cluster.example.com/"}))
    for number in (1, 2):
        with pytest.raises(Unavailable, match="does not answer"):
            away.check()
        assert len(asked) >= number
    assert cli.run(["tenant", "list"], Connection({"SCIMD_MONGODB_URI": "mongodb+srv://cluster.example.com/"})) == 1
    assert "No primary MongoDB answered" in capsys.readouterr().err


def test_a_private_mongod_that_does_not_answer_is_not_blamed_on_a_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.2)
    away = open_database(Config.from_environment({"SCIMD_MONGODB_URI": "mongodb://%2Ftmp%2Fx.sock/?directConnection=true"}))
    assert cli.run(["tenant", "list"], Connection({"SCIMD_DATA_DIR": "/srv/data"}, away)) == 1
    assert capsys.readouterr().err.endswith(
        "at /tmp/x.sock. It is the private mongod; mongod.log and keeper.log in /srv/data/mongodb say why.\n"
    )


@pytest.mark.parametrize("arguments", [["nonsense"], ["tenant", "nonsense"], ["tenant", "list", "--nonsense"], ["token", "issue"]])
def test_what_is_not_there_is_one_sentence(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)


def test_every_command_is_there_and_says_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    for name in cli.COMMANDS:
        assert cli.run([name, "--help"]) == 0
        assert "Usage: scimd" in capsys.readouterr().out
    assert {"serve", "mongo", "tenant", "token"} <= set(cli.COMMANDS)


def test_each_list_of_commands_says_what_they_do_in_a_whole_sentence() -> None:
    """On a terminal of 80 columns click writes 78."""

    def summaries(group: click.Group) -> Iterator[str]:
        context = click.Context(group)
        names = group.list_commands(context)
        for name in names:
            command = group.get_command(context, name)
            assert command is not None
            yield f"{name}: {command.get_short_help_str(78 - 6 - max(map(len, names)))}"
            if isinstance(command, click.Group):
                yield from summaries(command)

    found = list(summaries(cli.scimd))
    assert len(found) >= 100
    assert [each for each in found if not each.endswith(".") or each.endswith("...")] == []


def test_a_mistyped_command_names_the_one_that_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["tennant", "list"]) == 2
    assert capsys.readouterr().err == "scimd: No such command 'tennant'. Did you mean 'tenant'?\n"


def test_a_reader_who_leaves_early_is_no_reason_for_a_traceback() -> None:
    command = f"{sys.executable} -c 'from app.cli import main; main()' --help | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
