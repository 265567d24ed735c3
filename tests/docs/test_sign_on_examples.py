"""The two apps in `examples/` that docs/sign-on.md shows: people sign in to each through a real server."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from app.demo.people import PEOPLE
from app.store.sign_on.apps import Apps
from tests.cli.test_demo_sign_on import Browser
from tests.conftest import Server, end_with_parent, free_port, make_server, new_database
from tests.processes import until

ROOT = Path(__file__).parents[2]
ADA, _, NIKLAUS, _ = PEOPLE


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, mongod_uri: str) -> Iterator[Server]:
    server = make_server(tmp_path_factory.mktemp("examples"), SCIMD_WORKERS="2", SCIMD_MONGODB_URI=new_database(mongod_uri))
    server.start("--demo")
    yield server
    assert server.stop() == 0


@contextmanager
def running(server: Server, command: list[str], folder: Path, **changes: str) -> Iterator[str]:
    """Register an app, run the example with what the command prints, and yield its address; `changes` are settings."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    created = json.loads(server.command(
        "app", "create", "example", "--redirect-uri", f"{url}/callback", "--tenant", "demo", "--scope", "openid",
        "--scope", "profile", "--scope", "groups", "--backchannel-logout-uri", f"{url}/backchannel-logout", "--json",
    ))
    environ = server.environ | {
        "ISSUER": f"{server.url}/demo", "CLIENT_ID": created["client_id"], "CLIENT_SECRET": created["client_secret"], "PORT": str(port),
    } | changes
    with (folder / "app.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environ, stdout=log, stderr=log, preexec_fn=end_with_parent,
        )
    try:
        until(lambda: answers(url), seconds=60)
        yield f"{url}/"
    finally:
        process.terminate()
        process.wait()
        Apps(server.database).delete(created["client_id"])


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def try_out(server: Server, app: str) -> Browser:
    """Sign in as somebody who may, and try to as somebody who may not; return the browser of the first."""
    refused = Browser().sign_in(app, NIKLAUS)
    assert (refused.status_code, refused.url.startswith(server.url)) == (403, True)
    browser = Browser()
    assert "Sign in" in browser.get(app).text
    home = browser.sign_in(app, ADA)
    assert (home.status_code, home.url) == (200, app), home.text
    assert home.json()["name"] == ADA.name
    assert home.json()["key"][0] == f"{server.url}/demo"
    forged = Browser().get(f"{app}callback?code=x&state=y&iss={server.url}/demo")
    assert forged.status_code >= 400
    return browser


@pytest.mark.long
def test_flask_with_authlib(server: Server, tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples/flask/app.py", tmp_path)
    with running(server, [sys.executable, "app.py"], tmp_path) as app:
        browser = try_out(server, app)
        server.command("sso", "end", "demo", "--all")  # every session; the app is told
        until(lambda: "Sign in" in browser.get(app).text, seconds=30)


@pytest.mark.long
def test_express_with_openid_client(server: Server, tmp_path: Path) -> None:
    for name in ("app.mjs", "package.json"):
        shutil.copy(ROOT / "examples/express" / name, tmp_path)
    install = ["npm", "install", "--no-audit", "--no-fund"]
    if shutil.which("npm") is None or subprocess.run(install, cwd=tmp_path, check=False, timeout=240).returncode:
        pytest.skip("npm cannot install express and openid-client here, so the Express example was NOT tried")
    with running(server, ["node", "app.mjs"], tmp_path) as app:
        try_out(server, app)


def test_flask_with_a_wrong_secret(server: Server, tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples/flask/app.py", tmp_path)
    with running(server, [sys.executable, "app.py"], tmp_path, CLIENT_SECRET="wrong") as app:
        answer = Browser().sign_in(app, ADA)
    assert (answer.status_code, answer.json()) == (403, {"error": "invalid_client"})
    log = (tmp_path / "app.log").read_text()
    assert "The sign-in has failed: invalid_client" in log
    assert "Traceback" not in log


@pytest.mark.parametrize(("path", "port"), [("examples/flask/app.py", 5000), ("examples/express/app.mjs", 3000)])
def test_the_command_that_an_example_shows_registers_what_it_uses(path: str, port: int) -> None:
    code = (ROOT / path).read_text()
    shown = re.search(r"scimd (app create .+?)\n *(?://)? *(?:pip|npm) install", code, re.DOTALL)
    assert shown is not None
    words = shlex.split(shown[1].replace("\\\n", " "))
    options = dict(zip(words[3::2], words[4::2], strict=True))
    assert re.search(rf"PORT\b.*{port}", code)
    assert options["--redirect-uri"] == f"http://127.0.0.1:{port}/callback"
    assert "${BASE}/callback" in code or "{BASE}/callback" in code
    assert options["--scope"] in code.replace(shown[1], "")
    if "backchannel" in code:
        assert options["--backchannel-logout-uri"] == f"http://127.0.0.1:{port}/backchannel-logout"


@pytest.mark.parametrize(("path", "language"), [("examples/flask/app.py", "python"), ("examples/express/app.mjs", "js")])
def test_the_page_shows_the_examples_as_they_are(path: str, language: str) -> None:
    page = (ROOT / "docs/sign-on.md").read_text()
    shown = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
    assert (ROOT / path).read_text() in shown
