"""How many examples Hypothesis tries: few in the everyday run, twenty times as many in `make test-long`.

No example has a deadline and no test fails because making examples takes long: on a busy machine everything does.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

USUAL = 100
"""Hypothesis' own default."""
settings.register_profile(
    "usual", max_examples=USUAL, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("many", settings.get_profile("usual"), max_examples=20 * USUAL)
settings.load_profile("usual")


def examples(everyday: int) -> int:
    """Return the `max_examples` of a test that tries `everyday` of them while `--hypothesis-profile` is not `many`."""
    return everyday * settings.default.max_examples // USUAL


def one_of_each(cases: Iterable[Any], kind: Callable[[Any], Hashable]) -> list[Any]:
    """Return the parameters of a test of which `make test` tries the first of each kind, and `make test-long` all."""
    firsts: set[Hashable] = set()
    found = []
    for case in cases:
        found.append(pytest.param(case, marks=pytest.mark.long) if kind(case) in firsts else case)
        firsts.add(kind(case))
    return found
