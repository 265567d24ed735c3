"""What a line of the log says, in a few words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.advice.explain import short, title_of
from app.advice.words import EVENTS
from app.errors import is_failure
from app.store.directory.directory import Directory
from app.store.directory.identities import the_label
from app.store.log.attempt import REQUEST
from app.store.operators.reports.solved import SOLVED

MOST_MEMBERS = 100
"""Members whose names are looked up, each way."""
_MOST = 3
"""Changed attributes that are named."""
_FIELDS = dict.fromkeys(("cause", "attribute", "scimType", "detail", "sent", "credential", "request", "warnings"), "")
_FIELDS |= {"failed": "", "status": "", SOLVED: ""}


def whole(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event with a value for each field that pages show."""
    changes = [{"old": None, "new": None, **change} for change in found.get("changes", ())]
    members = {"added": [], "removed": [], **found.get("members", {})}
    resource = {"type": "", "id": "", "name": "", **found.get("resource", {})}
    return {**_FIELDS, **found, "changes": changes, "members": members, "resource": resource}


def result(event: Mapping[str, Any]) -> str:
    """Return how a request ended: done, refused or failed."""
    if not event.get("failed"):
        return "done"
    return "failed" if is_failure(event["status"]) else "refused"


def what(event: Mapping[str, Any]) -> str:
    """Return what a request did, before the name of what it did it to."""
    operation, kind = event["operation"], event.get("resource", {}).get("type", "")
    return EVENTS.get((operation, kind), f"{operation} {kind}".strip())


def summary(event: Mapping[str, Any]) -> str:
    """Return what an event says: what has changed, or why it was refused."""
    return "".join(parts(event))


def parts(event: Mapping[str, Any]) -> list[str]:
    """Return what an event says in parts, with each old and new value as one of its own, so that none turns others."""
    if event.get("failed"):
        title = title_of(event.get("cause", ""), event.get("attribute", "")) or str(event.get("detail", ""))
        path = [each["received"] for each in event.get("problems", ())] if event["operation"] == REQUEST else []
        return [": ".join([title, *path])]
    members = event.get("members", {})
    said = [_change(change) for change in event.get("changes", ())[:_MOST]]
    counts = (("+", members.get("addedCount")), ("-", members.get("removedCount")))
    said += [[f"{sign}{count:,} member{'' if count == 1 else 's'}"] for sign, count in counts if count]
    return [part for each in said for part in ("; ", *each)][1:] or [str(event.get("detail", ""))]


def _change(change: Mapping[str, Any]) -> list[str]:
    old, new = (str(value).lower() if isinstance(value, bool) else value for value in map(change.get, ("old", "new")))
    name = short(change["attribute"])
    if any(isinstance(value, (dict, list)) for value in (old, new)) or (old is None and new is None):
        return [name]
    if new is None:
        return [f"{name} removed: ", str(old)]
    return [f"{name}: ", *([] if old is None else [str(old), " → "]), str(new)]


def members_of(event: Mapping[str, Any], directory: Directory) -> dict[str, str]:
    """Return the names of the first members that an event names, by their ids, as far as they are still there."""
    members = event.get("members", {})
    ids = [*members.get("added", [])[:MOST_MEMBERS], *members.get("removed", [])[:MOST_MEMBERS]]
    found = directory.identities.of(ids, names=the_label) if ids else {}
    return {key: identity.label for key, identity in found.items()}
