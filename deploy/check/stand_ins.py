"""Stand-ins for the base images, made here where no image registry can be reached.

Debian's packages and the `mongod` of the wheel are in them, not what the real images hold: what this check cannot show
is said in docs/compose.md. Certificates and the package index for pip are those of this machine.
"""

from __future__ import annotations

import shutil
import ssl
import subprocess
import sys
from pathlib import Path

from app.store.keeper import find_binary
from deploy.check.engine import run

HERE = Path(__file__).parent / "stand-ins"
PACKAGES = "python3,python3-venv,ca-certificates,libcurl4"
BASE = "python:3.12-slim"
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
PIP_KEYS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout")


def make(folder: Path, address: str, root: Path | None) -> None:
    """Make python:3.12-slim, mongo:8 and nginx:stable in the Engine; `root` is a Debian made before, or to be kept."""
    tree = root or folder / "root"
    if not (tree / "usr/bin/python3").exists():
        run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", tree)
    _settings_of_this_machine(tree)
    _import(tree, address)
    context = folder / "stand-ins"
    shutil.copytree(HERE, context)
    # A copy: what a link leads to is no part of a build's context.
    shutil.copy(find_binary(), context / "mongod")
    for name in ("mongo:8", "nginx:stable"):
        file = context / f"{name.partition(':')[0]}.Dockerfile"
        env = {"DOCKER_BUILDKIT": "0", "DOCKER_HOST": address}
        run("docker", "build", "--network", "host", "-t", name, "-f", file, context, env=env)


def _import(tree: Path, address: str) -> None:
    """Make the tree an image."""
    unwanted = ("./proc/*", "./sys/*", "./dev/*", "./var/cache/apt/archives/*.deb")
    pack = ["tar", "-C", str(tree), *(f"--exclude={path}" for path in unwanted), "-c", "."]
    with subprocess.Popen(pack, stdout=subprocess.PIPE) as tar:
        take = ["docker", "-H", address, "import", "-", BASE]
        subprocess.run(take, stdin=tar.stdout, check=True, capture_output=True)


def _settings_of_this_machine(tree: Path) -> None:
    """Give the tree this machine's certificates and pip's index; nothing of it gets into the repository."""
    bundle = ssl.get_default_verify_paths().cafile
    if bundle:
        shutil.copy(bundle, tree / CERTIFICATES)
    lines = ["[global]", f"cert = /{CERTIFICATES}"]
    listed = run(sys.executable, "-m", "pip", "config", "list", quiet=False)
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        key, text = name.rpartition(".")[2], value.strip("'\"")
        if key in PIP_KEYS and "file:" not in text:
            lines.append(f"{key} = {text}")
    (tree / "etc/pip.conf").write_text("\n".join(lines) + "\n")
