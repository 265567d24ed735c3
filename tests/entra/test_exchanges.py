"""Every recording of this folder, against a real server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.entra.walker import each_case, read_recordings, walk

RECORDINGS = read_recordings(Path(__file__).parent)


@each_case(RECORDINGS)
def test_exchange(name: str, profile: str, live_server: Any) -> None:
    walk(name, RECORDINGS[name], profile, live_server)
