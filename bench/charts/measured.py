"""What a bench has written: its results, and when and where they were measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
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
    """The files of one bench: one, or several of the same measurement."""

    documents: tuple[Mapping[str, Any], ...]

    @property
    def document(self) -> Mapping[str, Any]:
        """The first file."""
        return self.documents[0]

    @property
    def results(self) -> list[Result]:
        """The results of the first file, in the order in which they were measured."""
        found: list[Result] = self.document["results"]
        return found

    def each(self, scenario: str) -> list[Result]:
        """Return the results of a scenario in all files."""
        results = (result for document in self.documents for result in document["results"])
        return [result for result in results if result["scenario"] == scenario]

    def middle(self, scenario: str, figure: str) -> Result:
        """Return the result of a scenario that has the median of a figure: of two in the middle, the lower one."""
        results = sorted(self.each(scenario), key=lambda result: float(result[figure]))
        return results[(len(results) - 1) // 2]

    @property
    def versions(self) -> str:
        """The versions of what was measured."""
        found = {_NAMES.get(name, name): number for name, number in self.document["versions"].items()}
        peers = self.document.get("peers", {})
        found |= {name: peers[name] for name in ("scim2-server", "django-scim2", "django") if name in peers}
        return ", ".join(f"{name} {number}" for name, number in found.items())

    @property
    def sentence(self) -> str:
        """When and where this was measured, and by which command."""
        of, runs = self.document, len(self.documents)
        times = f", {runs} times" if runs > 1 else ""
        loads = ", ".join(f"{document['load']}" for document in self.documents)
        machine = f"{of['cores']} cores ({of['processor']}) with {of['memory_gb']} GB"
        return (
            f"Measured on {of['time'][:10]} by `{of['command']}`{times}, on {machine}, with a load average of {loads} "
            f"at the end: {self.versions}."
        )


def read(folder: Path) -> dict[str, Measured]:
    """Return what each bench has written into a folder: `bench.json`, `bench-1.json`, `bench-2.json` and so on.

    What the charts show beside the medians is in the first of them; the others may be runs of some scenarios.
    """
    found: dict[str, Measured] = {}
    for name in COMMANDS:
        files = [*folder.glob(f"{name}.json"), *sorted(folder.glob(f"{name}-*.json"))]
        if files:
            found[name] = Measured(tuple(json.loads(file.read_text()) for file in files))
    return found
