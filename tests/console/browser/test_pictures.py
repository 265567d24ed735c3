"""docs/console.md has a picture of each page, and each can be drawn."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import new_database
from tests.console.browser.pictures import FOLDER, NO_PICTURE, PICTURES, demo, draw, file_of

LARGEST = 300 * 1024


def test_co_125_each_page_has_a_picture_in_the_document(application) -> None:
    pages = {
        rule.endpoint for rule in application.url_map.iter_rules()
        if rule.endpoint.startswith(("console.", "setup.")) and "GET" in (rule.methods or ())
    }
    drawn = {endpoint for endpoint in pages if not endpoint.endswith(".other_methods")} - NO_PICTURE
    assert drawn == set(PICTURES)
    shown = re.findall(r"^!\[.+\]\(console/(\S+)\)$", FOLDER.with_suffix(".md").read_text(), re.MULTILINE)
    assert sorted(shown) == sorted(path.name for path in FOLDER.iterdir()) == sorted(map(file_of, PICTURES))
    assert [path for path in FOLDER.iterdir() if path.stat().st_size > LARGEST] == []


@pytest.mark.browser
def test_each_picture_can_be_drawn(chromium: Any, tmp_path: Path, mongod_uri: str) -> None:
    (folder := tmp_path / "pictures").mkdir()
    with demo(tmp_path, SCIMD_MONGODB_URI=new_database(mongod_uri)) as server:
        draw(chromium, server, folder)
    for endpoint in PICTURES:
        picture = (folder / file_of(endpoint)).read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert len(picture) <= LARGEST
