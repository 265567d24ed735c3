"""Another version in the place of the present one, as docs/operating.md tells it: USR2, then TERM for the old one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.conftest import Server, free_port, make_server
from tests.processes import children, of_folder, until
from tests.reliability.test_drain import Traffic, check

ROOT = Path(__file__).parents[2]
PARTS = ("app", "scim_filter", "gunicorn.conf.py")
COMMAND = "from app.cli import main\nmain()\n"


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Server]:
    """Yield a running server whose code is a copy of ours, so that another version can be put into its place."""
    code = tmp_path / "code"
    code.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, code / part)
    (code / "scimd").write_text(COMMAND)
    server = make_server(tmp_path, SCIMD_WORKERS="2", SCIMD_METRICS_BIND=f"127.0.0.1:{free_port()}")
    with server.log.open("ab") as log:
        server.process = subprocess.Popen(
            [sys.executable, str(code / "scimd"), "serve"], cwd=tmp_path, env=server.environ, stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True,
        )
    until(lambda: version(server) == "ok", 60)
    yield server
    if server.process.poll() is None:
        server.process.terminate()
        server.process.wait(40)
    for number in heirs(server):
        os.kill(number, signal.SIGTERM)
    until(lambda: not of_folder(server.folder), 40)


def version(server: Server) -> str:
    """Return the word that stands for the version of whoever answers; nothing where nobody does."""
    try:
        answer = requests.get(f"{server.url}/healthz", timeout=30)
    except requests.ConnectionError:
        return ""
    return str(answer.json()["status"])


def install_another(server: Server) -> None:
    """Put another version into the place of the present one."""
    health = server.folder / "code" / "app" / "blueprints" / "health.py"
    text = health.read_text()
    assert text.count('"status": "ok"') == 1
    health.write_text(text.replace('"status": "ok"', '"status": "another"'))


def heirs(server: Server) -> list[int]:
    """Return the masters that came after the first one: such as have workers of their own."""
    masters = of_folder(server.folder, "code/scimd")
    return [number for number in masters if number != server.process.pid and children(number)]  # type: ignore[union-attr]


def metrics_answer(server: Server) -> bool:
    try:
        text = requests.get(f"http://{server.environ['SCIMD_METRICS_BIND']}/metrics", timeout=30).text
    except requests.ConnectionError:
        return False
    return "scimd_requests_total{" in text


@pytest.mark.long
def test_an_upgrade_in_place_loses_no_request_and_a_reload_is_none(installed: Server) -> None:
    _, token = installed.create_tenant("acme")
    assert installed.process
    install_another(installed)
    with Traffic(installed, token) as traffic:
        time.sleep(0.5)
        installed.process.send_signal(signal.SIGHUP)
        until(lambda: "Worker exiting" in installed.log.read_text(), 30)
        time.sleep(1)
        assert {version(installed) for _ in range(10)} == {"ok"}
        installed.process.send_signal(signal.SIGUSR2)
        until(lambda: version(installed) == "another", 60)
        until(lambda: heirs(installed))
        installed.process.terminate()
        assert installed.process.wait(40) == 0
        time.sleep(0.5)
    assert {version(installed) for _ in range(10)} == {"another"}
    until(lambda: metrics_answer(installed))
    check(traffic, installed, token, 2)
