"""A Docker Engine of our own for the time of the check: its data, its socket and its end are ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 60.0
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


class CheckFailed(Exception):
    """Something is not as it must be; the text is the sentence to print."""


def run(*command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None, quiet: bool = True) -> str:
    """Run a program and give what it prints; raises CheckFailed with all of it where the program fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if quiet else None,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CheckFailed(f"{' '.join(str(part) for part in command)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def require_programs(*names: str) -> None:
    """Make sure that these programs are there; raises CheckFailed naming those that are not."""
    missing = [name for name in names if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")]
    if missing:
        raise CheckFailed(f"The check needs {', '.join(missing)}: Debian has them.")
    if os.geteuid() != 0:
        raise CheckFailed("The check needs root: it starts a Docker Engine of its own.")


@contextmanager
def engine(folder: Path) -> Iterator[str]:
    """Run dockerd on a socket in the folder and give its address; raises CheckFailed where it does not start."""
    socket = folder / "docker.sock"
    address = f"unix://{socket}"
    forwarding = FORWARDING.read_text()
    command = ["dockerd", "--data-root", folder / "data", "--exec-root", folder / "exec"]
    # No bridge of its own: another Engine of this machine may have one. Compose makes those of the stack.
    command += ["--pidfile", folder / "docker.pid", "--bridge", "none", "-H", address]
    log = folder / "dockerd.log"
    with log.open("wb") as output:
        # In a session of its own: Ctrl-C ends the check, which then ends the stack and at last dockerd.
        words = [str(part) for part in command]
        process = subprocess.Popen(words, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        deadline = time.monotonic() + PATIENCE
        while not _answers(address):
            if process.poll() is not None or time.monotonic() > deadline:
                raise CheckFailed(f"dockerd does not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _unmount(folder)
        FORWARDING.write_text(forwarding)


def _unmount(folder: Path) -> None:
    """Take off what dockerd leaves mounted in its folder, so that the folder can be removed."""
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for place in reversed(mounted):
        if place.startswith(f"{folder}/"):
            run("umount", place)


def _answers(address: str) -> bool:
    done = subprocess.run(["docker", "-H", address, "version"], capture_output=True, check=False)
    return done.returncode == 0
