"""What the tests of the command line share: `scimd` run in this process on a database in memory."""

import io
import json
from dataclasses import dataclass

import pytest

from app.cli import run
from app.cli.connection import Connection


@dataclass
class Done:
    """What a command has left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def scimd(mock_database, capsys, monkeypatch):
    """Run `scimd` with some arguments."""
    settings = {"SCIMD_PUBLIC_URL": "https://scim.example.com"}

    def command(*arguments, answer=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        status = run(list(arguments), Connection(settings, mock_database))
        out, err = capsys.readouterr()
        return Done(status, out, err)

    return command
