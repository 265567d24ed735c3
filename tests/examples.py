"""How many examples Hypothesis tries: few in the everyday run, twenty times as many in `make test-long`."""

from __future__ import annotations

from hypothesis import settings

USUAL = 100
"""Hypothesis' own default."""
settings.register_profile("many", max_examples=20 * USUAL)


def examples(everyday: int) -> int:
    """Return the `max_examples` of a test that tries `everyday` of them while `--hypothesis-profile` is not `many`."""
    return everyday * settings.default.max_examples // USUAL
