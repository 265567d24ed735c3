"""docs/operating.md and docs/grafana.json name only what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path

from app.config import SETTINGS

DOCS = Path(__file__).parents[2] / "docs"
OPERATING = (DOCS / "operating.md").read_text()
DASHBOARD = json.loads((DOCS / "grafana.json").read_text())
METRICS = (Path(__file__).parents[2] / "app" / "telemetry" / "metrics.py").read_text()
EXPORTER = (Path(__file__).parents[2] / "app" / "telemetry" / "exporter.py").read_text()


def test_every_setting_that_is_named_exists() -> None:
    assert set(re.findall(r"SCIMD_[A-Z_]+", OPERATING)) <= {row.name for row in SETTINGS}


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    asked = " ".join(target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"])
    known = set(re.findall(r'"(scimd_\w+)"', METRICS + EXPORTER))
    for name in set(re.findall(r"\bscimd_\w+", asked + OPERATING)):
        assert re.sub(r"_(total|bucket|sum|count)$", "", name) in known, name
