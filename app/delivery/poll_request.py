"""The body of a poll: what the receiver of a stream acknowledges, and what it wants (RFC 8936 section 2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.errors import InvalidValue

MOST_TOKENS = 200
"""Tokens in one response at most."""
LONGEST_WAIT = 15
"""Seconds for which an empty response is held back."""
OTHER = "another error"
ERRORS = frozenset((
    "invalid_request", "invalid_key", "invalid_issuer", "invalid_audience", "authentication_failed", "access_denied",
))
"""The codes by which a receiver says what is wrong with a token (RFC 8935 section 2.4)."""


@dataclass(frozen=True)
class PollRequest:
    """A poll."""

    most: int = MOST_TOKENS
    """Tokens that the receiver wants at most; 0 if it only acknowledges."""
    at_once: bool = False
    """Whether an empty response is not to be held back."""
    accepted: frozenset[str] = frozenset()
    """The ids of tokens that it has received."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """The ids of tokens that it could not accept, each with one of `ERRORS`, or `OTHER`."""

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> PollRequest:
        """Return the request in a JSON object, whose other members are ignored; raises InvalidValue."""
        most = body.get("maxEvents", MOST_TOKENS)
        if type(most) is not int or most < 0:
            raise InvalidValue("maxEvents: must be a whole number from 0 on.")
        at_once = body.get("returnImmediately", False)
        if type(at_once) is not bool:
            raise InvalidValue("returnImmediately: must be true or false.")
        accepted = body.get("ack", [])
        if not isinstance(accepted, list) or not all(isinstance(each, str) for each in accepted):
            raise InvalidValue("ack: must be an array of strings, the jti of each token.")
        refused = _refused(body.get("setErrs", {}))
        return cls(min(most, MOST_TOKENS), at_once, frozenset(accepted) - refused.keys(), refused)


def known(code: object) -> str:
    """Return the code of an error, or `OTHER` for text that is none of them and could be anything."""
    return code if isinstance(code, str) and code in ERRORS else OTHER


def _refused(reported: object) -> dict[str, str]:
    if not isinstance(reported, dict) or not all(isinstance(each, dict) for each in reported.values()):
        raise InvalidValue("setErrs: must be an object with an object for each token, whose err says what is wrong.")
    return {token: known(each.get("err")) for token, each in reported.items()}
