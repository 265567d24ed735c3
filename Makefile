# Each target is a command that you could type yourself; .venv is updated when the dependencies have changed.

PYTHON ?= python3
BIN = .venv/bin
# Where it is set, each of the hundreds of processes that the tests start would compile every module again.
export PYTHONDONTWRITEBYTECODE =

.PHONY: run test test-fast test-browser test-long screenshots lint bench

run: .venv/run.stamp
	@$(BIN)/scimd serve --demo

# All but the tests marked `long` or `browser`: a single one takes seconds, most of the rest take hundredths (D-650).
test: .venv/test.stamp
	@$(BIN)/python -m pytest -n auto --dist worksteal -m "not long and not browser"

# While writing: only tests that need no database and no server (tests/conftest.py marks the others), under a minute.
test-fast: .venv/test.stamp
	@$(BIN)/python -m pytest -n auto --dist worksteal -m "not long and not process"

# The tests with a real browser (chromium), which are skipped where there is none.
test-browser: .venv/test.stamp
	@$(BIN)/python -m pytest -n auto --dist worksteal -m browser

# The pictures of docs/console.md, of a demo of its own; chromium draws them.
screenshots: .venv/test.stamp
	@$(BIN)/python -m tests.console.browser.pictures

# The tests marked `long`, and every property with twenty times as many examples.
test-long: .venv/test.stamp
	@$(BIN)/python -m pytest -m "long or hypothesis" --hypothesis-profile=many --timeout=3600

lint: .venv/test.stamp
	@$(BIN)/ruff check .
	@$(BIN)/mypy

bench: .venv/bench.stamp
	@$(BIN)/python -m bench

.venv/run.stamp: setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[embedded]'
	@touch $@

.venv/test.stamp: setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@ .venv/run.stamp

.venv/bench.stamp: .venv/test.stamp
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test,bench]'
	@touch $@
