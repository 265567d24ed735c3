"""The stack of the compose files, as the check drives it: every command is one that docs/compose.md shows."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy.check.client import Client
from deploy.check.engine import CheckFailed, run

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/compose.md"
PROJECT = "scimdcheck"
PUBLIC_URL = "https://scim.example.com"
BUILD_HERE = "services:\n  scimd:\n    build: {network: host}\n"
"""The container network of the build leads nowhere here; the machine's own does."""
CLUSTER = "-f docker-compose.yml -f docker-compose.cluster.yml"


class Stack:
    """One Compose project in one Engine."""

    def __init__(self, address: str, folder: Path, port: int) -> None:
        self.override = folder / "here.yml"
        self.override.write_text(BUILD_HERE)
        self.client = Client(port)
        self.ran: set[str] = set()
        self.env = {
            "DOCKER_HOST": address,
            "DOCKER_BUILDKIT": "0",
            "COMPOSE_PROJECT_NAME": PROJECT,
            "PUBLISH": f"127.0.0.1:{port}",
            "SCIMD_PUBLIC_URL": PUBLIC_URL,
            "SCIMD_METRICS_BIND": "0.0.0.0:9464",
        }
        self.program = _compose_program(address)

    def compose(self, line: str) -> str:
        """Run a `docker compose` command as docs/compose.md has it; raises CheckFailed where it fails."""
        self.ran.add(f"docker compose {line}")
        words = shlex.split(line)
        files = [] if words[0] == "-f" else ["-f", "docker-compose.yml"]
        while words[0] == "-f":
            files += words[:2]
            words = words[2:]
        files += ["-f", str(self.override)]
        if words[0] in ("exec", "run"):
            words.insert(1, "-T")
        return run(*self.program, *files, *words, cwd=ROOT, env=self.env)

    def environment(self) -> dict[str, str]:
        """Give the environment in which Compose is run."""
        return {**os.environ, **self.env}

    def docker(self, *words: str) -> str:
        """Run a `docker` command."""
        return run("docker", *words, env=self.env)

    def container(self, service: str) -> str:
        """Give the id of a service's container; raises CheckFailed where there is none."""
        found = self._containers(service)
        if not found:
            raise CheckFailed(f"There is no container of the service {service}.")
        return found[0]

    def has(self, service: str) -> bool:
        """Tell whether the service has a container."""
        return bool(self._containers(service))

    def _containers(self, service: str) -> list[str]:
        return self.docker("ps", "-aq", "--filter", f"label=com.docker.compose.service={service}").split()

    def inspect(self, service: str) -> dict[str, Any]:
        """Give what the Engine knows of a service's container."""
        found: dict[str, Any] = json.loads(self.docker("inspect", self.container(service)))[0]
        return found

    def inside(self, service: str, *words: str) -> str:
        """Run a program in a service's container."""
        return self.docker("exec", self.container(service), *words)

    def log(self, service: str) -> str:
        """Give all that a service has printed."""
        return self.docker("logs", self.container(service))

    def wait(self, what: str, true: Callable[[], object], patience: float = 180.0) -> float:
        """Wait until it is true and give the seconds that took; raises CheckFailed."""
        began = time.monotonic()
        while not true():
            if time.monotonic() - began > patience:
                raise CheckFailed(f"After {patience:.0f} seconds, still not: {what}.")
            time.sleep(0.25)
        return time.monotonic() - began

    def wait_for_demo(self) -> str:
        """Wait until the last service has ended and give its log; raises CheckFailed where it failed."""

        def ended() -> bool:
            return bool(self.inspect("demo")["State"]["Status"] == "exited")

        self.wait("the service demo has ended", ended)
        if code := self.inspect("demo")["State"]["ExitCode"]:
            raise CheckFailed(f"The service demo ended with {code}:\n{self.log('demo')}")
        return self.log("demo")

    def wait_until_healthy(self, service: str, patience: float = 90.0) -> float:
        """Wait until a service's health check is content."""
        return self.wait(
            f"{service} is healthy", lambda: self.inspect(service)["State"]["Health"]["Status"] == "healthy", patience
        )

    def documented(self) -> set[str]:
        """Give the commands that docs/compose.md shows."""
        blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), flags=re.S)
        return {line.strip() for block in blocks for line in block.splitlines() if line.startswith("docker compose ")}


def _compose_program(address: str) -> list[str]:
    env = {**os.environ, "DOCKER_HOST": address}
    if subprocess.run(["docker", "compose", "version"], env=env, capture_output=True, check=False).returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    raise CheckFailed("There is neither docker compose nor docker-compose.")
