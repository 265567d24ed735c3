"""A real browser for tests of pages: Debian's chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Yield a browser; without chromium and Playwright the tests are skipped, and say so."""
    api = pytest.importorskip("playwright.sync_api", reason="NO BROWSER TEST HAS RUN: playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("NO BROWSER TEST HAS RUN: there is no chromium on the PATH")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
