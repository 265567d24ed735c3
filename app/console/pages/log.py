"""What happened, and what was refused: the log of a customer, of requests to no customer, and one event of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import Response, request

from app.advice.explain import explain
from app.advice.guides import provider_of
from app.blueprints.exchange import current
from app.blueprints.response.streaming import Stream
from app.console.frame.access import Need, needs
from app.console.frame.blueprints import console
from app.console.frame.door import LIVE, acting, missing
from app.console.frame.pages import Wrong, page
from app.console.frame.parts import customer, parts, visit
from app.console.frame.places import day_in
from app.protocol.messages import CSV, NDJSON
from app.store.directory.identities import the_label
from app.store.log.events import NO_TENANT, Events, LogSettings
from app.store.log.reading.page import LogFilter, LogPage, Place, Window
from app.store.operators.reports.exports import MOST, LogExport
from app.store.operators.reports.lines import result, summary

ROWS = 50
FIELDS = ("person", "failed", "operation", "credential", "cause", "attribute", "from", "to")
_FIELDS = dict.fromkeys(("cause", "attribute", "scimType", "detail", "sent", "credential", "request", "warnings"), "")
_FIELDS |= {"failed": "", "status": ""}
OPERATIONS = (
    "create", "replace", "patch", "delete", "restore", "import", "sign-on", "sign-off", "authenticate", "request",
)


@console.get("/log")
@needs(Need.SEE)
def log() -> Response:
    """Show requests that named no customer, and what concerns all of them."""
    return log_page(Events(parts().database, NO_TENANT, LogSettings(parts().config.log_days)))


@console.get("/customers/<customer>/log")
@needs(Need.SEE)
def customer_log() -> Response:
    """Show the log of a customer."""
    return log_page(parts().directory(customer()).events)


@console.get("/log/<event_id>")
@needs(Need.SEE)
def event(event_id: str) -> Response:
    """Show one event that is of no customer."""
    return event_page(Events(parts().database, NO_TENANT, LogSettings(parts().config.log_days)), event_id)


@console.get("/customers/<customer>/log/<event_id>")
@needs(Need.SEE)
def customer_event(event_id: str) -> Response:
    """Show one event of a customer: why it was refused, or what changed."""
    return event_page(parts().directory(customer()).events, event_id)


@console.get("/customers/<customer>/log.<any(csv, ndjson):form>")
@needs(Need.GRAVE)
def export_log(form: str) -> Response:
    """Return what the filter selects of a customer's log as a file."""
    export = LogExport(parts().directory(customer()).events, parts().visits, visit())
    blocks = export.blocks(form, wanted(asked()), acting(), customer().name)
    if blocks is None:
        raise Wrong(429, "You are exporting another file.", "Wait until it is complete, then try again.")
    stream = Stream(blocks, current().request_id, parts().database.budget)
    headers = {"Content-Disposition": f"attachment; filename=log.{form}"}
    return Response(stream, headers=headers, mimetype=CSV if form == "csv" else NDJSON)


def log_page(events: Events) -> Response:
    """Return a page of a log as the address asks for it, or its live part, or 204 where nothing is new."""
    of = asked()
    if front := Place.parse(request.args.get(LIVE, "")):
        new = events.page(wanted(of), Window(front, ROWS + 1, newer=True)).events
        if not new:
            return Response(status=204)
        response = shown_log("parts/log_rows.html", events.page(wanted(of)), of)
        response.headers["X-Newer"] = str(len(new))
        return response
    return shown_log("log.html", events.page(wanted(of), window()), of)


def asked() -> dict[str, str]:
    """Return the fields of the filter, as the address has them."""
    return {name: request.args.get(name, "")[:300] for name in FIELDS}


def wanted(asked: Mapping[str, str]) -> LogFilter:
    """Return which lines the fields of the filter ask for."""
    until = day_in(asked["to"])
    return LogFilter(
        name=asked["person"].strip(), failed=bool(asked["failed"]), cause=asked["cause"], attribute=asked["attribute"],
        operation=asked["operation"], credential=asked["credential"].strip(), since=day_in(asked["from"]),
        until=until + timedelta(days=1) if until else None,
    )


def window() -> Window:
    """Return which page of the log the address asks for."""
    newer = Place.parse(request.args.get("newer", ""))
    return Window(newer or Place.parse(request.args.get("older", "")), ROWS, newer=newer is not None)


def event_page(events: Events, event_id: str) -> Response:
    """Return the page of one event; raises Wrong if there is none with this id."""
    found = events.one(event_id)
    if found is None:
        raise missing()
    provider = provider_of(customer().provider, customer().profile) if customer() else "other"
    why = explain(found, provider) if found.get("failed") else None
    return page("event.html", event=whole(found), why=why, names=_names(found))


def whole(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event with a value for each field that pages show."""
    changes = [{"old": None, "new": None, **change} for change in found.get("changes", ())]
    members = {"added": [], "removed": [], **found.get("members", {})}
    resource = {"type": "", "id": "", "name": "", **found.get("resource", {})}
    return {**_FIELDS, **found, "changes": changes, "members": members, "resource": resource}


def shown_log(template: str, lines: LogPage, asked: Mapping[str, str], **more: Any) -> Response:
    """Return a page with lines of a log; `more` is what else its template needs."""
    return page(
        template, asked=asked, log=lines, events=[whole(each) for each in lines.events], summary=summary, result=result,
        operations=OPERATIONS, filtered=any(asked.values()), days=parts().config.log_days, most=MOST,
        kept={name: text for name, text in asked.items() if text}, **more,
    )


def _names(found: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of the members that an event names, by their ids, as far as they are still there."""
    members = found.get("members", {})
    ids = [*members.get("added", [])[:100], *members.get("removed", [])[:100]]
    if not ids or not customer():
        return {}
    identities = parts().directory(customer()).identities.of(ids, names=the_label)
    return {key: identity.label for key, identity in identities.items()}
