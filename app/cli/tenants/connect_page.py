"""What an administrator pastes into Entra, under the names of Entra's own page, for each credential that is set up.

Only hashes of secrets are stored, so secrets are shown by the command that makes them and nowhere else.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app.cli.connection import Connection
from app.cli.output import cell, print_values, say
from app.store.accounts.clients import Client
from app.store.accounts.credentials import credentials_of
from app.store.accounts.tenants import Tenant
from app.store.accounts.tokens import Token
from app.store.accounts.trusts import ASSERTION, Trust
from app.store.log.events import Events, LogSettings


def connect_page(connection: Connection, tenant: Tenant) -> dict[str, Any]:
    """Return a tenant's URLs, its credentials with the values to paste, the last contact and the last error."""
    database, now = connection.database, datetime.now(UTC)
    stored = credentials_of(database, tenant.name)
    page: dict[str, Any] = {
        "tenant_url": connection.tenant_url(tenant.name),
        "token_endpoint": connection.token_endpoint(tenant.name),
        "tokens": [_token(each) for each in stored.tokens if each.opens_scim_at(now)],
        "clients": [_client(each, stored.used.get(each.id), now) for each in stored.clients],
        "federated": [_trust(each, stored.used.get(each.id)) for each in stored.trusts if each.kind == ASSERTION],
        "bearers": [_trust(each, stored.used.get(each.id)) for each in stored.trusts if each.kind != ASSERTION],
    }
    credentials = [*page["tokens"], *page["clients"], *page["federated"], *page["bearers"]]
    page["last_contact"] = max((each["last_used"] for each in credentials if each["last_used"]), default=None)
    errors = Events(database, tenant.name, LogSettings(connection.config.log_days)).find(failed=True, limit=1)
    page["last_error"] = {"time": errors[0]["time"], "detail": errors[0]["detail"]} if errors else None
    return page


def print_connect_page(tenant: Tenant, page: dict[str, Any]) -> None:
    """Print what `connect_page` returned, for people."""
    url, endpoint = {"Tenant URL": page["tenant_url"]}, {"OAuth token endpoint": page["token_endpoint"]}
    rate = f", {tenant.rate_limit} requests a second" if tenant.rate_limit else ""
    say(f"{tenant.name}: profile {tenant.profile}, {'suspended' if tenant.suspended else 'active'}{rate}")
    if page["tokens"] or not (page["clients"] or page["federated"] or page["bearers"]):
        say("", "Secret Token")
        print_values(url | {"Secret Token": f"(scimd token issue {tenant.name} prints one, once)"})
        _print_credentials(page["tokens"], "token", "id")
    for each in page["clients"]:
        say("", "OAuth 2.0 client credentials")
        again = f"(scimd client rotate {each['client_id']} prints another, once)"
        print_values(url | endpoint | {"Client ID": each["client_id"], "Client Secret": again})
        _print_credentials(each["secrets"], "secret", "secret_id")
    for each in page["federated"]:
        say("", "Workload Identity Federation")
        print_values(url | endpoint | {"Client ID": each["id"]})
        _print_credentials([each], "trust in", "issuer")
    for each in page["bearers"]:
        say("", "Tokens of Entra itself")
        print_values(url | {"Secret Token": "(leave it empty)"})
        _print_credentials([each], "trust in", "issuer")
    error = page["last_error"]
    say("", f"Last contact: {cell(page['last_contact'])}")
    say(f"Last error: {cell(error['time'])}  {error['detail']}" if error else "Last error: -")


def _print_credentials(rows: list[dict[str, Any]], word: str, key: str) -> None:
    for row in rows:
        facts = [repr(row["label"])] if row.get("label") else []
        if "expires" in row:
            facts.append(f"expires {cell(row['expires'])}" if row["expires"] else "never expires")
        if row.get("last_used"):
            facts.append(f"last used {cell(row['last_used'])}")
        if "audiences" in row:
            facts.append(f"audience {' or '.join(row['audiences'])}")
        if "last_audience" in row:
            facts.append(f"last came {row['last_audience']}" if row["last_audience"] else "none came yet")
        if row.get("fault"):
            facts.append(f"keys: {row['fault']}")
        say(f"  {word} {row[key]}{': ' if facts else ''}{', '.join(facts)}")


def _token(each: Token) -> dict[str, Any]:
    return {"id": each.id, "label": each.label, "expires": each.expires, "last_used": each.used}


def _client(each: Client, used: datetime | None, now: datetime) -> dict[str, Any]:
    live = [row for row in each.secrets if now < row.expires]
    return {
        "client_id": each.id, "label": each.label,
        "secrets": [{"secret_id": row.id, "expires": row.expires} for row in live],
        "last_used": used,
    }


def _trust(each: Trust, used: datetime | None) -> dict[str, Any]:
    row = {
        "id": each.id, "label": each.label, "issuer": each.issuer, "last_used": used, "fault": each.fault or None,
        "audiences": list(each.audiences),
    }
    return row | ({"last_audience": each.last_audience or None} if each.kind == ASSERTION else {})
