"""Signatures of webhooks, verified by others' code: the package `standardwebhooks`, and Ed25519 of `cryptography`."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from app.delivery import signing
from app.store.accounts.sealing import Sealer, new_key
from app.store.delivery.endpoint import ED25519, HMAC
from app.store.mongo.database import StoreError
from tests.examples import examples

EVENT = "0b6c8f0e-7d57-4f6f-9d5e-0c1c8a3f2b11"
BODY = '{"type": "scimd.user.updated", "data": {"name": "J\u00f6rg"}}'.encode()


def verify_v1a(text: str, headers: dict[str, str], body: bytes) -> None:
    """Verify one of the signatures by a public key in its text form; raises InvalidSignature if there is none."""
    assert text.startswith("whpk_")
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(text.removeprefix("whpk_")))
    signed = b".".join((headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body))
    for each in headers["webhook-signature"].split(" "):
        version, _, signature = each.partition(",")
        if version == "v1a":
            try:
                return key.verify(base64.b64decode(signature, validate=True), signed)
            except InvalidSignature:
                continue
    raise InvalidSignature


def test_ev_91_92_hmac_is_verified_by_the_package_of_standard_webhooks() -> None:
    key, text = signing.new_key(HMAC)
    assert text.startswith("whsec_")
    assert len(base64.b64decode(text.removeprefix("whsec_"), validate=True)) == 32
    headers = signing.headers([key], EVENT, BODY, datetime.now(UTC))
    assert Webhook(text).verify(BODY, headers)["data"]["name"] == "J\u00f6rg"
    for other_body, other in ((BODY + b" ", headers), (BODY, headers | {"webhook-id": "x"})):
        with pytest.raises(WebhookVerificationError):
            Webhook(text).verify(other_body, other)
    with pytest.raises(WebhookVerificationError):
        Webhook(signing.new_key(HMAC)[1]).verify(BODY, headers)


def test_ev_91_the_timestamp_is_that_of_the_attempt_in_seconds() -> None:
    key, text = signing.new_key(HMAC)
    moment = datetime.now(UTC).replace(microsecond=999_999)
    headers = signing.headers([key], EVENT, BODY, moment)
    assert headers["webhook-timestamp"] == str(int(moment.timestamp()))
    assert headers["webhook-id"] == EVENT
    assert headers["Content-Type"] == "application/json"
    old = signing.headers([key], EVENT, BODY, moment - timedelta(minutes=6))
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(text).verify(BODY, old)


@settings(max_examples=examples(20), deadline=None)
@given(body=st.binary(max_size=200), event=st.uuids().map(str))
def test_ev_92_ed25519_is_verified_by_the_public_key_alone(body: bytes, event: str) -> None:
    key, text = signing.new_key(ED25519)
    headers = signing.headers([key], event, body, datetime.now(UTC))
    verify_v1a(text, headers, body)
    for changed in (headers | {"webhook-id": event + "x"}, headers | {"webhook-timestamp": "1"}):
        with pytest.raises(InvalidSignature):
            verify_v1a(text, changed, body)
    with pytest.raises(InvalidSignature):
        verify_v1a(text, headers, body + b"x")
    with pytest.raises(InvalidSignature):
        verify_v1a(signing.new_key(ED25519)[1], headers, body)


def test_ev_93_each_key_signs_until_its_end(mock_database: Any) -> None:
    sealer, moment = Sealer(mock_database, [new_key()]), datetime.now(UTC)
    pairs = [signing.new_key(kind) for kind in (ED25519, HMAC, ED25519)]
    stored = [signing.sealed(key, text, sealer, moment) for key, text in pairs]
    old, ended = signing.SigningKey(**vars(stored[0]) | {"until": moment + timedelta(hours=1)}), signing.SigningKey(**vars(stored[2]) | {"until": moment})
    keys = signing.unsealed([old, stored[1], ended], sealer.unseal, moment)
    assert keys == [pairs[0][0], pairs[1][0]]
    headers = signing.headers(keys, EVENT, BODY, moment)
    assert [each.split(",")[0] for each in headers["webhook-signature"].split(" ")] == ["v1a", "v1"]
    verify_v1a(pairs[0][1], headers, BODY)
    Webhook(pairs[1][1]).verify(BODY, headers)
    with pytest.raises(InvalidSignature):
        verify_v1a(pairs[2][1], headers, BODY)


def test_ev_92_what_is_stored_shows_no_private_half(mock_database: Any) -> None:
    sealer, moment = Sealer(mock_database, [new_key()]), datetime.now(UTC)
    for kind in (ED25519, HMAC):
        key, text = signing.new_key(kind)
        stored = signing.sealed(key, text, sealer, moment)
        assert base64.b64encode(key.private).decode() not in str(vars(stored))
        assert stored.public == (text if kind == ED25519 else "")
        with pytest.raises(StoreError):
            signing.unsealed([stored], Sealer(mock_database, [new_key()]).unseal, moment)
