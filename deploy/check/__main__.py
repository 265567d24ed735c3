"""Try docker-compose.yml and docker-compose.cluster.yml for real: `make compose-check`, or `python -m deploy.check`.

Everything is made anew in a temporary folder and removed again: a Docker Engine, stand-ins for the base images, the
stack. It needs root, Debian's docker.io, docker-compose and debootstrap, and takes some minutes.
"""

from __future__ import annotations

import argparse
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from deploy.check import cluster, one, stand_ins
from deploy.check.engine import CheckFailed, engine, require_programs
from deploy.check.people import BASE
from deploy.check.stack import CLUSTER, PUBLIC_URL, ROOT, Stack

TOKEN = re.compile(r"Secret Token +(\S+)$", re.MULTILINE)


def main() -> int:
    """Make everything, prove everything, remove everything; 1 where something is not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m deploy.check", description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, help="a Debian made by an earlier run, or a folder to keep it in")
    options = parser.parse_args()
    # An end from outside is an end with all the cleaning up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="compose-check-"))
    try:
        require_programs("dockerd", "docker", "debootstrap", "tar", "iptables-save")
        with engine(folder) as address:
            report("stand-ins for the base images", lambda: stand_ins.make(folder, address, options.root))
            stack = Stack(address, folder, free_port())
            try:
                prove(stack)
            except CheckFailed:
                print(stack.compose(f"{CLUSTER} logs --no-color --tail 20"), file=sys.stderr)
                raise
            finally:
                stack.compose(f"{CLUSTER} down -v")
            report("nothing is left", lambda: nothing_left(stack))
            untried = stack.documented() - stack.ran
            one.require(not untried, f"docs/compose.md shows what is not tried here: {sorted(untried)}")
    except CheckFailed as failure:
        print(f"compose-check: {failure}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder)
    return 0


def prove(stack: Stack) -> None:
    """Prove everything, in an order in which each start is used for as much as can be."""
    report("docker compose up, fresh", lambda: first_start(stack))
    report("Ctrl-C", lambda: one.stopped_gracefully(stack))
    report("docker compose up -d, again", lambda: second_start(stack))
    for proof in (one.answers, one.hardened, one.metrics, one.slow_clients, one.refusals, one.reload, one.outages):
        report(proof.__name__.replace("_", " "), partial(proof, stack))
    report("commands inside", lambda: commands(stack))
    report("down", lambda: stack.compose("down") and None)
    report("cluster up", lambda: stack.compose(f"{CLUSTER} up -d") and None)
    for proof in (cluster.three_members, cluster.one_scimd_stops, cluster.primary_dies):
        report(proof.__name__.replace("_", " "), partial(proof, stack))


def report(what: str, step: Callable[[], str | None]) -> None:
    """Do a step and print what it gives and how long it took."""
    began = time.monotonic()
    said = step()
    print(f"{what:<32} {time.monotonic() - began:6.1f} s  {said or ''}".rstrip(), flush=True)


def first_start(stack: Stack) -> str:
    """`docker compose up` in the foreground shows the Tenant URL and the token; Ctrl-C stops it."""
    stack.ran.add("docker compose up")
    command = [*stack.program, "-f", "docker-compose.yml", "-f", str(stack.override), "up"]
    began = time.monotonic()
    with (stack.override.parent / "up.log").open("w+b") as log:
        up = subprocess.Popen(command, cwd=ROOT, env=stack.environment(), stdout=log, stderr=subprocess.STDOUT)
        try:
            stack.wait("the images are made", lambda: up.poll() is not None or stack.has("demo"), 900)
            built = time.monotonic() - began
            page = stack.wait_for_demo() if up.poll() is None else ""
            ready = time.monotonic() - began - built
        finally:
            up.send_signal(signal.SIGINT)
            up.wait(120)
        log.seek(0)
        shown = log.read().decode(errors="replace")
    token = TOKEN.search(page)
    one.require(token, f"docker compose up shows no token:\n{shown[-3000:]}")
    one.require(f"{PUBLIC_URL}{BASE}" in shown and token and token[1] in shown, f"the log lacks the page:\n{page}")
    stack.client.token = token[1] if token else ""
    return f"containers after {built:.0f} s (the image is built), tenant ready {ready:.0f} s later"


def second_start(stack: Stack) -> str:
    """A second start issues nothing, says where the token was issued, and the token is still good."""
    stack.compose("up -d")
    said = stack.wait_for_demo()
    one.require("shown once" in said.rpartition("is ready")[2], f"the second start says:\n{said}")
    stack.client.expect(200, "GET", f"{BASE}/Users?count=1")
    one.require(stack.client.token in stack.compose("logs demo"), "docker compose logs demo has no token")
    listed = stack.compose("exec scimd scimd token list demo")
    one.require(listed.count("docker compose up") == 1, f"there is more than one token:\n{listed}")
    return "no new token"


def commands(stack: Stack) -> str:
    """The commands of docs/compose.md for tenants and tokens work."""
    stack.compose("exec scimd scimd tenant create contoso")
    token = stack.compose("exec scimd scimd token issue contoso").strip().splitlines()[-1]
    one.require(stack.compose("exec scimd scimd tenant show contoso"), "tenant show says nothing")
    other = one.Client(stack.client.port, token)
    other.expect(200, "GET", "/contoso/scim/v2/Users")
    other.expect(401, "GET", f"{BASE}/Users")
    stack.compose("ps")
    stack.compose("logs scimd")
    return "tenant create, token issue, tenant show"


def nothing_left(stack: Stack) -> None:
    """No container and no volume of the stack is left."""
    left = stack.docker("ps", "-aq") + stack.docker("volume", "ls", "-q")
    one.require(not left.strip(), f"after down -v there is {left}")


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main())
