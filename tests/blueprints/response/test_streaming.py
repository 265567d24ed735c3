"""A body that is written while it is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import orjson
import pytest

from app.blueprints.response.streaming import BLOCK, Stream, json_blocks
from app.errors import Unavailable


class Budgets:
    """Totals the budgets that are opened."""

    def __init__(self) -> None:
        self.opened = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self.opened += 1
        yield


def members(number: int, fails_at: int = -1) -> Iterator[dict[str, str]]:
    for place in range(number):
        if place == fails_at:
            raise Unavailable("The database does not answer.")
        yield {"value": f"{place:036d}"}


def test_fa_16_each_block_has_a_budget_of_its_own() -> None:
    budgets = Budgets()
    stream = Stream(json_blocks({"members": members(20_000)}), "r", budgets)
    assert budgets.opened == 0  # the first block is read within the request's own
    blocks = list(stream)
    assert len(orjson.loads(b"".join(blocks))["members"]) == 20_000
    assert all(len(block) >= BLOCK for block in blocks[:-1])
    assert budgets.opened == len(blocks)  # the last one finds that there is no more


def test_fa_16_a_failure_before_the_first_byte_is_an_error_of_its_own() -> None:
    with pytest.raises(Unavailable):
        Stream(json_blocks({"members": members(20_000, fails_at=100)}), "r", Budgets())


def test_fa_16_a_failure_later_ends_the_connection() -> None:
    stream = Stream(json_blocks({"members": members(20_000, fails_at=19_999)}), "r", Budgets())
    with pytest.raises(BrokenPipeError):
        list(stream)


def test_fa_16_what_is_closed_early_reads_no_more() -> None:
    read = members(20_000)
    stream = Stream(json_blocks([{"members": read}]), "r", Budgets())
    next(stream)
    stream.close()
    stream.close()
    assert list(stream) == []
    assert next(read, None) is not None  # nobody has read it to its end
