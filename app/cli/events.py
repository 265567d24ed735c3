"""scimd events: the provisioning log, for finding out why a user was not provisioned."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from time import sleep
from typing import Any

import click

from app.advice.explain import explain, numbered, plain
from app.advice.guides import ENTRA, provider_of
from app.cli.connection import Connection, in_time
from app.cli.output import json_text, print_table, say
from app.cli.values import Duration, ResourceName, Text
from app.errors import Unavailable
from app.store.accounts.tenants import SPEC as TENANTS
from app.store.accounts.tenants import Tenants
from app.store.log.event import ROLES
from app.store.log.events import NO_TENANT, Events, LogSettings
from app.store.log.outbox import SPEC as OUTBOX
from app.store.log.reading.tail import Tail

PAUSE = 1.0
_MOST = 100_000
_MOST_CURES = 5
"""Reasons with a cure that are printed after the lines."""
_HINT = f"--limit can be up to {_MOST}, and --user, --failed and --since select among them."


@click.command()
@click.argument("tenant")
@click.option("--user", type=ResourceName(),
              help="Only this user or group, by its present or an earlier name, id or externalId.")
@click.option("--failed", is_flag=True, help="Only what was refused or failed.")
@click.option("--reference", type=Text(), help="Only what was refused under this reference, which a page has shown.")
@click.option("--since", type=Duration(), help="Only the last while, such as 2h.")
@click.option("--limit", type=click.IntRange(1, _MOST), default=1_000, show_default=True, help="The newest lines only.")
@click.option("--follow", is_flag=True, help="Go on with new lines as they come.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document a line.")
@click.pass_obj
def events(
    connection: Connection, tenant: str, user: str | None, failed: bool, reference: str | None,
    since: timedelta | None, limit: int, follow: bool, as_json: bool,
) -> None:
    """Show what was changed, by whom, what was refused, and why.

    The tenant - stands for names that no tenant has: requests to a mistyped Tenant URL. It also has what outlives
    a tenant or concerns all: that a tenant was created, suspended, resumed or deleted, and the tokens of all tenants.
    """
    start = datetime.now(UTC) - since if since else None
    with in_time(f"the log of {tenant}{f', and in it {user}' if user else ''}. With --since it has less to read."):
        find = partial(_log(connection, tenant).find, name=user, failed=failed, reference=reference)
        tail = Tail(find, since=start, limit=limit)
        found = tail.read()
    if tail.left_out:
        say(f"scimd: Only the newest {limit} are shown; {_HINT}", err=True)
    nothing = "Nothing in the log matches." if user or failed or since else "There is nothing in the log."
    nothing = nothing if reference is None else f"Nothing was refused as {reference}."
    provider = provider_at(connection, tenant)
    _print(found, provider, as_json=as_json, empty="" if follow else nothing)
    headed = bool(found)
    while follow:
        sleep(PAUSE)
        found = _read_on(connection, tail)
        _print(found, provider, as_json=as_json, empty="", header=not headed)
        headed = headed or bool(found)


def _log(connection: Connection, tenant: str) -> Events:
    if tenant == NO_TENANT:
        settings = LogSettings(connection.config.log_days)
        return Events(connection.database, tenant, settings, sources=(OUTBOX.name, TENANTS.name))
    return connection.directory(tenant).events


def provider_at(connection: Connection, name: str) -> str:
    """Return the identity provider of a tenant, under whose names cures are printed."""
    tenant = Tenants(connection.database).get(name)
    return provider_of(tenant.provider, tenant.profile) if tenant else ENTRA


def _read_on(connection: Connection, tail: Tail) -> list[dict[str, Any]]:
    """Return the new events; while the database does not answer, say so once and wait for it."""
    waiting = False
    while True:
        try:
            with connection.database.budget():
                found = tail.read()
        except Unavailable as error:
            if not waiting:
                say(f"scimd: {error.detail} Waiting for it.", err=True)
            waiting = True
            sleep(PAUSE)
        else:
            if waiting:
                say("scimd: The database answers again.", err=True)
            return found


def _print(
    found: list[dict[str, Any]], provider: str, *, as_json: bool, empty: str, header: bool = True
) -> None:
    if as_json:
        for event in found:
            say(json_text(event | _advice(event, provider), default=_plain))
    elif found or empty:
        print_table([_row(event) for event in found], empty=empty, header=header)
        _print_cures(found, provider)


def _advice(event: dict[str, Any], provider: str) -> dict[str, Any]:
    """Return why an event was refused and how to fix it; {} for one that was not."""
    if not event.get("failed"):
        return {}
    explanation = explain(event, provider)
    return {"why": explanation.sentence, "cure": [plain(step) for step in explanation.steps]}


def _print_cures(found: list[dict[str, Any]], provider: str) -> None:
    """Print why events were refused and how to fix it, once for each cause and attribute, the commonest first."""
    explanations = [explain(event, provider) for event in found if event.get("failed")]
    newest = {(each.cause, each.attribute): each for each in explanations}
    numbers = Counter((each.cause, each.attribute) for each in explanations)
    for reason, number in numbers.most_common(_MOST_CURES):
        sentence = newest[reason].sentence
        say("", f"{number} x {newest[reason].title}" + (f": {sentence}" if sentence else ""))
        if steps := numbered(newest[reason].steps):
            say(*steps)


def _row(event: dict[str, Any]) -> dict[str, Any]:
    resource = event.get("resource", {})
    return {
        "time_(UTC)": f"{event['time']:%Y-%m-%d %H:%M:%S}",
        "operation": event["operation"],
        "what": " ".join(part for part in (resource.get("type"), resource.get("name") or resource.get("id")) if part),
        "status": event["status"] or None,
        "credential": event.get("credential") or None,
        "reference": event.get("request") if event.get("failed") else None,
        "details": _details(event),
    }


def _details(event: dict[str, Any]) -> str:
    if event.get("detail"):
        return " ".join(part for part in (event.get("scimType"), event["detail"]) if part)
    parts = [_change(change) for change in event.get("changes", ())]
    members = event.get("members", {})
    for word, key in (("+", "added"), ("-", "removed")):
        if members.get(f"{key}Count"):
            parts.append(f"members {word}{members[f'{key}Count']}: {', '.join(members.get(key, [])[:3])}")
    if ROLES in event:
        parts.append(f"roles: {', '.join(event[ROLES]) or 'none'}")
    parts += [f"skipped: {warning}" for warning in event.get("warnings", ())]
    return "; ".join(parts)


def _change(change: dict[str, Any]) -> str:
    if "old" not in change and "new" not in change:
        return str(change["attribute"])
    old, new = (json.dumps(change.get(key), default=_plain, ensure_ascii=False) for key in ("old", "new"))
    return f"{change['attribute']}: {old} -> {new}" if "old" in change else f"{change['attribute']}: {new}"


def _plain(value: Any) -> str:
    return f"{value:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z" if isinstance(value, datetime) else str(value)
