"""The machine and the versions that figures come from, which stand beside them."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from app.embedded.binary import find_binary

PACKAGES = ("flask", "gunicorn", "pymongo")


def describe() -> dict[str, Any]:
    """Return the processor, its cores, the memory in GB, the system, and the versions of what is measured."""
    return {
        "processor": _first(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text()),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(int(_first(r"^MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text())) / 1024**2),
        "system": f"{platform.system()} {platform.release()}",
        "versions": {
            "python": platform.python_version(), "mongod": _mongod(), **{name: version(name) for name in PACKAGES},
        },
    }


def _mongod() -> str:
    done = subprocess.run([find_binary(), "--version"], capture_output=True, text=True, check=True)
    return _first(r"db version v(\S+)", done.stdout)


def _first(pattern: str, text: str) -> str:
    """Return the first group of a pattern in a text, `0` if it is not there."""
    found = re.search(pattern, text, re.MULTILINE)
    return found[1].strip() if found else "0"
