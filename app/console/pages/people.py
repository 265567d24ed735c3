"""Who is there, and what happened to them: people and groups of one customer or all, and those that were deleted."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from flask import Response, request

from app.console.frame import forms
from app.console.frame.access import Need, needs
from app.console.frame.blueprints import console
from app.console.frame.door import acting, back, missing
from app.console.frame.forms import Form
from app.console.frame.pages import page
from app.console.frame.parts import customer, parts
from app.console.pages.log import ROWS, shown_log, window
from app.errors import NotFound, Uniqueness
from app.protocol.search_request import SearchRequest
from app.schemas.resource_type import ResourceType
from app.store.operators.finder import Hit
from app.store.operators.reports.groups import InGroup, groups_in, ways
from app.store.operators.reports.resources import look, restorable, timeline
from app.store.search.order import Position

LONGEST = 300


@console.get("/find")
@needs(Need.SEE)
def find() -> Response:
    """Show who has a name, an e-mail address or an id, over all customers."""
    text, finder, names = asked("q"), parts().finder, [each.name for each in parts().tenants.list()]
    hits = text and (finder.find(text, names) or finder.beginning(text, names))
    return page("found.html", hits=hits, of=None, text=text, places={})


@console.get("/customers/<customer>/people", endpoint="people", defaults={"kind": "people"})
@console.get("/customers/<customer>/groups", endpoint="groups", defaults={"kind": "groups"})
@console.get("/customers/<customer>/<kind>", endpoint="others")
@needs(Need.SEE)
def resources(kind: str) -> Response:
    """Show the people or groups of a customer by name, or those that are called something."""
    of, text = type_of(kind), asked("q")
    exact = text and parts().finder.find(text, [customer().name])
    hits, places = (exact, {}) if exact else _by_name(of, text)
    return page("found.html", hits=hits, of=of, text=text, places=places)


@console.get("/customers/<customer>/<kind>/<resource_id>")
@needs(Need.SEE)
def resource(kind: str, resource_id: str) -> Response:
    """Show who somebody is and what happened to them; of a group, who is in it."""
    of, directory = type_of(kind), parts().directory(customer())
    found = look(directory, of, resource_id)
    if found is None:
        raise missing()
    if of.members and not found.kept:
        return page("group.html", found=found, **_members(resource_id))
    return shown_log("person.html", timeline(directory.events, resource_id, window()), {}, found=found, form=Form())


@console.get("/customers/<customer>/deleted")
@needs(Need.SEE)
def deleted() -> Response:
    """Show what can be restored."""
    return _deleted(Form())


@console.post("/customers/<customer>/deleted")
@needs(Need.ACT)
def restore() -> Response:
    """Restore what was deleted."""
    form = forms.read("id")
    try:
        change = acting().restore(parts().directory(customer()), form.typed["id"])
    except (NotFound, Uniqueness) as error:
        return _deleted(form.fail(error))
    kind = parts().kinds[change.resource_type.name]
    return back("console.resource", "restored", customer=customer().name, kind=kind, resource_id=form.typed["id"])


def asked(name: str) -> str:
    """Return what was typed into a box, or ""."""
    return request.args.get(name, "").strip()[:LONGEST]


def type_of(kind: str) -> ResourceType:
    """Return the customer's type of resources that an address names; raises Wrong."""
    types = parts().directory(customer()).catalogue.types
    found = next((each for each in types if parts().kinds.get(each.name) == kind), None)
    if found is None:
        raise missing()
    return found


def _deleted(form: Form) -> Response:
    directory = parts().directory(customer())
    found = directory.deleted.page(window())
    return page("deleted.html", form.status, form=form, rows=restorable(directory, found.events), log=found,
                days=parts().config.deleted_days)


def _by_name(of: ResourceType, beginning: str) -> tuple[list[Hit], dict[str, Any]]:
    """Return a page of resources whose names begin with a text, and the places before and behind it."""
    before, after = (Position.parse(request.args.get(name, "")) for name in ("before", "after"))
    shown = [name for name in (of.identifier, of.label, of.switch) if name]
    asks = SearchRequest.from_query({"filter": [f"{of.identifier} sw {json.dumps(beginning)}"]} if beginning else {})
    search = replace(asks, sort_by=of.identifier, attributes=tuple(shown))
    found = parts().queries(customer()).stretch(of, search, before or after, ROWS, backwards=bool(before))
    hits = [
        Hit(customer().name, of.name, each["id"], each.get(of.identifier, ""), each.get(of.label, ""),
            active=not of.is_disabled(each))
        for each in found.resources
    ]
    return hits, _places(bool(before), bool(after), (found.first, found.last), more=found.more)


def _places(before: bool, after: bool, ends: tuple[Any, Any], *, more: bool) -> dict[str, Any]:  # noqa: FBT001
    """Return the places before and behind a page, as far as there is something."""
    return {"before": ends[0] if after or (before and more) else None, "after": ends[1] if before or more else None}


def _members(group: str) -> dict[str, Any]:
    """Return who is in a group, or only the groups in it, or how those are in it who are called something."""
    directory, text = parts().directory(customer()), asked("is")
    if text:
        hits = [each for each in parts().finder.find(text, [customer().name]) if not each.deleted]
        types = [each for each in directory.catalogue.types if each.name in {hit.type for hit in hits}]
        found: dict[str, InGroup | None] = {}
        for each in types:
            found |= ways(directory, group, each, [hit.id for hit in hits if hit.type == each.name])
        return {"members": hits, "text": text, "places": {}, "ways": found}
    if request.args.get("only"):
        return {"members": groups_in(directory, group), "text": "", "places": {}, "ways": {}}
    before, after = (request.args.get(name, "")[:LONGEST] for name in ("before", "after"))
    members, more = directory.members_page(group, before or after, ROWS, backwards=bool(before))
    ends = (members[0].id, members[-1].id) if members else (None, None)
    return {"members": members, "text": "", "places": _places(bool(before), bool(after), ends, more=more), "ways": {}}
