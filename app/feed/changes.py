"""A page of the feed: the events behind a cursor, and the cursor behind them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.feed.cloud_event import CloudEvents
from app.feed.current import CurrentResources, with_resource
from app.feed.cursors import cursor_text, read_cursor
from app.feed.elements import Elements
from app.feed.parameters import NOW, ChangesRequest
from app.store.log.sequence import EventSequence, Reading, Scope


@dataclass(frozen=True)
class ChangesPage:
    """A page of the feed."""

    events: list[dict[str, Any]]
    """CloudEvents."""
    place: int
    """The place behind the page."""
    scope: Scope | None
    more: bool = False
    """Whether another page is ready."""

    @property
    def is_empty(self) -> bool:
        """Whether there is neither an event nor another page."""
        return not (self.events or self.more)

    @property
    def body(self) -> dict[str, Any]:
        """The body of the response."""
        return {"events": self.events, "cursor": cursor_text(self.place, self.scope), "more": self.more}


class Changes:
    """Reads pages of the feed, of one tenant or, with the scope None, of all."""

    def __init__(self, sequence: EventSequence, events: CloudEvents, current: CurrentResources) -> None:
        self._sequence = sequence
        self._events = events
        self._current = current

    def page(self, scope: Scope | None, request: ChangesRequest, place: int | None = None) -> ChangesPage:
        """Return a page; `place` is where to go on after an empty page, in place of the cursor in the request.

        Raises InvalidCursor for text that is no cursor, and Gone for a cursor that is of no use any more.
        """
        with self._sequence.reading() as reading:
            if place is None:
                if request.after == NOW:
                    return ChangesPage([], reading.bounds.published, scope)
                place = read_cursor(request.after, scope) if request.after is not None else None
            page = self._read(reading, reading.start(place), scope, request)
            return self._with_current(page, request, reading) if request.with_current and page.events else page

    def _read(self, reading: Reading, place: int, scope: Scope | None, request: ChangesRequest) -> ChangesPage:
        reach = reading.reach(place, scope) if request.types else reading.bounds.published
        elements = Elements(request.limit)

        def take(documents: Iterable[dict[str, Any]]) -> int | None:
            """Collect events; return the number of the last one if there are more."""
            last = 0
            for document in documents:
                if not elements.room:
                    return last
                last = int(document["seq"])
                elements.add(self._events.render(document, cursor_text(last, scope)))
            return None

        last = reading.read(place, reach, scope, request.types, take)
        if last is not None:
            return ChangesPage(elements.found, last, scope, more=True)
        return ChangesPage(elements.found, max(place, reach), scope, more=reach < reading.bounds.published)

    def _with_current(self, page: ChangesPage, request: ChangesRequest, reading: Reading) -> ChangesPage:
        """Return the page with the resources as they are now; it is shorter if they are large."""
        elements, place = Elements(request.limit), page.place
        resources = self._current.of(page.events, reading.session)
        for event, resource in zip(page.events, resources, strict=True):
            if not elements.room:
                place = read_cursor(elements.found[-1]["cursor"], page.scope)
                return ChangesPage(elements.found, place, page.scope, more=True)
            elements.add(with_resource(event, resource))
        return ChangesPage(elements.found, place, page.scope, page.more)
