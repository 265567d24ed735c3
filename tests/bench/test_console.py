"""The bench of the console at a tiny size: it asks for every page and reports each; no time is looked at."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask

from bench.processes import ROOT
from tests.console.conftest import application  # noqa: F401 - a fixture
from tests.console.test_costs import MOST

SIZES = {"users": 300, "customers": 40, "events": 3_000, "times": 2, "seconds": 2}
NOT_ASKED_FOR = {
    "console.enter", "setup.enter", "console.sign_on_start", "console.signed_on",  # before a visit
    "console.export_log", "console.export_acts", "console.others", "console.unknown", "setup.unknown",
    "setup.begin", "console.signed_out", "setup.signed_out",  # leads elsewhere, or comes after a visit
}


def pages_of(app: Flask) -> set[str]:
    """Return the endpoints of what a visit can look at."""
    rules = [rule for rule in app.url_map.iter_rules() if rule.methods and "GET" in rule.methods]
    found = {rule.endpoint for rule in rules if rule.endpoint.startswith(("console.", "setup."))}
    return {each for each in found if not each.endswith("other_methods")} - NOT_ASKED_FOR


@pytest.mark.long
def test_co_102_the_bench_asks_for_each_page_and_reports_it(tmp_path: Path, application: Flask) -> None:  # noqa: F811
    kept = tmp_path / "console.json"
    options = [text for name, number in SIZES.items() for text in (f"--{name}", str(number))]
    done = subprocess.run(
        [sys.executable, "-m", "bench.console", *options, "--json", str(kept), "--folder", str(tmp_path / "filled")],
        cwd=ROOT, capture_output=True,
        text=True, timeout=300, check=False,
    )
    assert done.returncode in (0, 1), done.stderr[-3_000:]
    *pages, consoles = json.loads(kept.read_text())["results"]
    finder = application.url_map.bind("127.0.0.1")
    asked = {finder.match(urlsplit(page["path"]).path)[0] for page in pages}
    assert asked == pages_of(application)
    for page in pages:
        assert page["scenario"] in done.stdout
        assert 0 < page["p50_ms"] <= page["p95_ms"] <= page["max_ms"], page
        assert 0 < page["commands"] <= MOST, page
        assert page["bytes"] > 0 or "nothing new" in page["scenario"], page
    assert consoles["at_rest"] >= 0 and "load" in consoles
