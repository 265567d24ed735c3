"""The printed examples, sent to the server: identifiers, versions and places of the page become those of the world."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from werkzeug.test import TestResponse

from tests.blueprints.conftest import Client

SAMPLES = Path(__file__).parent.parent / "samples"
_OURS = ("created", "lastModified", "version", "nextCursor", "previousCursor", "detail")
"""What each server chooses for itself: that there is text is all that is compared."""


def example(document: str, name: str) -> dict[str, Any]:
    """Return a printed exchange."""
    return json.loads((SAMPLES / document / f"{name}.json").read_text())


class Replay:
    """A client in whose tenant the resources of the examples are put in place."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.ids: dict[str, str] = {}
        schema = client("GET", "/Schemas").get_json()["Resources"][0]
        self._base = schema["meta"]["location"].partition("/Schemas")[0]

    def put_in_place(self, printed_id: str, path: str, resource: dict[str, Any]) -> None:
        """Create a resource that an example takes to be there."""
        answer = self.client("POST", path, self.placed(resource))
        assert answer.status_code == 201, answer.get_json()
        self.ids[printed_id] = answer.get_json()["id"]

    def placed(self, value: Any) -> Any:
        """Return a value with the identifiers and locations of this test."""
        if isinstance(value, dict):
            return {key: self.placed(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.placed(each) for each in value]
        if isinstance(value, str):
            for printed, ours in self.ids.items():
                value = value.replace(printed, ours)
            return value.replace("https://example.com/v2", self._base)
        return value

    def version(self, path: str) -> str:
        """Return the version that a resource has now."""
        return self.client("GET", path).headers["ETag"]

    def send(self, request: dict[str, Any]) -> TestResponse:
        """Send a printed request; a condition names the version that the resource has here."""
        path = self.placed(request["path"]).removeprefix("/v2")
        headers = {name: self.version(path.partition("?")[0]) for name in request["headers"]}
        body = self.placed(request.get("body"))
        for operation in body["Operations"] if body and "/Bulk" in path else ():
            if "version" in operation:
                operation["version"] = self.version(operation["path"])
        return self.client(request["method"], path, body, **{name.replace("-", "_"): v for name, v in headers.items()})

    def differences(self, printed: dict[str, Any], answer: TestResponse) -> set[str]:
        """Return the differences from what is printed: `+x` is additional, `-x` is missing, `x` has another value."""
        found = set() if answer.status_code == printed["status"] else {f"status {answer.status_code}"}
        found |= {f"-header {name}" for name in printed["headers"] if name not in answer.headers}
        if answer.status_code == printed["status"]:
            assert ("body" in printed) == bool(answer.data) or printed["status"] == 204
        if "body" in printed:
            found |= set(_compared(self.placed(printed["body"]), answer.get_json(), ""))
        return found


def _compared(printed: Any, ours: Any, path: str) -> list[str]:
    if isinstance(printed, dict) and isinstance(ours, dict):
        found = []
        for key in {**printed, **ours}:
            below = f"{path}.{key}".lstrip(".")
            if key not in ours:
                found.append(f"-{below}")
            elif key not in printed:
                found.append(f"+{below}")
            elif key == "Resources":  # whose order nobody asked for in these queries
                found += _compared(_by_id(printed[key]), _by_id(ours[key]), below)
            elif key in _OURS:
                assert isinstance(ours[key], str), below
                assert ours[key], below
            else:
                found += _compared(printed[key], ours[key], below)
        return found
    if isinstance(printed, list) and isinstance(ours, list) and len(printed) == len(ours):
        return [each for one, other in zip(printed, ours, strict=True) for each in _compared(one, other, path)]
    return [] if (type(printed), printed) == (type(ours), ours) else [path]


def _by_id(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(resources, key=lambda resource: str(resource["id"]))
