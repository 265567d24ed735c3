"""Every recording of the other identity providers, against a real server; each has a folder."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from tests.entra.walker import check_form, each_case, read_recordings, walk

RECORDINGS = read_recordings(Path(__file__).parent, "*/*.json")
AT_LEAST = {
    "okta": 12, "onelogin": 4, "google": 4, "jumpcloud": 3, "ping": 5, "authentik": 5, "keycloak": 4, "sailpoint": 3,
    "dotnet": 4, "scim-sdk": 1,
}


@each_case(RECORDINGS)
def test_exchange(name: str, profile: str, live_server: Any) -> None:
    walk(name, RECORDINGS[name], profile, live_server)


def test_the_recordings_say_what_they_are() -> None:
    for name, recording in RECORDINGS.items():
        check_form(name, recording)
        assert "interop" in recording["profile"], name


def test_each_client_has_its_recordings() -> None:
    counts = Counter(name.split("/")[0] for name in RECORDINGS)
    assert counts.keys() == AT_LEAST.keys()
    assert {client: counts[client] for client, least in AT_LEAST.items() if counts[client] < least} == {}
