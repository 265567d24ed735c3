"""The sign-on of the demo: an identity provider and an app on this machine, people, and what connects them."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

from app.cli.audit import TenantItself, actor, audited, audited_change
from app.cli.connection import Connection
from app.errors import ScimError
from app.export_import.importer import Importer
from app.export_import.lines import Numbered
from app.schemas.custom import all_types
from app.schemas.tables.user import USER_TYPE
from app.sign_on.flow.urls import Urls
from app.sign_on.refreshing import Refreshing, Unusable, discovered
from app.store.accounts.sealing import Sealer
from app.store.accounts.tenants import Tenant, Tenants
from app.store.accounts.trusts import is_loopback
from app.store.mongo.database import Session, StoreError
from app.store.sign_on import connection as stored
from app.store.sign_on.apps import Apps, Settings
from app.store.sign_on.connection import OIDC, OidcPart
from app.store.sign_on.connections import Connections

APP, PROVIDER = "demo app", "demo identity provider"
HOST = "127.0.0.1"
_LIFETIME = timedelta(days=90)
_CLIENT = "scimd-demo"
_PAGE = """
Sign in as a demo user, without a password:

  App                {app}
  Who is signed in?  scimd sso sessions {tenant}

Open the app, choose "Sign in", and be Ada Lovelace. Niklaus Wirth is disabled and Edsger Dijkstra not provisioned; why
they are refused is in: scimd events {tenant} --failed

The identity provider is a small one that runs on this machine while scimd does, and serves the tenant {tenant} alone.
"""


class SignOnDemo:
    """The two servers of the demo, in a process that ends with this one."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> str:
        """Provision the people, start the servers, connect them, and return the text that says how to sign in.

        "" if the server's URL is not on this machine: then it is no demo, and nothing is started.
        """
        base = self._connection.config.base_url
        if urlsplit(base).scheme != "http" or not is_loopback(urlsplit(base).hostname or ""):
            return ""
        try:
            return self._start(base)
        except ScimError as error:
            return f"\nSigning in cannot be shown here: {error.detail}\n"

    def _start(self, base: str) -> str:
        tenant = Tenants(self._connection.database).require(self._tenant)
        self._provision(tenant)
        provider_port, portal_port = _free_ports(urlsplit(base).port or 80)
        app_url = f"http://{HOST}:{portal_port}"
        app_id = self._app(tenant, app_url)
        known = self._known(tenant)
        registration = {
            "client_id": _CLIENT, "client_secret": self._secret(known) or secrets.token_urlsafe(32),
            "redirect_uri": Urls(base, tenant.name).callback,
        }
        issuer = self._serve({
            "provider_port": provider_port, "portal_port": portal_port, "registration": registration,
            "portal": {"issuer": Urls(base, tenant.name).issuer, "client_id": app_id},
        })
        self._connect(tenant, known, issuer, registration["client_secret"], app_id)
        return _PAGE.format(app=f"{app_url}/", tenant=tenant.name)

    def _serve(self, settings: dict[str, Any]) -> str:
        """Start the process and return the issuer URL of its identity provider."""
        process = self._process = subprocess.Popen(
            [sys.executable, "-m", "app.demo"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        assert process.stdin and process.stdout
        process.stdin.write(f"{json.dumps(settings)}\n")
        process.stdin.flush()
        return process.stdout.readline().strip()

    def _provision(self, tenant: Tenant) -> None:
        """Bring the people into the tenant; those who are there, or were deleted, stay as they are."""
        directory = self._connection.directory(tenant.name)
        importer = Importer(
            directory, all_types=all_types(self._connection.config.schemas_dir), strict=False, actor=actor(),
            refused=lambda _, __: None,
        )
        with audited(self._connection, "import", tenant.name):
            importer.run(_lines(tenant))
            self._connection.relay()

    def _app(self, tenant: Tenant, url: str) -> str:
        """Register the app, unless it is registered with this address, and return its id.

        It is a public one, since a secret would be lost when this process ends.
        """
        apps = Apps(self._connection.prepared)
        settings = Settings(
            name=APP, redirect_uris=(f"{url}/callback",), logout_uris=(f"{url}/",),
            backchannel_logout_uri=f"{url}/backchannel-logout", initiate_login_uri=f"{url}/login",
            scopes=("openid", "profile", "email", "groups"), public=True, tenants=((tenant.name, tenant.tenant_id),),
        )
        before = [each for each in apps.for_tenant(tenant) if each.settings.name == APP]
        for each in before:
            if each.settings == settings:
                return each.id

        def work(session: Session) -> tuple[TenantItself, str]:
            for each in before:
                apps.delete(each.id, session)
            created, _ = apps.create(settings, lifetime=_LIFETIME, session=session)
            return TenantItself(tenant.name, APP), created.id

        return audited_change(self._connection, "app create", work, tenant=tenant.name)

    def _known(self, tenant: Tenant) -> stored.Connection | None:
        """Return the connection of an earlier start, or None."""
        every = Connections(self._connection.prepared).of_tenant(tenant.name)
        return next((each for each in every if each.label == PROVIDER), None)

    def _secret(self, known: stored.Connection | None) -> str:
        """Return the client secret of an earlier start, "" if there is none."""
        if known is not None and known.oidc is not None:
            with suppress(StoreError):  # it was sealed with a key that is not among the settings any more
                return self._sealer.unseal(known.oidc.secret).decode()
        return ""

    def _connect(
        self, tenant: Tenant, known: stored.Connection | None, issuer: str, secret: str, app_id: str
    ) -> None:
        """Connect the tenant to the identity provider; a connection to another one that is on stays."""
        connections = Connections(self._connection.prepared)
        if known is None and connections.on(tenant.name) is not None:
            return
        same = known is not None and (known.provider, known.app, self._secret(known)) == (issuer, app_id, secret)
        if known is not None and known.on and same:
            fault = Refreshing(self._connection.database).read(known)  # its keys are new
            if fault:
                raise Unusable(fault)
            return
        part = discovered(OidcPart(issuer=issuer, client_id=_CLIENT, secret=self._sealer.seal(secret.encode())))
        fresh = known or stored.Connection(
            tenant=tenant.name, kind=OIDC, match_attribute=USER_TYPE.identifier, match_source="preferred_username",
            label=PROVIDER,
        )

        def work(session: Session) -> tuple[TenantItself, None]:
            if fresh.id:
                connections.turn_off(tenant.name, fresh.id, session)
            saved = connections.save(replace(fresh, oidc=part, app=app_id, on=False), session)
            connections.turn_on(tenant.name, saved.id, session)
            return TenantItself(tenant.name, PROVIDER), None

        audited_change(self._connection, "sso on", work, tenant=tenant.name)

    @property
    def _sealer(self) -> Sealer:
        return Sealer(self._connection.database, self._connection.config.sealing_keys)


def _lines(tenant: Tenant) -> Iterator[Numbered]:
    """Yield the lines to import; the ids are the same at each start, and other ones in another tenant."""
    text = resources.files("app.demo").joinpath("people.jsonl").read_text()
    for number, line in enumerate(text.splitlines(), 1):
        row = json.loads(line)
        row["resource"]["id"] = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{tenant.tenant_id} {number}"))
        yield number, row


def _free_ports(after: int) -> tuple[int, int]:
    """Return two free ports: the next ones where possible, so that they are the same at each start."""
    found: list[int] = []
    for port in (after + 1, after + 2, after + 3, 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except (OSError, OverflowError):
                continue
            found.append(int(probe.getsockname()[1]))
        if len(found) == 2:
            break
    return found[0], found[1]
