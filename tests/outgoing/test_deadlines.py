"""Work at deadlines: in their order, unless it is called off, and in a process that was forked."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from queue import SimpleQueue

import pytest

from app.outgoing.deadlines import Deadlines
from tests.processes import until


@pytest.fixture
def deadlines() -> Deadlines:
    return Deadlines()


def test_an_earlier_deadline_does_not_wait_for_a_later_one(deadlines: Deadlines) -> None:
    done: SimpleQueue[str] = SimpleQueue()
    deadlines.add(time.monotonic() + 3_600, lambda: done.put("in an hour"))
    deadlines.add(time.monotonic() + 0.2, lambda: done.put("second"))
    deadlines.add(time.monotonic() + 0.1, lambda: done.put("first"))
    deadlines.add(time.monotonic() - 1, lambda: done.put("at once"))
    assert [done.get(timeout=20) for _ in range(3)] == ["at once", "first", "second"]
    assert done.empty()


def test_it_is_not_done_before_its_time(deadlines: Deadlines) -> None:
    done: SimpleQueue[float] = SimpleQueue()
    due = time.monotonic() + 0.3
    deadlines.add(due, lambda: done.put(time.monotonic()))
    assert done.get(timeout=20) >= due


def test_what_is_called_off_is_not_done(deadlines: Deadlines) -> None:
    done: list[str] = []
    key = deadlines.add(time.monotonic() + 0.1, lambda: done.append("called off"))
    deadlines.call_off(key)
    deadlines.call_off(key)
    deadlines.add(time.monotonic() + 0.2, lambda: done.append("done"))
    until(lambda: done)
    assert done == ["done"]


def test_one_thread_does_all(deadlines: Deadlines) -> None:
    done: SimpleQueue[str] = SimpleQueue()
    for _ in range(50):
        deadlines.add(time.monotonic() + 0.01, lambda: done.put(f"{threading.get_ident()}"))
    assert len({done.get(timeout=20) for _ in range(50)}) == 1


def test_a_process_that_was_forked_has_deadlines_of_its_own(deadlines: Deadlines) -> None:
    deadlines.add(time.monotonic() + 0.2, lambda: None)  # so that there is a thread, which the child has not
    read, write = os.pipe()
    with deadlines._changed:  # and a lock, which nobody there would release
        child = os.fork()
        if child == 0:
            deadlines.add(time.monotonic() + 0.1, lambda: os.write(write, b"done"))
            time.sleep(30)
            os._exit(0)
    try:
        os.set_blocking(read, False)
        found: list[bytes] = []

        def said() -> list[bytes]:
            with suppress(BlockingIOError):
                found.append(os.read(read, 100))
            return found

        until(said)
        assert found == [b"done"]
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(read)
        os.close(write)
