"""Where a customer's administrator begins, and comes back to."""

from __future__ import annotations

from flask import Response

from app.console.frame.access import Need, needs
from app.console.frame.blueprints import setup
from app.console.frame.pages import page


@setup.get("")
@needs(Need.OWN)
def start() -> Response:
    """Show the customer's state."""
    return page("setup_status.html")
