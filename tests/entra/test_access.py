"""Test Connection gets the same 401 for every credential that was valid once, or is valid for another tenant."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from app.store.accounts.tokens import Tokens
from tests.entra.client import Answer, Client
from tests.entra.laws import broken_laws
from tests.entra.tenancy import database_of, new_tenant

PROBE = "/Users?filter=userName+eq+%223f0c5a52-6d1f-4b7e-9a64-1c0a8f0f7d11%22"


def probe(base_url: str, token: str) -> Answer:
    """Send the request of Test Connection and return the response."""
    client = Client(base_url, token)
    try:
        answer = client.send("GET", PROBE)
        assert not list(broken_laws(answer))
        return answer
    finally:
        client.close()


@pytest.fixture(scope="module")
def refused(live_server: Any) -> Answer:
    """Return the response to a token that never existed."""
    return probe(new_tenant(live_server, "gallery")[0], "no-token")


def test_an_expired_token(live_server: Any, refused: Answer) -> None:
    base_url, _ = new_tenant(live_server, "gallery")
    text, _ = Tokens(database_of(live_server)).issue(base_url.split("/")[-3], lifetime=timedelta(seconds=1))
    assert probe(base_url, text).status == 200
    time.sleep(1.1)
    assert same(probe(base_url, text), refused)


def test_a_revoked_token(live_server: Any, refused: Answer) -> None:
    base_url, good = new_tenant(live_server, "gallery")
    tokens = Tokens(database_of(live_server))
    text, token = tokens.issue(base_url.split("/")[-3])
    tokens.revoke(token.id)
    assert same(probe(base_url, text), refused)
    assert probe(base_url, good).status == 200


def test_a_token_of_another_tenant(live_server: Any, refused: Answer) -> None:
    _, foreign = new_tenant(live_server, "gallery")
    base_url, _ = new_tenant(live_server, "gallery")
    assert same(probe(base_url, foreign), refused)


def test_a_tenant_that_does_not_exist(live_server: Any, refused: Answer) -> None:
    _, token = new_tenant(live_server, "gallery")
    assert same(probe(f"{live_server.url}/nobody/scim/v2", token), refused)


def same(answer: Answer, other: Answer) -> bool:
    """Return whether two refusals cannot be told apart."""
    headers = [{**each.headers, "Date": "", "X-Request-Id": ""} for each in (answer, other)]
    return answer.status == 401 and answer.text == other.text and headers[0] == headers[1]
