"""scimd serve: runs the server, gunicorn, in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from gunicorn.app.wsgiapp import WSGIApplication

from app.cli.connection import Connection
from app.cli.demo import NAME, demo_page
from app.cli.sign_on.demo import SignOnDemo

APPLICATION = "app:create_app()"


@click.command()
@click.option("--demo", is_flag=True,
              help="Create the tenant `demo`, print what Entra needs to reach it, and run an app to sign in to.")
@click.pass_obj
def serve(connection: Connection, demo: bool) -> None:
    """Serve requests until SIGTERM or Ctrl-C; gunicorn's other signals work, too."""
    connection.config  # noqa: B018 - reports a wrong setting before gunicorn prints anything
    page = ""
    if demo:
        sign_on = SignOnDemo(connection, NAME)  # its servers end with this object
        page = demo_page(connection, sign_on.start)
        connection.database.close()  # gunicorn forks, which a client does not survive
    Server(page).run()


class Server(WSGIApplication):
    """gunicorn with `gunicorn.conf.py` and GUNICORN_CMD_ARGS, without the arguments of this process."""

    def __init__(self, page: str = "") -> None:
        self._page = page
        super().__init__()

    def load_config(self) -> None:
        """Read the settings, at the start and at SIGHUP."""
        self.app_uri = APPLICATION
        self.cfg.set("default_proc_name", "scimd")
        self.load_config_from_file(str(configuration()))
        if self._page:
            self.cfg.set("when_ready", self._with_page(self.cfg.when_ready))
        arguments = self.cfg.parser().parse_args(self.cfg.get_cmd_args_from_env())
        for name, value in vars(arguments).items():
            if value is not None and name in self.cfg.settings:
                self.cfg.set(name, value)

    def _with_page(self, configured: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return a hook that runs the configured one and prints the page."""

        def when_ready(server: Any) -> None:
            configured(server)
            click.echo(self._page)

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
