"""docs/operating.md and docs/grafana.json name only what there is."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from app.cli import COMMANDS
from app.config import SETTINGS
from tests.conftest import SCIMD

DOCS = Path(__file__).parents[2] / "docs"
OPERATING = (DOCS / "operating.md").read_text()
DASHBOARD = json.loads((DOCS / "grafana.json").read_text())
SHOWN = {
    line.split()[1] for block in re.findall(r"```sh\n(.*?)```", OPERATING, re.S) for line in block.splitlines()
    if line.startswith("scimd ")
}
METRICS = (Path(__file__).parents[2] / "app" / "telemetry" / "metrics.py").read_text()
EXPORTER = (Path(__file__).parents[2] / "app" / "telemetry" / "exporter.py").read_text()


def test_every_setting_that_is_named_exists() -> None:
    assert set(re.findall(r"SCIMD_[A-Z_]+", OPERATING)) <= {row.name for row in SETTINGS}


@pytest.mark.parametrize("command", sorted(SHOWN))
def test_every_command_that_is_named_exists(command: str) -> None:
    assert command in COMMANDS
    done = subprocess.run([SCIMD, command, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage:")


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    asked = " ".join(target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"])
    known = set(re.findall(r'"(scimd_\w+)"', METRICS + EXPORTER))
    for name in set(re.findall(r"\bscimd_\w+", asked + OPERATING)):
        assert re.sub(r"_(total|bucket|sum|count)$", "", name) in known, name
