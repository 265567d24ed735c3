"""Who is there, and what happened to them: people and groups of one customer or all, and those that were deleted."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from flask import Response

from app.console.frame import Form, Need, acting, back, console, customer, directory, missing, page, parts
from app.console.frame.asked import ROWS, Places, asked, before_and_after, beside, place, window
from app.console.pages.log import labels, lines
from app.protocol.search_request import SearchRequest
from app.schemas.resource_type import ResourceType
from app.store.operators.finder import Hit
from app.store.operators.reports.groups import groups_in, ways
from app.store.operators.reports.resources import look, restorable, timeline
from app.store.search.order import Position


@console.page("/find", Need.SEE)
def find() -> Response:
    """Show who has a name, an e-mail address or an id, in all customers."""
    text, finder = asked("q"), parts().finder
    hits, refused = finder.search(text, finder.tenants()) if text else ([], [])
    return page("found.html", hits=hits, of=None, text=text, places=[], refused=refused)


@console.page("/customers/<customer>/people", Need.SEE, endpoint="people", defaults={"kind": "people"})
@console.page("/customers/<customer>/groups", Need.SEE, endpoint="groups", defaults={"kind": "groups"})
@console.page("/customers/<customer>/<kind>", Need.SEE, endpoint="others")
def resources(kind: str) -> Response:
    """Show the people or groups of a customer by name, or those that are called something."""
    of, text, here = _type_of(kind), asked("q"), [customer().name]
    exact = text and parts().finder.find(text, here)
    hits, places = (exact, []) if exact else _by_name(of, text)
    if text and not hits:
        hits = parts().finder.beginning(text, here)
    refused = parts().finder.refused(text, here) if text else []
    return page("found.html", hits=hits, of=of, text=text, places=places, refused=refused)


@console.page("/customers/<customer>/<kind>/<resource_id>", Need.SEE)
def resource(kind: str, resource_id: str) -> Response:
    """Show who somebody is and what happened to them; of a group, who is in it."""
    of = _type_of(kind)
    found = look(directory(), of, resource_id)
    if found is None:
        raise missing()
    if of.members and not found.kept:
        return page("group.html", found=found, **_members(resource_id))
    return page("person.html", found=found, **lines(timeline(directory().events, resource_id, window())))


@console.page("/customers/<customer>/deleted", Need.SEE)
def deleted() -> Response:
    """Show what can be restored."""
    found = directory().deleted.page(window())
    rows = restorable(directory(), found.events)
    days, by = parts().config.deleted_days, labels(*(row.by for row in rows))
    return page("deleted.html", rows=rows, labels=by, places=beside(found), days=days)


@console.act("/customers/<customer>/deleted", Need.ACT, "id", shows=deleted)
def restore(form: Form) -> Response:
    """Restore what was deleted."""
    change = acting().restore(directory(), form["id"])
    kind = parts().kinds[change.resource_type.name]
    return back("console.resource", "restored", kind=kind, resource_id=form["id"])


def _type_of(kind: str) -> ResourceType:
    """Return the customer's type of resources that an address names; raises Wrong."""
    found = next((each for each in directory().catalogue.types if parts().kinds.get(each.name) == kind), None)
    if found is None:
        raise missing()
    return found


def _by_name(of: ResourceType, beginning: str) -> tuple[list[Hit], Places]:
    """Return a page of resources whose names begin with a text, and the pages beside it."""
    before, after = (place(name, Position.parse) for name in ("before", "after"))
    shown = [name for name in (of.identifier, of.label, of.switch) if name]
    asks = SearchRequest.from_query({"filter": [f"{of.identifier} sw {json.dumps(beginning)}"]} if beginning else {})
    search = replace(asks, sort_by=of.identifier, attributes=tuple(shown))
    found = parts().queries(customer()).stretch(of, search, before or after, ROWS, backwards=bool(before))
    hits = [
        Hit(customer().name, of.name, each["id"], each.get(of.identifier, ""), each.get(of.label, ""),
            active=not of.is_disabled(each))
        for each in found.resources
    ]
    return hits, before_and_after([found.first, found.last] if hits else [], more=found.more)


def _members(group: str) -> dict[str, Any]:
    """Return who is in a group, or only the groups in it, or how those are in it who are called something."""
    if text := asked("is"):
        hits = [each for each in parts().finder.find(text, [customer().name]) if not each.deleted]
        found = ways(directory(), group, {each.id: each.type for each in hits})
        return {"members": hits, "text": text, "places": [], "ways": found}
    if asked("only"):
        return {"members": groups_in(directory(), group), "text": "", "places": [], "ways": {}}
    before, after = asked("before"), asked("after")
    members, more = directory().members_page(group, before or after, ROWS, backwards=bool(before))
    places = before_and_after([each.id for each in members], more=more)
    return {"members": members, "text": "", "places": places, "ways": {}}
