"""Streams whose receivers ask for their tokens (RFC 8936): a poll acknowledges what came before and gets what is next.

A stream has no queue. It has the place up to which all tokens are acknowledged, and the few events after it whose
tokens are, too; a token that is not acknowledged is made again for the next poll.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from app.delivery.poll_request import LONGEST_WAIT, PollRequest
from app.delivery.security_event import SecurityEvents, Stream, payloads, token_id
from app.errors import Forbidden, NotFound, Unavailable
from app.feed.cloud_event import CloudEvents
from app.feed.waiting import Aside, Waiters
from app.store.accounts.tenants import Tenant
from app.store.delivery.acknowledging import acknowledge
from app.store.delivery.endpoint import OFF, POLL, Attempt, Endpoint
from app.store.delivery.endpoints import Endpoints
from app.store.log.sequence import MOST_EXAMINED, EventSequence, Scope
from app.store.mongo.database import Database
from app.store.mongo.moments import now

log = logging.getLogger("scimd")
WINDOW = 1_000
"""Events, from the first one that is not acknowledged, whose tokens are handed out; later ones wait for it."""
_TRIES = 5
_REFUSED = 400
"""The status with which a receiver would have refused a token that was pushed."""


@dataclass(frozen=True)
class PollPage:
    """The response to a poll."""

    tokens: Mapping[str, str]
    """Id -> token."""
    more: bool
    """Whether there are more tokens."""
    place: int
    """Up to here there is nothing else to read."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to hand out now."""
        return not (self.tokens or self.more)

    @property
    def body(self) -> dict[str, Any]:
        """The body of the response (RFC 8936 section 2.3)."""
        return {"sets": self.tokens, "moreAvailable": self.more}


class Polls:
    """Answers the polls of one server's streams."""

    def __init__(self, database: Database, events: CloudEvents, tokens: SecurityEvents, waiters: Waiters) -> None:
        self._database = database
        self._sequence = EventSequence(database)
        self._endpoints = Endpoints(database)
        self._events = events
        self._tokens = tokens
        self._waiters = waiters

    def poll(self, tenant: Tenant, stream_id: str, request: PollRequest, aside: Aside) -> dict[str, Any]:
        """Return the body of the response; one without tokens is held back unless the request does not want that.

        The waiting is done inside `aside`. Raises NotFound, Forbidden, Unavailable, and Gone if events that are not
        acknowledged are no longer kept.
        """
        until = time.monotonic() + (LONGEST_WAIT if request.most and not request.at_once else 0)
        page = self._answer(tenant, stream_id, request)
        rest = replace(request, accepted=frozenset(), refused={})

        def read_on(_: int) -> PollPage:
            return self._answer(tenant, stream_id, rest)

        return self._waiters.hold(page, tenant.name, until, aside, read_on).body

    def _answer(self, tenant: Tenant, stream_id: str, request: PollRequest) -> PollPage:
        """Store what a poll acknowledges, and return its page."""
        for _ in range(_TRIES):  # other polls of the stream may come in between
            stream = self._stream(tenant, stream_id)
            walk, published = self._walk(tenant, stream, request)
            if self._store(stream, walk):
                for token, event_id in walk.refused.items():
                    log.warning(
                        "the receiver of %s refused the token about the event %s: %s", stream.id, event_id,
                        request.refused[token],
                    )
                return PollPage(walk.tokens, walk.more, published)
        raise Unavailable("Other polls of this stream come at the same time; try again.", retry_after=1)

    def _stream(self, tenant: Tenant, stream_id: str) -> Endpoint:
        stream = self._endpoints.get(stream_id)
        if stream is None or stream.tenant != tenant.name or stream.form != POLL:
            raise NotFound("There is no such stream here.")
        if stream.state == OFF:
            raise Forbidden("The stream is turned off.")
        return stream

    def _walk(self, tenant: Tenant, stream: Endpoint, request: PollRequest) -> tuple[_Walk, int]:
        """Go through the events that are not acknowledged; return that, and the number of the last event there is."""
        with self._sequence.reading() as reading:
            published = reading.bounds.published
            walk = _Walk(request, stream, self._events, self._maker(stream), reading.start(stream.place))
            scope = Scope(tenant.name, tenant.tenant_id)
            if reading.read(walk.place, published, scope, (), walk.take) and not walk.has_outstanding:
                walk.place = published
        return walk, published

    def _maker(self, stream: Endpoint) -> Callable[[Mapping[str, Any]], str]:
        """Return what makes the token about an event; the key is read for the first one."""
        key = cache(self._tokens.key)
        whom = Stream(stream.id, stream.audience)

        def make(event: Mapping[str, Any]) -> str:
            token = self._tokens.token(event, whom, key())
            assert token is not None
            return token.text

        return make

    def _store(self, stream: Endpoint, walk: _Walk) -> bool:
        """Store how far the receiver has come; return False if the stream has changed since it was read."""
        done = sorted(number for number in walk.done if number > walk.place)
        if (walk.place, done) == (stream.place, sorted(stream.done)):
            return True
        refused = [
            Attempt(time=now(), event=event_id, status=_REFUSED, reason=walk.request.refused[token], seconds=0.0)
            for token, event_id in walk.refused.items()
        ]
        return acknowledge(self._database, stream, walk.place, done, delivered=walk.accepted, refused=refused)


@dataclass
class _Walk:
    """The events behind the place of a stream, as they are gone through in their order."""

    request: PollRequest
    stream: Endpoint
    events: CloudEvents
    make: Callable[[Mapping[str, Any]], str]
    place: int
    """All events up to this number are acknowledged, or have no token."""
    done: set[int] = field(default_factory=set)
    """The numbers of the acknowledged events, some of them after the place."""
    tokens: dict[str, str] = field(default_factory=dict)
    more: bool = False
    accepted: int = 0
    """How many events the request acknowledges."""
    refused: dict[str, str] = field(default_factory=dict)
    """The tokens that it refuses, each with the id of the event."""
    has_outstanding: bool = False
    """Whether an event has been met that is not acknowledged."""

    def take(self, documents: Iterable[Mapping[str, Any]]) -> bool:
        """Go through stored events; return whether these were all."""
        self.done = set(self.stream.done)
        acknowledged = len(self.request.accepted) + len(self.request.refused)
        window = 0
        for examined, document in enumerate(documents):
            if (self.more and acknowledged == self.accepted + len(self.refused)) or window >= WINDOW:
                return False
            if examined >= MOST_EXAMINED and not self.has_outstanding:
                self.more = True
                return False
            self._take(document)
            window += self.has_outstanding
        return True

    def _take(self, document: Mapping[str, Any]) -> None:
        number, event = document["seq"], self.events.render(document, "")
        token = token_id(self.stream.id, event["id"])
        has_token = number not in self.done and bool(payloads(event))
        if has_token and not self._acknowledge(token, event["id"]):
            self.has_outstanding = True
            self._hand_out(token, event)
        elif not self.has_outstanding:
            self.place = number
        elif has_token:
            self.done.add(number)

    def _hand_out(self, token: str, event: Mapping[str, Any]) -> None:
        if len(self.tokens) < self.request.most:
            self.tokens[token] = self.make(event)
        else:
            self.more = True

    def _acknowledge(self, token: str, event_id: str) -> bool:
        """Return whether the request acknowledges a token."""
        if token in self.request.refused:
            self.refused[token] = event_id
            return True
        if token in self.request.accepted:
            self.accepted += 1
            return True
        return False
