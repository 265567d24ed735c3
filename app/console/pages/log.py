"""What happened, and what was refused: the log of a customer, of requests to no customer, and one event of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Response, g, request

from app.advice.explain import explain
from app.advice.guides import OTHER, provider_of
from app.advice.words import OPERATIONS
from app.blueprints.exchange import current
from app.blueprints.response.streaming import Stream
from app.console.frame import Need, acting, console, customer, directory, events, page, parts, setup, visit
from app.console.frame.asked import asked, beside, days, place, window
from app.console.frame.door import LIVE
from app.console.frame.forms import form as asked_form
from app.console.frame.wrong import Wrong, missing
from app.protocol.messages import CSV, NDJSON
from app.store.log.reading.page import LogFilter, LogPage, Place
from app.store.mongo.moments import now
from app.store.operators.reports.exports import MOST, Export, Source, of_log
from app.store.operators.reports.lines import members_of, whole
from app.store.operators.reports.solved import latest, marked, one
from app.store.operators.visits import CONSOLE, SETUP

WEEK = timedelta(days=7)


@console.page("/log", Need.SEE)
@console.page("/customers/<customer>/log", Need.SEE, endpoint="customer_log")
def log() -> Response:
    """Show the log of a customer, or of requests that named none; its live part, or 204 where nothing is new."""
    front = place(LIVE, Place.parse)
    found, newer = latest(events(), wanted(), window(), front)
    if front and not newer:
        return Response(status=204)
    response = page("parts/log_rows.html" if front else "log.html", **lines(found, live=True), **_choices())
    response.headers["X-Newer"] = str(newer)
    return response


@setup.page("/refused", Need.SEE)
def refused() -> Response:
    """Show who was refused within seven days, all or for one cause."""
    chosen = LogFilter(failed=True, cause=asked("cause"), since=now() - WEEK)
    return page("refused.html", **lines(events().page(chosen, window())))


@console.page("/log/<event_id>", Need.SEE)
@console.page("/customers/<customer>/log/<event_id>", Need.SEE, endpoint="customer_event")
@setup.page("/refused/<event_id>", Need.SEE, endpoint="refused_one")
def event(event_id: str) -> Response:
    """Show one event: why it was refused, or what changed."""
    found = one(events(), event_id)
    if found is None or (g.kind == SETUP and not found.get("failed")):
        raise missing()
    why = explain(found, portal(), customer=g.kind == SETUP) if found.get("failed") else None
    # The pages of customers have no directory.
    now_called = parts().finder.now_called(found, customer().name) if why and g.kind == CONSOLE and customer() else []
    by, names = labels(found.get("credential", "")), members_of(found, directory()) if customer() else {}
    return page("event.html", event=whole(found), why=why, labels=by, names=names, now=now_called)


@console.page("/customers/<customer>/log.<any(csv, ndjson):form>", Need.GRAVE)
def export_log(form: str) -> Response:
    """Return what the filter selects of a customer's log as a file."""
    return exported(form, of_log(events(), wanted()), customer().name)


def exported(form: str, source: Source, tenant: str) -> Response:
    """Return a file; raises Wrong if its filter cannot be read, and while the visit reads another one."""
    if faults := asked_form().faults:
        raise Wrong(422, *faults.values())
    blocks = Export(parts().visits, visit(), acting(), parts().lets_in).blocks(form, source, tenant)
    if blocks is None:
        raise Wrong(429, "You are exporting another file.", "Wait until it is complete, then try again.")
    stream = Stream(blocks, current().request_id, parts().database.budget)
    headers = {"Content-Disposition": f"attachment; filename={source.name}.{form}"}
    return Response(stream, headers=headers, mimetype=CSV if form == "csv" else NDJSON)


def wanted() -> LogFilter:
    """Return which lines the address asks for."""
    since, until = days()
    return LogFilter(
        name=asked("person"), failed=bool(asked("failed")), cause=asked("cause"), attribute=asked("attribute"),
        operation=asked("operation"), credential=asked("credential"), since=since, until=until,
    )


def portal() -> str:
    """Return the key of the identity provider whose names the page uses."""
    return provider_of(customer().provider, customer().profile) if customer() else OTHER


def lines(found: LogPage, *, live: bool = False) -> dict[str, Any]:
    """Return what the templates need for lines of a log, which may be `live` while they are the newest."""
    # What solved a refusal may be in front of an older page, and is not in a list of refusals alone.
    log = events() if window().place or asked("failed") or asked("cause") or g.kind == SETUP else None
    rows, days = [whole(each) for each in marked(found.events, log)], parts().config.log_days
    poll = str(found.front or "") if live and not window().place else ""
    by = labels(*(each["credential"] for each in rows))
    return {"log": found, "events": rows, "labels": by, "places": beside(found), "days": days, "poll": poll}


def labels(*credentials: str) -> dict[str, str]:
    """Return the labels of those ids that are credentials of the customer, by id; none for the setup pages."""
    shown = g.kind == CONSOLE and customer()
    return parts().labels.of(customer().name, credentials) if shown else {}


def _choices() -> dict[str, Any]:
    """Return what the filter offers to choose from, which a live part does not show, and how much can be exported."""
    shown = customer() and LIVE not in request.args
    credentials = parts().labels.choices(customer().name) if shown else []
    return {"credentials": credentials, "operations": OPERATIONS, "most": MOST}
