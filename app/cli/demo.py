"""The demo that `make run` shows: a tenant to try scimd with, and what to paste into Entra to reach it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import click

from app.cli.audit import audited, audited_change, operator
from app.cli.connection import Connection
from app.cli.output import cell, say
from app.cli.tenants.tenant import create_tenant
from app.errors import Conflict
from app.store.accounts.tenants import PROFILES, Tenants
from app.store.accounts.tokens import Token, Tokens
from app.store.accounts.trusts import is_loopback
from app.store.mongo.database import Session
from app.store.operators.links import CONSOLE_LIFETIME, Links

NAME = "demo"
LIFETIME = timedelta(days=90)
_LINK = timedelta(hours=1)
"""How long the console link is valid where only this machine can use it: the page stays in the terminal."""


@dataclass(frozen=True)
class Demo:
    """The tenant of the demo, and what is printed about it."""

    page: str
    url: str
    """The tenant's SCIM URL."""
    token: str
    is_new: bool
    """Whether the tenant was created just now."""


def make_demo(connection: Connection, more: Callable[[], str] = str) -> Demo:
    """Create the tenant unless it exists, issue a token, and return both with the text that shows them.

    `more` is called once the tenant exists, and returns what else the text says. Each start issues a new token, since
    only the hashes of earlier ones are stored; those stay valid.
    """
    is_new = _create(connection)
    about_console = _about_console(connection) if connection.config.console == "on" else ""

    def work(session: Session) -> tuple[Token, str]:
        text, issued = Tokens(connection.database).issue(
            NAME, lifetime=LIFETIME, label="scimd serve --demo", session=session
        )
        return issued, text

    token = audited_change(connection, "token issue", work, tenant=NAME)
    url = connection.tenant_url(NAME)
    about_the_rest = more()
    page = f"""
The tenant "{NAME}" is ready. Paste into Entra, under Provisioning, New configuration:

  Tenant URL    {url}
  Secret Token  {token}
{_about_address(url)}{about_console}
Try it:

  curl -H 'Authorization: Bearer {token}' '{url}/Users?count=1'
{about_the_rest}
Ctrl-C stops everything; the data stays.
"""
    return Demo(page, url, token, is_new)


def _create(connection: Connection) -> bool:
    """Create the tenant unless it exists, and return whether this process has created it."""
    if Tenants(connection.prepared).get(NAME) is None:
        with suppress(Conflict):  # another process has just created it
            create_tenant(connection, NAME, PROFILES[0])
            return True
    return False


def _about_address(url: str) -> str:
    """Return the text about a Tenant URL that Entra does not reach, or ""."""
    if url.startswith("https:") and not is_loopback(urlsplit(url).hostname or ""):
        return ""
    return "\nEntra connects to public HTTPS addresses only, and this is none: set SCIMD_PUBLIC_URL.\n"


def _about_console(connection: Connection) -> str:
    """Return the text with a link into the console, which is valid for an hour where only this machine can use it."""
    base = connection.config.base_url
    who = operator().who
    with audited(connection, "console link", "", who):
        lifetime = _LINK if is_loopback(urlsplit(base).hostname or "") else CONSOLE_LIFETIME
        secret = Links(connection.prepared).make_console("operator", who, lifetime)
    return f"""
See who was provisioned, and why some were not (the link works once, within {lifetime.seconds // 60} minutes):

  Console       {base}/console/enter/{secret}
"""


@click.command()
@click.pass_obj
def demo(connection: Connection) -> None:
    """Create the tenant `demo`, and print what Entra needs.

    If it exists, nothing changes: while it has a valid token, no other is issued.
    """
    connection.prepared  # noqa: B018 - creates the indexes first
    now = datetime.now(UTC)
    valid = [token for token in Tokens(connection.database).of_tenant(NAME) if token.opens_scim_at(now)]
    if not valid:
        say(*make_demo(connection).page.splitlines())
        return
    first = min(valid, key=lambda token: token.created)
    say(
        f'The tenant "{NAME}" is ready: {connection.tenant_url(NAME)}',
        f"Its Secret Token was shown once, on {cell(first.created)} (id {first.id}).",
        f"If it is lost, create another one: scimd token issue {NAME}",
    )
