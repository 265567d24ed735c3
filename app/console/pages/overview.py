"""Who needs attention: the first page of the console."""

from __future__ import annotations

from flask import Response, request

from app.console.frame.access import Need, needs
from app.console.frame.blueprints import console
from app.console.frame.pages import page
from app.console.frame.parts import parts

ROWS = 50


@console.get("")
@needs(Need.SEE)
def overview() -> Response:
    """Show which customers need attention, and all of them by name."""
    after = request.args.get("after", "")[:63]
    found = parts().tenants.page(after, ROWS + 1)
    return page("overview.html", customers=found[:ROWS], more=len(found) > ROWS)


@console.get("/customers/<customer>")
@needs(Need.SEE)
def customer() -> Response:
    """Show whether a customer is all right."""
    return page("customer.html")
