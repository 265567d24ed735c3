"""What is sent to an endpoint for one event, and what its answer means: the seam between the sender and each form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from app.outgoing.http import Answer
from app.store.delivery.endpoint import Endpoint
from app.store.mongo.moments import aware, now

GONE = 410
"""The status by which an endpoint says that it wants no more events."""
RETRY_AFTER = (429, 503)
"""The statuses whose header `Retry-After` counts."""
MOST_RETRY_AFTER = 3_600.0


@dataclass(frozen=True)
class Message:
    """One HTTP request, to be sent by POST as it is."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt."""

    status: int = 0
    """The HTTP status; 0 without an answer."""
    reason: str = ""
    """Why it failed, in our words and never in those of the answer; "" for success."""
    retry_after: float = 0.0
    """Seconds for which the endpoint wants to get nothing."""
    is_gone: bool = False
    """Whether the endpoint wants no events any more."""
    endpoint_fails: bool = False
    """Whether it would refuse every other event, too."""

    @property
    def succeeded(self) -> bool:
        """Whether the endpoint has the event."""
        return not self.reason


Messages = Callable[[Endpoint, Mapping[str, Any], Mapping[str, Any]], Sequence[Message]]
"""Returns what is sent for an event: endpoint, the event as a CloudEvent, the event as it is stored.

None: there is nothing to send, and the event counts as delivered. Several are sent one after the other, and the event
is delivered when the last one is.
"""


def judged(answer: Answer) -> Outcome:
    """Return what the answer to a webhook means: any 2xx is success, and a redirect is not followed."""
    if 200 <= answer.status < 300:
        return Outcome(answer.status)
    wait = _seconds(answer.headers.get("Retry-After", "")) if answer.status in RETRY_AFTER else 0.0
    return Outcome(
        answer.status, f"answered {answer.status}", retry_after=min(wait, MOST_RETRY_AFTER),
        is_gone=answer.status == GONE,
    )


def _seconds(text: str) -> float:
    """Return the seconds of a `Retry-After` (RFC 9110 section 10.2.3), 0 for what is neither seconds nor a date."""
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # for a year or a time zone of many digits
        return 0.0
    return max((aware(moment) - now()).total_seconds(), 0.0)


@dataclass(frozen=True)
class Form:
    """How events are sent to the endpoints of one form."""

    messages: Messages
    judged: Callable[[Answer], Outcome] = judged
