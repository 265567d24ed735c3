"""docs/operating.md names existing settings, and the values of gunicorn.conf.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.config import SETTINGS
from tests.docs import pages

ROOT = Path(__file__).parents[2]
OPERATING = (ROOT / "docs/operating.md").read_text()
GUNICORN = (ROOT / "gunicorn.conf.py").read_text()
TABLE = re.findall(r"^\| (.+?) \| (.+?) \|", pages.text("docs/operating.md#Why these gunicorn settings").split("\n\n")[0], re.MULTILINE)
NAMES = [(name, value) for names, value in TABLE for name in re.findall(r"`([\w.]+)`", names)]


def test_every_setting_that_is_named_exists() -> None:
    assert set(re.findall(r"SCIMD_[A-Z_]+", OPERATING)) <= {row.name for row in SETTINGS}


def test_ev_13_upgrading_says_that_no_older_scimd_may_run_beside_this_one() -> None:
    chapter = pages.text("docs/operating.md#Upgrading")
    assert "**To this version: stop all, then start all.**" in chapter
    assert "A rolling upgrade is not safe this once" in chapter
    unreleased = (ROOT / "CHANGES.md").read_text().split("## Unreleased")[1].split("\n## ")[0]
    assert "by stopping every scimd and starting it again" in unreleased


def test_the_table_of_gunicorn_is_found() -> None:
    assert {"timeout", "CLIENT_SECONDS", "max_requests"} <= {name for name, _ in NAMES}


@pytest.mark.parametrize(("name", "value"), NAMES)
def test_a_setting_of_gunicorn_has_the_value_of_the_page(name: str, value: str) -> None:
    lines = re.findall(rf"^(?:def |\s*)({re.escape(name)}\b.*)$", GUNICORN, re.MULTILINE)
    assert bool(lines) == (value != "none")
    if seconds := re.fullmatch(r"(\d+) s", value):
        assert f"{name} = {seconds[1]}" in lines
