"""docs/operating.md names only settings that exist."""

from __future__ import annotations

import re
from pathlib import Path

from app.config import SETTINGS

DOCS = Path(__file__).parents[2] / "docs"
OPERATING = (DOCS / "operating.md").read_text()


def test_every_setting_that_is_named_exists() -> None:
    assert set(re.findall(r"SCIMD_[A-Z_]+", OPERATING)) <= {row.name for row in SETTINGS}
