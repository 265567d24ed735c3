"""Streams whose receivers get each token by HTTP (RFC 8935): the request for an event, and what its answer means."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from app.delivery.message import Form, Message, Outcome, judged
from app.delivery.poll_request import known
from app.delivery.security_event import SecurityEvents, Stream
from app.outgoing.http import Answer
from app.protocol.messages import JSON, SECURITY_EVENT_JWT
from app.store.accounts.sealing import Sealer
from app.store.delivery.endpoint import Endpoint
from app.store.sign_on.signing_keys import SigningKey

KEY_SECONDS = 5.0
"""How long a signing key is used before it is read again."""
_REFUSED = 400
_OF_THE_STREAM = frozenset((
    "invalid_key", "invalid_issuer", "invalid_audience", "authentication_failed", "access_denied",
))
"""The errors that every other token would get, too."""


def push_form(tokens: SecurityEvents, sealer: Sealer, clock: Callable[[], float] = time.monotonic) -> Form:
    """Return how events are sent to streams by push."""
    return Form(_Messages(tokens, sealer, clock), judged_token)


def judged_token(answer: Answer) -> Outcome:
    """Return what the answer to a token means; a 400 says what is wrong with it (RFC 8935 section 2.3)."""
    outcome = judged(answer)
    code = _code(answer.body) if answer.status == _REFUSED else None
    if code is None:
        return outcome
    return replace(outcome, reason=f"answered {answer.status}: {known(code)}", endpoint_fails=code in _OF_THE_STREAM)


def _code(body: bytes) -> str | None:
    """Return the `err` in the body of an answer, None if it has none."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    code = parsed.get("err") if isinstance(parsed, dict) else None
    return code if isinstance(code, str) else None


@dataclass
class _Messages:
    """Makes the request for an event."""

    tokens: SecurityEvents
    sealer: Sealer
    clock: Callable[[], float]
    _key: tuple[float, SigningKey] | None = None

    def __call__(self, stream: Endpoint, event: Mapping[str, Any], _: Mapping[str, Any]) -> Sequence[Message]:
        """Return the request for an event, none if no token tells of it."""
        token = self.tokens.token(event, Stream(stream.id, stream.audience), self._current_key())
        if token is None:
            return ()
        headers = {"Content-Type": SECURITY_EVENT_JWT, "Accept": JSON}
        if stream.authorization:
            headers["Authorization"] = self.sealer.unseal(stream.authorization).decode()
        return (Message(stream.url, headers, token.text.encode()),)

    def _current_key(self) -> SigningKey:
        if self._key is None or self.clock() - self._key[0] > KEY_SECONDS:
            self._key = self.clock(), self.tokens.key()
        return self._key[1]
