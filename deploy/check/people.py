"""The few SCIM requests that the check sends."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from deploy.check.client import Answer, Client

BASE = "/demo/scim/v2"


def user(name: str) -> dict[str, Any]:
    """Give a user with what the profile `gallery` requires."""
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": f"{name}@example.com",
        "externalId": name,
        "active": True,
        "displayName": name,
        "name": {"givenName": name, "familyName": "Example", "formatted": f"{name} Example"},
    }


def find(client: Client, name: str) -> Answer:
    """Ask for a user by his name, as Entra matches; raises CheckFailed where that is not answered."""
    return client.expect(200, "GET", match(name))


def match(name: str) -> str:
    """Give the path of that request."""
    return BASE + "/Users?filter=" + quote(f'userName eq "{name}@example.com"')


def mixed(client: Client, prefix: str, number: int) -> Answer:
    """Send the next request of a load: every fifth creates, the others match."""
    if number % 5:
        return client.send("GET", match(f"{prefix}{number - number % 5}"))
    return client.send("POST", f"{BASE}/Users", user(f"{prefix}{number}"))
