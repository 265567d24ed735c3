"""What is kept of a payload: no secret, whatever field it comes in, and no more than asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.schemas.tables.user import USER_TYPE
from app.schemas.validation.secrets import NOT_KEPT, hidden_in, kept
from tests.examples import examples

HIDDEN = hidden_in(row for schema in USER_TYPE.schemas for row in schema.attributes)
TOKEN = "scimd_0123456789ab_" + "0f" * 32
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=20), inner, max_size=5), max_leaves=30,
)


def test_co_10_a_password_is_hidden() -> None:
    assert set(HIDDEN) == {"password"}


@pytest.mark.parametrize("payload", [
    {"password": "hunter2"},
    {"PassWord": {"deep": ["hunter2"]}},
    {"urn:ietf:params:scim:schemas:core:2.0:User:password": "hunter2"},
    {"Operations": [{"op": "replace", "path": "password", "value": "hunter2"}]},
    {"Operations": [{"op": "Add", "Path": "urn:ietf:params:scim:schemas:core:2.0:User:Password", "Value": ["hunter2"]}]},
    {"Operations": [{"op": "replace", "value": {"password": "hunter2"}}]},
    {"Operations": [{"op": "remove", "path": 'emails[password eq "hunter2"]'}]},
    {"a": [[{"b": {"password": "hunter2"}}]]},
    {"userName": TOKEN}, {"title": f"see {TOKEN}"}, {TOKEN: 1}, {"externalId": JWT},
    {"x509Certificates": [{"value": "QUJD" * 30}]},
    {"title": "x " * 600 + TOKEN},
])
def test_co_10_no_secret_is_kept(payload: dict[str, Any]) -> None:
    text = kept(payload, HIDDEN, 4_096)
    assert not any(secret in text for secret in ("hunter2", TOKEN, JWT, "QUJDQUJD"))


def test_co_10_what_is_no_secret_is_kept() -> None:
    payload = {"userName": "ann", "password": "x", "emails": [{"value": "a@x", "primary": True}], "n": None, "f": 1.5}
    wanted = '{"userName": "ann", "password": (not kept), "emails": [{"value": "a@x", "primary": true}], "n": null, "f": 1.5}'
    assert kept(payload, HIDDEN, 4_096) == wanted
    assert NOT_KEPT in wanted


def test_a_long_text_is_cut_and_its_length_is_told() -> None:
    assert kept("ä " * 1_000, HIDDEN, 4_096) == '"' + "ä " * 500 + '"... (2000 characters)'


@settings(max_examples=examples(50), deadline=None)
@given(JSON, st.integers(0, 200))
def test_co_10_any_json_is_cut_to_the_bytes_that_are_asked_for(payload: Any, most: int) -> None:
    text = kept(payload, HIDDEN, most)
    assert len(text.encode()) <= most
    assert text == kept(payload, HIDDEN, 10**9).encode()[:most].decode(errors="ignore")


class Members(list[Any]):
    """An array that counts how many of its elements are read."""

    read = 0

    def __iter__(self) -> Iterator[Any]:
        for each in super().__iter__():
            self.read += 1
            yield each


def test_a_huge_payload_is_not_gone_through() -> None:
    members = Members([{"value": "x" * 36}] * 100_000)
    assert len(kept({"members": members}, HIDDEN, 4_096)) == 4_096
    assert members.read < 200
