"""What a page needs of whoever asks for it, and what each role may do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar

from app.store.operators.visits import CONSOLE, SETUP

View = TypeVar("View", bound=Callable[..., Any])


class Need(StrEnum):
    """What a page needs."""

    NOBODY = "nobody"
    """It is open: a link is entered there."""
    SEE = "see"
    """All customers are seen."""
    ACT = "act"
    GRAVE = "grave"
    """It gives somebody access, or takes away what cannot be had back: the person has signed in lately."""
    OWN = "own"
    """The own customer's state is seen."""
    SET_UP = "set up"


OPERATOR, VIEWER, SETTING_UP, STATUS = "operator", "viewer", "setup", "status"
MAY: dict[str, frozenset[Need]] = {
    OPERATOR: frozenset({Need.SEE, Need.ACT, Need.GRAVE}),
    VIEWER: frozenset({Need.SEE}),
    SETTING_UP: frozenset({Need.OWN, Need.SET_UP}),
    STATUS: frozenset({Need.OWN}),
}
FRESH = {CONSOLE: timedelta(minutes=15), SETUP: timedelta(hours=1)}
"""How long after a sign-in grave acts are allowed, by the kind of the visit."""
MUST_BE_FRESH = frozenset({Need.GRAVE, Need.SET_UP})


def needs(need: Need) -> Callable[[View], View]:
    """Declare what a view needs; a view without this is refused."""

    def declare(view: View) -> View:
        view.needs = need  # type: ignore[attr-defined]
        return view

    return declare
