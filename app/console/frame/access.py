"""What a page needs of whoever asks for it, and what each role may do."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from app.store.operators.visits import CONSOLE, SETUP


class Need(StrEnum):
    """What a page needs."""

    NOBODY = "nobody"
    """It is open: a link is entered there."""
    SEE = "see"
    """Somebody is in: all customers are seen, on the setup pages the own one."""
    ACT = "act"
    GRAVE = "grave"
    """It gives somebody access, or takes away what cannot be had back: the person has signed in lately."""
    SET_UP = "set up"
    """The own customer is connected: the same on the setup pages, for which the person has come lately."""


OPERATOR, VIEWER, SETTING_UP, STATUS = "operator", "viewer", "setup", "status"
MAY: dict[str, frozenset[Need]] = {
    OPERATOR: frozenset({Need.SEE, Need.ACT, Need.GRAVE}),
    VIEWER: frozenset({Need.SEE}),
    SETTING_UP: frozenset({Need.SEE, Need.SET_UP}),
    STATUS: frozenset({Need.SEE}),
}
FRESH = {CONSOLE: timedelta(minutes=15), SETUP: timedelta(hours=1)}
"""How long after a sign-in grave acts are allowed, by the kind of the visit."""
MUST_BE_FRESH = frozenset({Need.GRAVE, Need.SET_UP})
