"""Who did what: the acts of operators, and of administrators on setup pages."""

from __future__ import annotations

from flask import Response, request

from app.console.frame.access import Need, needs
from app.console.frame.blueprints import console
from app.console.frame.pages import page
from app.console.frame.parts import parts
from app.console.frame.places import moment_in
from app.store.operators.audit import AuditLog

ROWS = 50


@console.get("/acts")
@needs(Need.SEE)
def acts() -> Response:
    """Show the acts, newest first; of one customer, who may be deleted, if one is named."""
    tenant = request.args.get("customer", "")[:63]
    rows, place = AuditLog(parts().database).page(tenant, moment_in(request.args.get("before", "")), ROWS)
    return page("acts.html", rows=rows, of=tenant, place=place.isoformat() if place else "")
