"""scimd on the command line. Each noun is a file, and an error is one sentence and a non-zero exit."""

from __future__ import annotations

import shlex
import sys
import traceback
from contextlib import AbstractContextManager
from importlib import import_module

import click

from app.cli.connection import Connection, in_time
from app.cli.output import say, take_any_text
from app.config import ConfigError
from app.errors import ScimError, describe
from app.store.mongo.database import StoreError, translating

COMMANDS = {
    "serve": "app.cli.serve:serve",
    "demo": "app.cli.demo:demo",
    "tenant": "app.cli.tenant:tenant",
    "token": "app.cli.token:token",
    "client": "app.cli.client:client",
    "trust": "app.cli.trust:trust",
    "events": "app.cli.events:events",
    "acts": "app.cli.acts:acts",
    "deleted": "app.cli.deleted:deleted",
    "restore": "app.cli.deleted:restore",
    "export": "app.cli.transfer:export",
    "import": "app.cli.transfer:import_",
    "check": "app.cli.check:check",
    "mongo": "app.cli.mongo:mongo",
}
"""Command -> where it is; what a run does not need is not imported."""
LASTING = ("serve", "import", "export", "check", "events", "tenant delete")
"""Commands that take as long as they take; `events` has a limit of its own, but not for what it follows."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


@click.group(cls=_Commands)
@click.version_option(package_name="scimd")
@click.pass_context
def scimd(ctx: click.Context) -> None:
    """A SCIM 2.0 server that Microsoft Entra ID provisions users and groups into."""
    ctx.obj = ctx.obj or Connection()


def main() -> None:
    """Run a command and end the process with its status."""
    take_any_text(sys.stdout)
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str], connection: Connection | None = None) -> int:
    """Run a command and give its exit status."""
    try:
        with _limit(arguments):
            return scimd.main(arguments, "scimd", standalone_mode=False, obj=connection) or 0
    except click.exceptions.NoArgsIsHelpError as error:  # a noun without a verb: what there is
        say(*error.format_message().splitlines(), err=True)
        return error.exit_code
    except click.ClickException as error:
        return _say(error.format_message(), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _say("Stopped.", 130)
    except ScimError as error:
        return _say(error.detail)
    except (ConfigError, StoreError, OSError) as error:
        return _say(str(error))
    except Exception as error:  # noqa: BLE001 - a fault of ours is one sentence, too; `python -X dev` shows the rest
        if sys.flags.dev_mode:
            raise
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{frame.name}, {frame.filename}:{frame.lineno}"
        return _say(f"This is a fault in scimd itself: {describe(error)} in {place}")


def _limit(arguments: list[str]) -> AbstractContextManager[None]:
    words = " ".join(argument for argument in arguments if not argument.startswith("-"))
    lasting = any(f"{words} ".startswith(f"{command} ") for command in LASTING)
    return translating() if lasting else in_time(shlex.join(["scimd", *arguments]))


def _say(sentence: str, status: int = 1) -> int:
    say(f"scimd: {' '.join(sentence.split())}", err=True)
    return status
