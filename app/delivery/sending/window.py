"""The window of one endpoint: the events that were read and are not delivered yet, and which of them may be sent.

An event may be sent if no event before it touches the same resource: of those in the window, and of those that were put
aside. So a resource's events arrive in their order, and never two of them at once.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.store.delivery.put_aside import PutAside
from app.store.delivery.touched import Passed, Touched, touched_by

SIZE = 100
"""The most events of an endpoint that are read ahead."""


@dataclass(eq=False)
class Item:
    """An event that is not delivered yet."""

    event: str
    """Its id."""
    seq: int
    touched: Touched
    document: Mapping[str, Any] | None = None
    """The event as it is stored; None for one that was put aside, until it is tried again."""
    aside: PutAside | None = None
    """What is stored of it, if it was put aside."""
    is_sent: bool = False
    """Whether an attempt is under way."""
    is_probe: bool = False
    """Whether the last attempt was made because the endpoint stands still."""

    @property
    def due(self) -> datetime:
        """When it can be tried, as far as time is concerned."""
        return self.aside.next if self.aside else datetime.min.replace(tzinfo=UTC)

    def is_due(self, moment: datetime) -> bool:
        """Return whether it can be tried, as far as time is concerned."""
        return self.due <= moment

    def __lt__(self, other: Item) -> bool:
        return (self.seq, self.event) < (other.seq, other.event)


class Window:
    """The events of one endpoint, from its place on; `done` are numbers after the place that are not to be read."""

    def __init__(self, place: int, done: Iterable[int], asides: Iterable[PutAside]) -> None:
        self.reached = place
        """The number up to which events were read."""
        self._done = set(done)
        self._items = sorted(Item(each.event, each.seq, each.touched, aside=each) for each in asides)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    @property
    def fresh(self) -> int:
        """How many events were read and neither delivered nor put aside."""
        return sum(item.aside is None for item in self._items)

    @property
    def put_aside(self) -> int:
        """How many events are put aside."""
        return len(self._items) - self.fresh

    @property
    def place(self) -> int:
        """The number up to which all events are delivered or put aside."""
        return next((item.seq - 1 for item in self._items if item.aside is None), self.reached)

    @property
    def ahead(self) -> int:
        """About how many numbers `done` has."""
        return len(self._done)

    @property
    def done(self) -> list[int]:
        """The numbers after the place of events that are delivered or put aside."""
        place = self.place
        self._done = {number for number in self._done if number > place}
        return sorted(self._done)

    def read(self, document: Mapping[str, Any]) -> None:
        """Take in the next event of the sequence, unless it is delivered or put aside already."""
        self.reached = number = int(document["seq"])
        if number not in self._done:
            insort(self._items, Item(document["_id"], number, touched_by(document), document))

    def remove(self, item: Item) -> None:
        """Take an event out that is delivered, or given up."""
        self._items.remove(item)
        self._done.add(item.seq)

    def put(self, item: Item, aside: PutAside) -> None:
        """Note that an event is put aside."""
        item.aside, item.document = aside, None
        self._done.add(item.seq)

    def ready(self, moment: datetime, *, early: bool = False) -> Iterator[Item]:
        """Yield the events that may be sent, in their order; `early` also before their time."""
        before = Passed()
        for item in self._items:
            if not item.is_sent and (early or item.is_due(moment)) and not before.meets(item.touched):
                yield item
            before.add(item.touched)

    def behind(self) -> list[Item]:
        """Return the events that come after one that was put aside and touch the same, so that they wait with it."""
        before, found = Passed(), []
        for item in self._items:
            if item.aside is None and not item.is_sent and before.meets(item.touched):
                found.append(item)
                before.add(item.touched)
            elif item.aside is not None:
                before.add(item.touched)
        return found
