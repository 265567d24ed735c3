"""docs/performance.md: its figures are those that the benches have written, and its charts are there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from bench.charts import page
from bench.charts.__main__ import RESULTS, charts, missing
from bench.charts.chart import DARK, LIGHT
from bench.charts.measured import COMMANDS, read
from bench.measurements import thinned
from bench.processes import ROOT
from tests.docs import pages

MACHINE = {
    "command": "python -m bench.measure", "time": "2026-11-29T14:17:00+00:00", "processor": "A processor", "cores": 2, "memory_gb": 24, "load": 1.5, "seconds": 4.0,
    "versions": {"python": "3.11.7", "mongod": "6.0.5"},
}


def side(name: str, rate: float | None, **more: Any) -> dict[str, Any]:
    return {"side": name, "rate": rate, "ratio": None, "answered": "", "remark": "", **more}


def operation(name: str, users: int, *sides: dict[str, Any]) -> dict[str, Any]:
    return {"scenario": name, "title": f"do {name}", "users": users, "least": 1.0, "passed": True, "sides": sides}


def compared(name: str, ratio: float, goal: str, *names: str) -> dict[str, Any]:
    sides = [{"side": each, "rate": 1_234.5} for each in names]
    return {"scenario": name, "goal": goal, "ratio": ratio, "passed": True, "sides": sides}


FILES: dict[str, dict[str, Any]] = {
    "peers": {
        "servers": {"scimd": "two processes", "other": "in memory"}, "peers": {"scim2-server": "0.8.3"},
        "results": [
            operation("find", 1_000, side("scimd", 1_000.4), side("other", 2_000.0, ratio=0.5, remark="stores no title")),
            operation("page", 1_000, side("scimd", 3.25), side("other", None, answered="400: {\"detail\": \"`no`\"}")),
            operation("find", 100_000, side("scimd", 900.0)),
        ],
    },
    "bench": {
        "results": [
            compared("get", 0.75, ">= 0.60", "scimd", "bare"), compared("find-size", 0.9, "cost <= 1.20x", "large", "small"),
            {"scenario": "relay-25", "goal": "< 50 / 120 ms", "figure": "5.0%", "events": 200, "p50_ms": 16.6, "p95_ms": 29.4,
             "p99_ms": 31.5, "passed": True},
            {"scenario": "relay-rest", "goal": "< 1%", "figure": "0.4%", "passed": True},
        ],
    },
    "scale": {"results": [compared("find-size", 0.8, "cost <= 1.30x", "1,000,000 users", "1,000 users")]},
    "soak": {
        "results": [{
            "scenario": "soak", "goal": "flat", "figure": "+0.1 MB", "passed": True, "requests": 30_000, "errors": 0, "rate": 250.0, "tenants": 10, "busy_cores": 0.81,
            "p50_ms": 5.1, "p95_ms": 9.0, "p99_ms": 20.5, "memory_mb": {"master": 40.12}, "growth_mb": {"master": 0.1},
            "series": {"seconds_apart": 5.0, "memory_mb": {"master": [40.0, 40.1]}},
        }],
    },
}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    folder.mkdir()
    for name, document in FILES.items():
        (folder / f"{name}.json").write_text(json.dumps(MACHINE | document))
    return folder


def test_the_figures_of_the_page_are_those_of_the_benches() -> None:
    drawn = charts(read(RESULTS))
    for name, part in ((page.PAGE, page.whole(drawn)), (page.README, page.short(drawn))):
        text = (ROOT / name).read_text()
        assert page.written(text, part) == text, f"{name} is not what `python -m bench.charts` writes"


@pytest.mark.parametrize("name", [page.PAGE, page.README], ids=str)
def test_each_chart_on_a_page_is_there_and_is_xml(name: Path) -> None:
    named = re.findall(r'(?:src|srcset)="([^"]+)"', (ROOT / name).read_text())
    for each in named:
        assert ElementTree.parse(ROOT / name.parent / each).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    assert len(named) == 2 * (ROOT / name).read_text().count("<picture>")


def test_no_chart_is_left_over() -> None:
    drawn = {chart.file(palette) for chart in charts(read(RESULTS)) for palette in (LIGHT, DARK)}
    assert {file.relative_to(ROOT) for file in (ROOT / "docs/performance").glob("*")} == drawn


def test_each_file_of_results_has_its_charts(results: Path) -> None:
    assert [chart.name for chart in charts(read(results))] == ["peers-1000", "peers-100000", "bare", "growth", "soak", "relay"]
    for name, left in {"peers": 4, "bench": 4, "scale": 5, "soak": 5}.items():
        (results / f"{name}.json").rename(results / "away")
        assert len(charts(read(results))) == left
        (results / "away").rename(results / f"{name}.json")


def test_what_cannot_be_drawn_is_said(results: Path) -> None:
    assert missing(read(results)) == []
    (results / "soak.json").unlink()
    (results / "scale.json").write_text(json.dumps(MACHINE | {"results": []}))
    assert missing(read(results)) == [
        f"There is no soak.json; `{COMMANDS['soak']}` writes it.", "scale.json has no results for the charts of growth.",
    ]


@pytest.mark.parametrize("figures", [
    "| do find | 1,000 | 2,000 (2.00) |", "| do page | 3.2 | - |", "| get | 1,234 | 1,234 | 0.75 | >= 0.60 |",
    "| find-size | 1,000,000 users | 1,234 | 1,000 users | 1,234 | 1.25 | 1.30x |", "| master | 40.1 | +0.10 |",
    "| 25 changes a second | 200 | 17 ms | 29 ms | 32 ms | < 50 / 120 ms | 5.0% |",
    '- other, do page: no rate. It answered `400: {"detail": "no"}`.', "- other, do find: stores no title.",
    "on 2026-11-29 by `python -m bench.measure`, on 2 cores (A processor) with 24 GB",
    "Python 3.11.7, MongoDB 6.0.5, scim2-server 0.8.3.",
])
def test_a_figure_is_on_the_page(results: Path, figures: str) -> None:
    assert figures in page.whole(charts(read(results)))


def test_of_several_runs_the_median_is_drawn_and_each_is_said(results: Path) -> None:
    (results / "bench.json").unlink()
    for number, ratio in enumerate((0.7, 0.81, 0.74), 1):
        late = {"scenario": "relay-25", "goal": "< 50 / 120 ms", "figure": "5%", "events": 200, "p50_ms": 1, "p95_ms": 100 * ratio, "p99_ms": 200}
        run = {"results": [compared("get", ratio, ">= 0.60", "scimd", "bare"), late], "load": number}
        (results / f"bench-{number}.json").write_text(json.dumps(MACHINE | run))
    text = page.whole(charts(read(results)))
    assert "| get | 1,234 | 1,234 | 0.74 | >= 0.60 | 0.70, 0.81, 0.74 |" in text
    assert "`python -m bench.measure`, 3 times, on 2 cores" in text and "a load average of 1, 2, 3 at the end" in text
    assert "| 25 changes a second | 200 | 1 ms | 74 ms | 200 ms |" in text


def test_of_an_even_number_of_runs_the_lower_one_in_the_middle_is_drawn(results: Path) -> None:
    run = {"results": [compared("get", 0.6, ">= 0.60", "scimd", "bare")], "load": 1}
    (results / "bench-1.json").write_text(json.dumps(MACHINE | run))
    both = read(results)["bench"]
    assert len(both.each("get")) == 2 and both.middle("get", "ratio")["ratio"] == 0.6


def test_runs_of_some_scenarios_stand_beside_the_whole_one(results: Path) -> None:
    for number, ratio in enumerate((0.7, 0.75), 1):
        run = {"results": [compared("get", ratio, ">= 0.60", "scimd", "bare")], "load": number}
        (results / f"bench-{number}.json").write_text(json.dumps(MACHINE | run))
    drawn = read(results)
    assert missing(drawn) == []
    text = page.whole(charts(drawn))
    assert ", 0.70, 0.75 |" in text and "`python -m bench.measure`, 3 times" in text


def test_each_chart_says_what_it_does_not_show(results: Path) -> None:
    for chart in charts(read(results)):
        section = chart.section(page.PAGE)
        assert "**What it shows.**" in section and "**What it does not show.**" in section and chart.hides
        assert {len(row) for row in chart.table} == {len(chart.table[0])}


@pytest.mark.long
def test_the_command_draws_the_charts_and_writes_the_pages(results: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra `bench` is not installed")
    from bench.charts.__main__ import write

    for name in (page.PAGE, page.README):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    old = tmp_path / "docs/performance/gone-light.svg"
    old.parent.mkdir()
    old.touch()
    drawn = write(results, tmp_path)
    files = {chart.file(palette): (tmp_path / chart.file(palette)).read_bytes() for chart in drawn for palette in (LIGHT, DARK)}
    assert {file.relative_to(tmp_path) for file in old.parent.iterdir()} == files.keys()
    for content in files.values():
        assert ElementTree.fromstring(content).tag.endswith("svg")
    assert len(set(files.values())) == 12, "light and dark differ"
    assert page.whole(drawn) in (tmp_path / page.PAGE).read_text()
    assert page.short(drawn) in (tmp_path / page.README).read_text() and "peers-100000-dark.svg" in page.short(drawn)
    write(results, tmp_path)
    assert all((tmp_path / file).read_bytes() == content for file, content in files.items()), "the same figures, the same bytes"


def test_a_page_without_the_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="one marked part"):
        page.written("# Performance\n", "")


COMMAND = "python -m bench.charts"


def test_the_commands_of_the_page_are_those_that_write_what_is_drawn() -> None:
    typed = {each for each in pages.commands("docs/performance.md") if each.startswith("python ")}
    assert {*COMMANDS.values(), COMMAND} - typed <= {COMMANDS["scale"]}, "without a file, nothing is said of growth"
    assert all(each.startswith("python -m bench") for each in typed)


@pytest.mark.long
@pytest.mark.parametrize("command", [each for each in COMMANDS.values() if each != COMMANDS["scale"]])
def test_a_command_of_the_page_can_be_typed(command: str) -> None:
    done = subprocess.run(
        [sys.executable, *command.split()[1:], "--help"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_of_a_long_soak_some_looks_are_kept() -> None:
    kept = thinned({"worker": [float(number) for number in range(601)], "master": [1.26] * 601})
    assert (kept["seconds_apart"], kept["memory_mb"]["worker"][:3]) == (6.0, [0.0, 6.0, 12.0])
    assert len(kept["memory_mb"]["worker"]) == 101 and kept["memory_mb"]["master"][0] == 1.3
    assert thinned({"worker": [1.0, 2.0]}) == {"seconds_apart": 1.0, "memory_mb": {"worker": [1.0, 2.0]}}
