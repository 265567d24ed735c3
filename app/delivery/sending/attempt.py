"""One attempt to deliver an event to an endpoint: in the form of the endpoint, within 15 seconds."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.delivery.message import Form, Message, Outcome
from app.errors import Unavailable, describe
from app.feed.cloud_event import CloudEvents
from app.feed.current import CurrentResources, with_resource
from app.feed.cursors import cursor_text
from app.outgoing.addresses import Networks
from app.outgoing.failures import OutgoingError
from app.outgoing.http import deliver
from app.store.delivery.endpoint import Endpoint
from app.store.log.sequence import Scope
from app.store.mongo.database import budget

log = logging.getLogger("scimd")
SECONDS = 15.0
"""The time for all of an event's messages together, from the first connection to the end of the last answer."""


@dataclass(frozen=True)
class Attempts:
    """Makes attempts; `forms` says how events are sent in each form, and `allowed` to which networks."""

    events: CloudEvents
    current: CurrentResources
    forms: Mapping[str, Form]
    allowed: Networks = ()

    def make(self, endpoint: Endpoint, scope: Scope | None, document: Mapping[str, Any]) -> Outcome:
        """Send an event, and return what became of it; raises only Unavailable, before anything is sent."""
        deadline = time.monotonic() + SECONDS
        outcome = Outcome()
        try:
            form = self.forms[endpoint.form]
            with budget(SECONDS):
                event = self._event(endpoint, scope, document)
                messages = form.messages(endpoint, event, document)
            for message in messages:
                outcome = self._send(message, form, deadline)
                if not outcome.succeeded:
                    break
        except Unavailable:
            raise
        except Exception as error:
            log.exception("an event could not be made for the endpoint %s", endpoint.id)
            return Outcome(reason=f"scimd failed: {describe(error)}")
        return outcome

    def _event(self, endpoint: Endpoint, scope: Scope | None, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return the CloudEvent for an event as it is stored."""
        # A test event is not in the sequence: the place behind it is that of the endpoint.
        event = self.events.render(document, cursor_text(document["seq"] or endpoint.place, scope))
        if not endpoint.current:
            return event
        [resource] = self.current.of([event])
        return with_resource(event, resource)

    def _send(self, message: Message, form: Form, deadline: float) -> Outcome:
        try:
            answer = deliver(message.url, message.body, message.headers, deadline=deadline, allowed=self.allowed)
        except OutgoingError as error:
            return Outcome(reason=error.reason)
        return form.judged(answer)
