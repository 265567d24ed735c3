"""The peers' own environment: a venv in the user's cache folder, made once and used again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

SCIM2_SERVER, DJANGO_SCIM2 = "scim2-server", "django-scim2"
REQUIREMENTS = (
    f"{SCIM2_SERVER} >= 0.8.3, < 0.9",
    f"{DJANGO_SCIM2} >= 0.23, < 0.24",
    "django >= 5.2, < 6.1",
    f"gunicorn == {version('gunicorn')}",
)
"""The peers, and the gunicorn that runs scimd."""
MARK = "complete"
"""A file that is made when everything is installed."""
_NO_INDEX = (
    "from versions: none", "NewConnectionError", "ConnectTimeout", "ReadTimeout", "ProxyError", "NameResolution",
)


class NotInstalled(Exception):
    """The environment cannot be made; the text is one sentence."""


def folder(requirements: Sequence[str] = REQUIREMENTS) -> Path:
    """Return the folder of the environment with these requirements: other ones, or another Python, have another."""
    words = " ".join([sys.version, *requirements])
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "scimd-bench" / blake2b(words.encode(), digest_size=8).hexdigest()


def python(requirements: Sequence[str] = REQUIREMENTS) -> Path:
    """Return the Python of the environment, and make it if it is not there; raises NotInstalled."""
    place = folder(requirements)
    found = place / "bin" / "python"
    if not (place / MARK).exists():
        print(f"installing the peers in {place}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
        install(found, requirements)
        (place / MARK).touch()
    return found


def versions(python: Path) -> Mapping[str, str]:
    """Return the version of each package in an environment."""
    listing = [str(python), "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"]
    done = subprocess.run(listing, capture_output=True, text=True, check=True)
    return {each["name"].lower(): each["version"] for each in json.loads(done.stdout)}


def install(python: Path, requirements: Sequence[str]) -> None:
    """Install packages for a Python; raises NotInstalled."""
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        if any(sign in done.stderr for sign in _NO_INDEX):
            raise NotInstalled("The peers cannot be installed, because no package index that has them can be reached.")
        last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
        raise NotInstalled(f"The peers cannot be installed: {''.join(last) or 'pip failed without a word'}.")
