"""Waiting for the clock, where a test needs two moments that differ as MongoDB stores them."""

from __future__ import annotations

from time import sleep

from app.store.mongo.moments import now


def next_millisecond() -> None:
    """Wait until the time is later than at the call, in milliseconds."""
    begun = now()
    while now() <= begun:
        sleep(0.001)
