"""docker-compose.yml and docker-compose.cluster.yml, run as docs/compose.md says, where a Docker engine answers."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.conftest import free_port
from tests.docs import pages
from tests.processes import until

PUBLIC_URL = "https://scim.example.com"
CLUSTER = "-f docker-compose.yml -f docker-compose.cluster.yml"
PATIENCE = 300.0
USER = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "active": True, "displayName": "Jane",
    "name": {"givenName": "Jane", "familyName": "Doe", "formatted": "Jane Doe"},
}


class Stack:
    """The stack, driven by the commands of docs/compose.md."""

    def __init__(self) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.token = ""
        self.ran: set[str] = set()
        self._environ = os.environ | {
            "COMPOSE_PROJECT_NAME": "scimd-test", "PUBLISH": f"127.0.0.1:{port}", "SCIMD_PUBLIC_URL": PUBLIC_URL,
            "SCIMD_METRICS_BIND": "0.0.0.0:9464",
        }

    def compose(self, line: str, *more: str) -> str:
        """Run a line of the page, with `more` words behind it; return what it prints."""
        self.ran.add(f"docker compose {line}")
        words = shlex.split(line)
        if "exec" in words:
            words.insert(words.index("exec") + 1, "-T")
        return self._run("docker", "compose", *words, *more)

    def inside(self, service: str, *words: str) -> str:
        """Run a program in the container of a service."""
        return self._run("docker", "compose", "exec", "-T", service, *words)

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            words, cwd=pages.ROOT, env=self._environ, capture_output=True, text=True, timeout=900, check=False
        )
        assert done.returncode == 0, f"{' '.join(words)}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def send(self, method: str, path: str, **arguments: object) -> requests.Response:
        """Send a request to the tenant `demo`, and again where the answer says when."""
        for _ in range(30):
            answer = requests.request(
                method, f"{self.url}/demo/scim/v2{path}", headers={"Authorization": f"Bearer {self.token}"}, timeout=60,
                **arguments,  # type: ignore[arg-type]
            )
            if answer.status_code not in (429, 503):
                break
            time.sleep(int(answer.headers["Retry-After"]))
        return answer

    def ready(self) -> bool:
        """Return whether scimd answers behind the proxy."""
        return requests.get(f"{self.url}/readyz", timeout=30).status_code == 200

    def failures_during(self, what: Callable[[], object]) -> list[str]:
        """Create and look up users until `what` has ended; return the answers that are neither 200 nor 201."""
        failures, over = [], False

        def load() -> int:
            number = 0
            while not over:
                number += 1
                answer = self.send("POST", "/Users", json=USER | {"userName": f"{time.monotonic_ns()}@example.com"})
                found = self.send("GET", "/Users?count=1")
                failures.extend(each.text for each in (answer, found) if each.status_code not in (200, 201))
            return number

        with ThreadPoolExecutor(1) as pool:
            sent = pool.submit(load)
            try:
                what()
            finally:
                over = True
        assert sent.result() > 10
        return failures


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack that is not up yet, and is gone with its volumes afterwards."""
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        pytest.skip("no Docker engine answers here, so the compose files were read (test_files.py) and not run")
    made = Stack()
    yield made
    made.compose(f"{CLUSTER} down -v")
    shown = {each for each in pages.commands("docs/compose.md") if pages.program(each) == "docker"}
    assert shown - made.ran - {"docker compose up"} == set(), "docs/compose.md shows a command that nothing here ran"


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_stack(stack: Stack) -> None:
    """One test, since each step needs the one before."""
    stack.compose("up -d")
    until(lambda: "Secret Token" in stack.compose("logs demo"), PATIENCE)
    page = stack.compose("logs demo")
    assert f"{PUBLIC_URL}/demo/scim/v2" in page
    stack.token = re.search(r"Secret Token +(\S+)", page)[1]  # type: ignore[index]

    made = stack.send("POST", "/Users", json=USER | {"userName": "jane@example.com"})
    assert made.status_code == 201
    assert made.json()["meta"]["location"].startswith(f"{PUBLIC_URL}/demo/scim/v2/Users/")
    assert stack.compose("exec mongodb mongosh scimd", "--quiet", "--eval", "db.users.countDocuments()").strip() == "1"

    stack.compose("up -d")
    assert stack.compose("exec scimd scimd token list demo").count("valid") == 1, "a second start issues no token"
    stack.compose("exec scimd scimd tenant create contoso")
    stack.compose("exec scimd scimd token issue contoso")
    assert "Tenant URL" in stack.compose("exec scimd scimd tenant show contoso")
    stack.compose("ps")
    stack.compose("logs scimd")

    for service in ("mongodb", "scimd", "proxy"):
        status = dict(line.split(":\t", 1) for line in stack.inside(service, "cat", "/proc/1/status").splitlines())
        assert "0" not in status["Uid"].split() and int(status["CapEff"], 16) == 0 and status["NoNewPrivs"] == "1"
        assert "read" in stack.inside(service, "sh", "-c", "touch /usr/x 2>/dev/null && echo written || echo read-only")
    assert 'tenant="demo"' in stack.inside("proxy", "curl", "-fsS", "http://scimd:9464/metrics")

    too_long = stack.send("GET", f"/Users?filter={'a' * 9000}")
    assert (too_long.status_code, json.loads(too_long.text)["status"]) == (414, "414"), "the proxy refuses as SCIM does"

    assert stack.failures_during(lambda: (stack.compose("kill -s HUP scimd"), time.sleep(5))) == []
    stack.compose("stop scimd")
    assert requests.get(f"{stack.url}/demo/scim/v2/Users", timeout=30).headers["Retry-After"]
    stack.compose("start scimd")
    until(stack.ready, PATIENCE)
    stack.compose("down")

    stack.compose(f"{CLUSTER} up -d")
    until(stack.ready, PATIENCE)
    assert stack.send("GET", f"/Users/{made.json()['id']}").status_code == 200, "the data of the single member"
    assert stack.failures_during(lambda: (
        stack.compose(f"{CLUSTER} stop scimd-2"), stack.compose(f"{CLUSTER} start scimd-2"), time.sleep(5),
    )) == []
    stack.compose(f"{CLUSTER} kill mongodb")
    assert stack.send("GET", f"/Users/{made.json()['id']}").status_code == 200, "any one member may die"
