"""Who did what: the acts of operators, and of administrators on setup pages."""

from __future__ import annotations

from flask import Response

from app.advice.wording import moment
from app.advice.words import ACTS
from app.console.frame import Need, console, page, parts
from app.console.frame.asked import ROWS, asked, place
from app.console.pages.log import exported
from app.store.operators.audit import AuditLog
from app.store.operators.reports.exports import of_acts


@console.page("/acts", Need.SEE)
def acts() -> Response:
    """Show the acts, newest first; of one customer, who may be deleted, if one is named."""
    of = asked("customer")
    rows, older = AuditLog(parts().database).page(of, place("before", moment), ROWS)
    places = [("Older", {"customer": of, "before": older.isoformat()})] if older else []
    return page("acts.html", rows=rows, of=of, places=places, words=ACTS)


@console.page("/acts.<any(csv, ndjson):form>", Need.GRAVE)
def export_acts(form: str) -> Response:
    """Return the acts as a file; those of one customer, if one is named."""
    return exported(form, of_acts(AuditLog(parts().database), asked("customer")), asked("customer"))
