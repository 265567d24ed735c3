"""scimd serve: runs the server, gunicorn, in this process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from gunicorn.app.wsgiapp import WSGIApplication

from app.cli.connection import Connection
from app.cli.demo import NAME, make_demo
from app.cli.sign_on.demo import SignOnDemo
from app.cli.web.demo import ProvisioningDemo
from app.cli.webhooks.demo import WebhookDemo
from app.processes import AddressTaken, wait_for_address

APPLICATION = "app:create_app()"
_ADDRESS_SECONDS = 2
"""How long an address is waited for whose process may just be ending."""


@click.command()
@click.option("--demo", is_flag=True,
              help="Create the tenant `demo`, fill it, print what Entra needs to reach it, and run an app.")
@click.option("--demo-webhook", is_flag=True,
              help="With --demo: send its events to a receiver on this machine, which prints them.")
@click.pass_obj
def serve(connection: Connection, demo: bool, demo_webhook: bool) -> None:
    """Serve requests until SIGTERM or Ctrl-C. Gunicorn's other signals work, too."""
    connection.config  # noqa: B018 - reports a wrong setting before gunicorn prints anything
    if demo_webhook and not demo:
        raise click.UsageError("--demo-webhook is for --demo.")
    server = Server()
    if demo:
        server.check_addresses()  # before the demo takes another one's place
        sign_on, webhooks = SignOnDemo(connection, NAME), WebhookDemo(connection, NAME)  # their servers end with these
        starts = [sign_on.start, *([webhooks.start] if demo_webhook else [])]
        provisioning = ProvisioningDemo(connection)
        server.page = provisioning.start(make_demo(connection, lambda: "".join(start() for start in starts)))
        connection.database.close()  # gunicorn forks, which a client does not survive
    server.run()


class Server(WSGIApplication):
    """gunicorn with `gunicorn.conf.py` and GUNICORN_CMD_ARGS, without the arguments of this process."""

    page = ""
    """What is printed once requests are answered."""

    def load_config(self) -> None:
        """Read the settings, at the start and at SIGHUP."""
        self.app_uri = APPLICATION
        self.cfg.set("default_proc_name", "scimd")
        self.load_config_from_file(str(configuration()))
        self.cfg.set("when_ready", self._with_page(self.cfg.when_ready))
        arguments = self.cfg.parser().parse_args(self.cfg.get_cmd_args_from_env())
        for name, value in vars(arguments).items():
            if value is not None and name in self.cfg.settings:
                self.cfg.set(name, value)

    def check_addresses(self) -> None:
        """Check that no other process listens where this one is to; raises ClickException."""
        try:
            for address in self.cfg.address:
                if isinstance(address, tuple | str) and "LISTEN_FDS" not in os.environ:
                    wait_for_address(address, _ADDRESS_SECONDS)
        except AddressTaken as error:
            raise click.ClickException(str(error)) from error

    def _with_page(self, configured: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return a hook that runs the configured one and prints the page, if there is one."""

        def when_ready(server: Any) -> None:
            configured(server)
            if self.page:
                click.echo(self.page)

        return when_ready


def configuration() -> Path:
    """Return the path of gunicorn.conf.py: beside the package, where it was installed, or in the current folder."""
    places = (Path(__file__).parents[2], Path(sys.prefix) / "share" / "scimd", Path.cwd())
    found = [place / "gunicorn.conf.py" for place in places if (place / "gunicorn.conf.py").is_file()]
    if not found:
        raise click.ClickException(
            "gunicorn.conf.py, which comes with scimd, is missing; install scimd again, or copy it to this folder."
        )
    return found[0]
