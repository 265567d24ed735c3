"""What `make run` shows: a tenant to try scimd with, and what is pasted into Entra to reach it."""

from __future__ import annotations

from datetime import timedelta

from app.cli.connection import Connection
from app.store.tenants import PROFILES, Tenants
from app.store.tokens import Tokens

NAME = "demo"
LIFETIME = timedelta(days=90)


def demo_page(connection: Connection) -> str:
    """Create the tenant unless it is there, issue a token, and give the page that shows both.

    A token is stored as a hash and shown once, so that each start issues one; the earlier ones stay valid.
    """
    tenants = Tenants(connection.database)
    if tenants.get(NAME) is None:
        tenants.create(NAME, PROFILES[0])
    token, _ = Tokens(connection.database).issue(NAME, lifetime=LIFETIME, label="scimd serve --demo")
    url = connection.tenant_url(NAME)
    return f"""
The tenant "{NAME}" is ready. Paste into Entra, under Provisioning, Admin Credentials:

  Tenant URL    {url}
  Secret Token  {token}

Try it:

  curl -H 'Authorization: Bearer {token}' '{url}/Users?count=1'

Ctrl-C stops everything; the data stays.
"""
