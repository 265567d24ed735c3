"""What a page needs of the person who asks for it, and what each role may do."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from app.store.operators.visits import CONSOLE, SETUP


class Need(StrEnum):
    """What a page needs."""

    NOBODY = "nobody"
    """It is open: a link is entered there."""
    SEE = "see"
    """It shows all customers, or on the setup pages the person's own one."""
    ACT = "act"
    GRAVE = "grave"
    """It gives access, or takes away what cannot be restored, so the person must have signed in recently."""
    SET_UP = "set up"
    """It connects the person's own customer, so the person must have come by the link lately."""


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
