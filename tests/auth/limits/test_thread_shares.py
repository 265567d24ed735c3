"""A tenant holds a share of a process's threads, and fewer of them for queries that no index answers."""

from __future__ import annotations

import threading

import pytest

from app.auth.limits.thread_shares import Shares
from app.errors import TooManyRequests
from tests.processes import until


def entered(shares: Shares, tenant: str, times: int) -> int:
    """How often a tenant may enter."""
    count = 0
    for _ in range(times):
        try:
            shares.enter(tenant)
            count += 1
        except TooManyRequests as error:
            assert (error.tenant, error.limit, error.headers["Retry-After"]) == (tenant, "share", "1")
    return count


@pytest.mark.parametrize(("threads", "most"), [(1, 1), (2, 1), (3, 2), (8, 2), (16, 4), (64, 16), (512, 128)])
def test_fa_09_a_tenant_holds_a_quarter_of_the_threads(
    monkeypatch: pytest.MonkeyPatch, threads: int, most: int
) -> None:
    monkeypatch.setattr("app.auth.limits.thread_shares.SECONDS", 0)
    shares = Shares(threads)
    for tenant in ("acme", "globex"):
        assert entered(shares, tenant, 2 * most) == most
    shares.leave("acme")
    assert entered(shares, "acme", 2) == 1
    assert entered(shares, "globex", 2) == 0


def test_fa_09_a_burst_waits_for_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.auth.limits.thread_shares.SECONDS", 60)
    shares = Shares(64)
    assert entered(shares, "acme", 16) == 16
    waiting = [threading.Thread(target=shares.enter, args=("acme",), daemon=True) for _ in range(16)]
    for thread in waiting:
        thread.start()
    until(lambda: shares._waiting._value == 0)  # type: ignore[attr-defined]
    assert entered(shares, "acme", 1) == 0  # no more than these may wait
    for _ in range(16):
        shares.leave("acme")
    for thread in waiting:
        thread.join(30)
    assert shares._threads._held == {"acme": 16}


def test_fa_09_what_is_left_again_is_forgotten() -> None:
    shares = Shares(64)
    for number in range(100):
        shares.enter(str(number))
        with shares.scan(str(number)):
            pass
        shares.leave(str(number))
    assert shares._threads._held == shares._scans._held == {}


def test_fa_09_a_query_without_an_index_waits_a_moment_for_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.auth.limits.thread_shares.SCAN_SECONDS", 0.01)
    shares = Shares(64)
    with shares.scan("acme"), shares.scan("acme"):
        with pytest.raises(TooManyRequests) as refused, shares.scan("acme"):
            pass
        with shares.scan("globex"):
            pass
    assert (refused.value.limit, refused.value.headers["Retry-After"]) == ("scans", "1")


def test_fa_09_a_query_that_waits_gets_the_place_of_one_that_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.auth.limits.thread_shares.SCAN_SECONDS", 60)
    shares = Shares(16)
    answered = threading.Event()

    def ask() -> None:
        with shares.scan("acme"):
            answered.set()

    with shares.scan("acme"):
        waiting = threading.Thread(target=ask, daemon=True)
        waiting.start()
        assert not answered.is_set()
    waiting.join(30)
    assert answered.is_set()


def test_fa_09_a_query_that_fails_gives_its_place_back() -> None:
    shares = Shares(16)
    for _ in range(3):
        with pytest.raises(RuntimeError), shares.scan("acme"):
            raise RuntimeError
