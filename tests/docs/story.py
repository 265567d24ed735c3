"""A reader who types the commands of a page, beside their own server."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.commands import Done, run_command
from tests.conftest import SCIMD, Server
from tests.docs import pages
from tests.forking import fork
from tests.processes import until

USER = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "jane@example.com", "active": True,
    "displayName": "Jane", "name": {"givenName": "Jane", "familyName": "Doe", "formatted": "Jane Doe"},
}
GROUP = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Sales"}
SHELL = re.compile(r"[<>|&$`]")
"""What only a shell understands."""
SECRET_TOKEN = r"^scimd_[0-9a-f]{12}_[0-9a-f]{64}\n$"


class Story:
    """One reading of a page from top to end; it keeps the typed commands, to be compared with the shown ones."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.ran: list[str] = []
        bin_folder = str(Path(SCIMD).parent)
        self.environ = server.environ | {"PATH": f"{bin_folder}:{os.environ['PATH']}"}

    def run(self, command: str, says: str, *, answer: str = "", status: int = 0) -> str:
        """Type a command, check its exit status and that its output matches `says`, and return its standard output."""
        self.ran.append(command)
        words = shlex.split(command)
        if words[0] == "scimd" and not SHELL.search(command):
            done = run_command(words[1:], self.environ, self.server.folder, answer)
        else:
            ended = subprocess.run(
                ["bash", "-c", command], env=self.environ, cwd=self.server.folder, input=answer, capture_output=True,
                text=True, timeout=120, check=False,
            )
            done = Done(ended.returncode, ended.stdout, ended.stderr)
        assert done.status == status, f"{command}\n{done.out}{done.err}"
        assert re.search(says, done.out + done.err, re.DOTALL), f"{command}\n{done.out}{done.err}"
        return done.out

    def follow(self, command: str, says: str) -> None:
        """Type a command that runs until Ctrl-C, and press Ctrl-C when its output matches `says`."""
        self.ran.append(command)
        shown = self.server.folder / "followed"
        with shown.open("wb") as out, shown.with_suffix(".err").open("wb") as err:
            going = fork(shlex.split(command)[1:], self.environ, self.server.folder, out, err)
        try:
            until(lambda: re.search(says, shown.read_text()))
        finally:
            going.send_signal(signal.SIGINT)
        assert going.wait(20) == 130

    def serve(self, command: str, **settings: str) -> str:
        """Start the server as the command would, and return what it prints; `make` is asked what it would run."""
        self.ran.append(command)
        words = shlex.split(command)
        made = recipe(words[-1]) if "make" in words else command
        assert made == "scimd serve --demo"
        self.server.environ |= settings
        self.server.start("--demo")
        return self.server.page.read_text()

    def serve_without_demo(self, command: str, **settings: str) -> None:
        """Start the server that the command would, but without the demo, which takes a second to make."""
        self.did(command)
        self.server.environ |= settings
        self.server.start()

    def did(self, command: str) -> None:
        """Record a command that was tried in another way than by typing it."""
        self.ran.append(command)

    def untried(self, page: str, *told: str) -> list[str]:
        """Return the commands that the page shows and nobody has typed, except in the sections that other tests cover.

        Commands of Docker and of other tools are in test_elsewhere.py.
        """
        others = {command for section in told for command in pages.commands(f"{page}#{section}")}
        shown = [each for each in pages.commands(page) if each not in others | {*ELSEWHERE}]
        return pages.untried([each for each in shown if pages.program(each) != "docker"], self.ran)

    def send(self, token: str, method: str, url: str, body: dict[str, Any] | None = None, status: int = 200) -> Any:
        """Send a request as a client does, and return the JSON of the response."""
        answer = requests.request(method, url, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=60)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None


ELSEWHERE = {
    "make test": 'python -m pytest -n auto --dist worksteal -m "not long and not browser"',
    "make test-fast": 'python -m pytest -n auto --dist worksteal -m "not long and not process"',
    "make test-browser": "python -m pytest -n auto --dist worksteal -m browser",
    "make screenshots": "python -m tests.console.browser.pictures",
    "make test-long": 'python -m pytest -m "long or hypothesis" --hypothesis-profile=many --timeout=3600',
    "make bench": "python -m bench",
    "python -m bench --only soak --seconds 600": "",
    "python -m bench --only flood": "",
    "python -m bench.console": "",
    "kill -s HUP": "",
    "scimd mongo init [COMMAND]": "",
}
"""Commands that test_elsewhere.py covers: command -> what make runs for it."""


def recipe(target: str) -> str:
    """Return the line that `make` runs for a target, as typed with the environment's folder on the PATH."""
    done = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", target], cwd=pages.ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip().splitlines()[-1].removeprefix(".venv/bin/")


@contextmanager
def story(server: Server) -> Iterator[Story]:
    """Yield a story, and stop its server at the end if it runs."""
    told = Story(server)
    yield told
    if server.process and server.process.poll() is None:
        assert server.stop() == 0, server.log.read_text()
