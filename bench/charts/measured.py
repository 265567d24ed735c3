"""What a bench has written: its results, and when and where they were measured."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMANDS = {
    "peers": "python -m bench.peers",
    "bench": "python -m bench --json bench/results/bench.json",
    "scale": "python -m bench --scale --json bench/results/scale.json",
    "soak": "python -m bench --only soak --seconds 600 --json bench/results/soak.json",
}
"""Name of a file in `bench/results/` -> the command that writes it."""
_NAMES = {"python": "Python", "mongod": "MongoDB", "flask": "Flask", "gunicorn": "gunicorn", "pymongo": "PyMongo"}
Result = dict[str, Any]


@dataclass(frozen=True)
class Measured:
    """One file of results."""

    name: str
    document: Mapping[str, Any]

    @property
    def results(self) -> list[Result]:
        """The results, in the order in which they were measured."""
        found: list[Result] = self.document["results"]
        return found

    def named(self, *names: str) -> Iterator[Result]:
        """Yield the results that are there of these."""
        yield from (result for name in names for result in self.results if result["scenario"] == name)

    @property
    def versions(self) -> str:
        """The versions of what was measured."""
        found = {_NAMES.get(name, name): number for name, number in self.document["versions"].items()}
        peers = self.document.get("peers", {})
        found |= {name: peers[name] for name in ("scim2-server", "django-scim2", "django") if name in peers}
        return ", ".join(f"{name} {number}" for name, number in found.items())

    @property
    def sentence(self) -> str:
        """When and where this was measured, by which command."""
        of = self.document
        return (
            f"Measured on {of['time'][:10]} by `{COMMANDS[self.name]}` on {of['cores']} cores ({of['processor']}) with "
            f"{of['memory_gb']} GB, with a load average of {of['load']} at the end: {self.versions}."
        )


def read(folder: Path) -> dict[str, Measured]:
    """Return the files of results that are in a folder, by their names."""
    files = {name: folder / f"{name}.json" for name in COMMANDS}
    return {name: Measured(name, json.loads(file.read_text())) for name, file in files.items() if file.exists()}
