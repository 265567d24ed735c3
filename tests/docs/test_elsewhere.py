"""Commands and blocks of the pages that test_commands.py does not type: another test runs each, or the page says that none does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs import pages
from tests.docs.story import ELSEWHERE, recipe

TOOLS = ("mongodump", "mongorestore")
LANGUAGES = {
    "README.md": {"sh": "test_commands.py", "": "tests/test_readme.py"},
    "docs/clients.md": {"sh": "test_commands.py"},
    "docs/compose.md": {"sh": "tests/compose/test_stack.py"},
    "docs/console.md": {"sh": "test_commands.py"},
    "docs/consumers.md": {
        "sh": "test_consumers.py, test_webhooks.py", "json": "test_consumers.py", "http": "test_webhooks.py",
    },
    "docs/design.md": {"mermaid": "test_design.py"},
    "docs/mongodb.md": {"js": "test_mongodb.py"},
    "docs/operating.md": {
        "sh": "test_commands.py, test_backup.py", "js": "tests/store/test_sharding.py", "nginx": "test_proxy.py",
        "ini": "test_proxy.py",
    },
    "docs/sign-on.md": {"sh": "test_commands.py", "python": "test_sign_on_examples.py", "js": "test_sign_on_examples.py"},
    "docs/schemas.md": {"json": "test_schemas.py", "": "test_schemas.py"},
}
"""Page -> languages of its blocks -> the tests that try them; a new language needs a test."""


@pytest.mark.parametrize("command", [each for each in ELSEWHERE if each.startswith("make ")])
def test_make_runs_what_the_tests_try(command: str) -> None:
    assert recipe(command.split()[1]) == ELSEWHERE[command]


@pytest.mark.long
def test_make_bench_measures(tmp_path: Path) -> None:
    words = recipe("bench").split()[1:]
    results = tmp_path / "results.json"
    done = subprocess.run(
        [sys.executable, *words, "--only", "get", "--seconds", "0.5", "--json", str(results)], cwd=pages.ROOT,
        timeout=280, check=False,
    )
    assert done.returncode in (0, 1), "1: a goal is missed, as may be in half a second"
    assert "get" in results.read_text()


@pytest.mark.long
def test_the_soak_soaks(tmp_path: Path) -> None:
    (command,) = [each for each in pages.commands("docs/operating.md") if "--only soak" in each]
    words = re.sub(r"--seconds \d+", "--seconds 12", command).split()[1:]
    figures = tmp_path / "soak.json"
    done = subprocess.run(
        [sys.executable, *words, "--json", str(figures)], cwd=pages.ROOT, capture_output=True, text=True,
        timeout=280, check=False,
    )
    assert figures.exists(), done.stdout + done.stderr
    (result,) = json.loads(figures.read_text())["results"]
    assert (result["requests"], result["errors"]) == (12 * 250, 0), result


@pytest.mark.parametrize("page", pages.PAGES)
def test_only_the_tools_of_mongodb_are_untested_and_the_page_says_so(page: str) -> None:
    if any(pages.program(each) in TOOLS for each in pages.commands(page)):
        assert page == "docs/operating.md"
        assert "no test of ours runs them" in pages.text(page)


@pytest.mark.parametrize("page", pages.PAGES)
def test_every_block_is_in_a_language_that_a_test_reads(page: str) -> None:
    assert {language for language, _ in pages.BLOCK.findall(pages.text(page))} == {*LANGUAGES.get(page, {})}
    assert pages.text(page).count("```") == 2 * len(pages.BLOCK.findall(pages.text(page)))


@pytest.mark.parametrize("page", pages.PAGES)
def test_every_line_of_a_shell_block_begins_with_a_known_program(page: str) -> None:
    assert {pages.program(line) for line in pages.lines(page)} <= set(pages.PROGRAMS)


TYPED = {
    "README.md", "docs/clients.md", "docs/console.md", "docs/consumers.md", "docs/entra.md", "docs/mongodb.md",
    "docs/operating.md", "docs/sign-on.md",
}


BENCHES = "docs/performance.md"
"""Its commands are those that `bench.charts` names; tests/bench/test_charts.py compares them."""
EVIDENCE = "docs/decisions.md"
"""Its commands were run once, and no reader types them."""


@pytest.mark.parametrize("page", [page for page in pages.PAGES if page not in {*TYPED, BENCHES, EVIDENCE}])
def test_other_pages_have_only_commands_of_docker_and_make(page: str) -> None:
    assert {pages.program(each) for each in pages.commands(page)} <= {"docker", "make", "kill"}


@pytest.mark.parametrize(("shown", "ran"), [
    ("scimd new NAME", []), ("scimd new NAME", ["scimd new"]), ("scimd new [--fast]", ["scimd new"]),
    ("scimd new [--as a|b]", ["scimd new --as a"]), ("scimd new --as a", ["scimd new --as b"]),
])
def test_a_command_that_nobody_types_is_reported(shown: str, ran: list[str]) -> None:
    assert pages.untried([shown], ran)


@pytest.mark.parametrize(("shown", "ran"), [
    ("scimd new NAME", ["scimd new x"]), ("scimd new [--fast]", ["scimd new --fast", "scimd new"]),
    ("scimd new [--fast]", ["scimd new --fast"]), ("scimd new ...", ["scimd new --as a"]), ("scimd new", ["scimd new x"]),
    ("scimd new https://x/<your id>/v2 --token scimd_...", ["scimd new http://127.0.0.1:1/v2 --token scimd_7"]),
])
def test_a_command_that_somebody_types_is_not_reported(shown: str, ran: list[str]) -> None:
    assert pages.untried([shown], ran) == []
