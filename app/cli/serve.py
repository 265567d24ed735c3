"""scimd serve: this process becomes gunicorn."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from gunicorn.app.wsgiapp import WSGIApplication

from app.cli.connection import Connection
from app.cli.demo import demo_page

APPLICATION = "app:create_app()"


@click.command()
@click.option("--demo", is_flag=True, help="Make sure of a tenant `demo`, and print what Entra needs to reach it.")
@click.pass_obj
def serve(connection: Connection, demo: bool) -> None:
    """Answer requests until SIGTERM or Ctrl-C; gunicorn's other signals work, too."""
    connection.config  # noqa: B018 - a setting that cannot be is told before gunicorn says anything
    page = ""
    if demo:
        page = demo_page(connection)
        connection.database.close()  # gunicorn forks, and a client does not survive that
    Server(page).run()


class Server(WSGIApplication):
    """gunicorn with `gunicorn.conf.py` and GUNICORN_CMD_ARGS, whatever the arguments of this process are."""

    def __init__(self, page: str = "") -> None:
        self._page = page
        super().__init__()

    def load_config(self) -> None:
        """Read the settings, at the start and again at SIGHUP."""
        self.app_uri = APPLICATION
        self.cfg.set("default_proc_name", "scimd")
        self.load_config_from_file(str(configuration()))
        if self._page:
            self.cfg.set("when_ready", self._showing(self.cfg.when_ready))
        arguments = self.cfg.parser().parse_args(self.cfg.get_cmd_args_from_env())
        for name, value in vars(arguments).items():
            if value is not None and name in self.cfg.settings:
                self.cfg.set(name, value)

    def _showing(self, configured: Callable[[Any], None]) -> Callable[[Any], None]:
        """Give the hook that shows the page, beside the configured one."""

        def when_ready(server: Any) -> None:
            configured(server)
            click.echo(self._page)

        return when_ready


def configuration() -> Path:
    """Give the path of gunicorn.conf.py: beside the package, where it was installed, or in the current folder."""
    places = (Path(__file__).parents[2], Path(sys.prefix) / "share" / "scimd", Path.cwd())
    found = [place / "gunicorn.conf.py" for place in places if (place / "gunicorn.conf.py").is_file()]
    if not found:
        raise click.ClickException("There is no gunicorn.conf.py in this folder; it comes with scimd.")
    return found[0]
