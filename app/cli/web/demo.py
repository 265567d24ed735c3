"""What the demo's pages show: an identity provider on this machine that provisions a new tenant, once."""

from __future__ import annotations

import json
import subprocess
import sys
from urllib.parse import urlsplit

from app.cli.connection import Connection
from app.cli.demo import Demo
from app.store.accounts.trusts import is_loopback


class ProvisioningDemo:
    """The identity provider, in a process that ends with this one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._process: subprocess.Popen[str] | None = None

    def start(self, demo: Demo) -> str:
        """Start the process if the tenant is new, and return what this process is to print once requests are answered.

        "" if the process prints the text: it does so after its requests, so that their lines in the log come before.
        Nothing is started if the server's URL is not on this machine: then it is no demo.
        """
        config = self._connection.config
        host = urlsplit(config.base_url).hostname or ""
        if not demo.is_new or config.bind.startswith("unix:") or not is_loopback(host):
            return demo.page
        process = self._process = subprocess.Popen(
            [sys.executable, "-m", "app.demo.provisioning"], stdin=subprocess.PIPE, text=True,
        )
        assert process.stdin
        start = {"server": config.base_url, "url": demo.url, "token": demo.token, "page": demo.page}
        process.stdin.write(f"{json.dumps(start)}\n")
        process.stdin.flush()
        return ""
