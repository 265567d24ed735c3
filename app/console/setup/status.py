"""Whether all is well, and who was refused and why: what a customer's administrator comes back for."""

from __future__ import annotations

from datetime import timedelta

from flask import Response

from app.advice.explain import explain
from app.advice.guides import provider_of
from app.console.frame.access import Need, needs
from app.console.frame.blueprints import setup
from app.console.frame.door import missing
from app.console.frame.pages import page
from app.console.frame.parts import customer, parts
from app.console.pages.log import ROWS, summary, whole, window
from app.console.pages.overview import refusals_of
from app.store.log.reading.page import LogFilter, Window
from app.store.mongo.moments import now

WEEK = timedelta(days=7)


@setup.get("")
@needs(Need.OWN)
def start() -> Response:
    """Show the customer's state, and what was refused by cause."""
    reader = parts().overview
    (found,) = reader.customers([customer()], reader.totals(), now())
    return page("setup_status.html", found=found, refusals=refusals_of(customer().name))


@setup.get("/refused")
@needs(Need.OWN)
def refused() -> Response:
    """Show who was refused within seven days."""
    here = window()
    found = parts().directory(customer()).events.page(
        LogFilter(failed=True, since=now() - WEEK), Window(here.place, ROWS, here.newer)
    )
    return page("setup_refused.html", log=found, events=[whole(each) for each in found.events], summary=summary)


@setup.get("/refused/<event_id>")
@needs(Need.OWN)
def refused_one(event_id: str) -> Response:
    """Show why one was refused, and the cure."""
    found = parts().directory(customer()).events.one(event_id)
    if found is None or not found.get("failed"):
        raise missing()
    why = explain(found, provider_of(customer().provider, customer().profile), customer=True)
    return page("setup_event.html", event=whole(found), why=why)
