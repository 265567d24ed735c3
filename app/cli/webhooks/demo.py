"""The webhooks of the demo: a receiver on this machine, which prints what arrives, and an endpoint for it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

from app.cli.connection import Connection
from app.cli.webhooks.acting import changed, new_key
from app.store.delivery import starting
from app.store.delivery.endpoint import ED25519, WEBHOOK, Endpoint
from app.store.delivery.endpoints import Endpoints
from app.store.mongo.database import Session

HOST = "127.0.0.1"
PATH = "/demo-webhook"
SETTING = "SCIMD_WEBHOOK_NETWORKS"
_PAGE = """
Webhooks with the changes of the tenant arrive on this machine, and are printed here:

  Endpoint      {endpoint}
  Try it        scimd webhook test {endpoint}
"""


class WebhookDemo:
    """The receiver, in a process that ends with this one."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> str:
        """Start the receiver, create an endpoint for it, and return the text that says so."""
        _allow_this_machine()
        key, text = new_key(self._connection, ED25519)
        # The socket listens before the receiver runs, so that no event comes too early.
        with socket.create_server((HOST, 0)) as listening:
            url = f"http://{HOST}:{listening.getsockname()[1]}{PATH}"
            self._serve({"path": PATH, "key": text, "socket": listening.fileno()})
        database = self._connection.prepared
        endpoints = Endpoints(database)
        place = starting.newest(database)

        def work(session: Session) -> Endpoint:
            for each in endpoints.of(self._tenant):
                if each.url.startswith(f"http://{HOST}:") and each.url.endswith(PATH):  # of an earlier start
                    endpoints.delete(each.id, session=session)
            return endpoints.create(self._tenant, WEBHOOK, place=place, session=session, url=url, keys=[key])

        created = changed(self._connection, "webhook create", work, tenant=self._tenant)
        return _PAGE.format(endpoint=created.id)

    def _serve(self, settings: dict[str, object]) -> None:
        number = settings["socket"]
        assert isinstance(number, int)
        process = self._process = subprocess.Popen(
            [sys.executable, "-m", "app.demo.receiver"], stdin=subprocess.PIPE, text=True, pass_fds=(number,),
        )
        assert process.stdin
        process.stdin.write(f"{json.dumps(settings)}\n")
        process.stdin.flush()


def _allow_this_machine() -> None:
    """Let the workers, which inherit the environment, send webhooks to this machine."""
    named = os.environ.get(SETTING, "").strip()
    os.environ[SETTING] = f"{named},{HOST}/32" if named else f"{HOST}/32"
