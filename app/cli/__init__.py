"""The commands of scimd: one module for each noun, thin layers over the store and the use cases.

Every error is one sentence on stderr and a non-zero exit status. No request passes through here.
"""

from __future__ import annotations

import shlex
import sys
import traceback
from contextlib import AbstractContextManager
from difflib import get_close_matches
from importlib import import_module

import click

from app.cli.connection import Connection, in_time
from app.cli.output import escape_unencodable, say
from app.config import ConfigError
from app.errors import ScimError, describe
from app.processes import collect_seldom
from app.schemas.validation.secrets import NOT_KEPT, OURS
from app.store.mongo.database import StoreError, translating

COMMANDS = {
    "serve": "app.cli.serve:serve",
    "demo": "app.cli.demo:demo",
    "tenant": "app.cli.tenants.tenant:tenant",
    "role": "app.cli.tenants.role:role",
    "token": "app.cli.credentials.token:token",
    "client": "app.cli.credentials.client:client",
    "trust": "app.cli.credentials.trust:trust",
    "sso": "app.cli.sign_on.sso:sso",
    "app": "app.cli.sign_on.app:app",
    "signing-key": "app.cli.sign_on.signing_key:signing_key",
    "console": "app.cli.web.console:console",
    "setup": "app.cli.web.setup:setup",
    "events": "app.cli.events:events",
    "feed": "app.cli.feed:feed",
    "webhook": "app.cli.webhooks.webhook:webhook",
    "stream": "app.cli.webhooks.stream:stream",
    "acts": "app.cli.acts:acts",
    "deleted": "app.cli.tenants.deleted:deleted",
    "restore": "app.cli.tenants.deleted:restore",
    "export": "app.cli.tenants.transfer:export",
    "import": "app.cli.tenants.transfer:import_",
    "check": "app.cli.check:check",
    "mongo": "app.cli.mongo:mongo",
}
"""Command -> module and function; a run imports only its own."""
LASTING = ("serve", "import", "export", "check", "events", "tenant delete", "sso test")
"""Commands without a time limit; `events` has one of its own, which does not apply to `--follow`."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and (close := get_close_matches(args[0], COMMANDS, 1)):  # click knows no names
            ctx.fail(f"No such command {args[0]!r}. Did you mean {close[0]!r}?")
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands)
@click.version_option(package_name="scimd")
@click.pass_context
def scimd(ctx: click.Context) -> None:
    """A SCIM 2.0 server that Microsoft Entra ID provisions users and groups into."""
    ctx.obj = ctx.obj or Connection()


def main() -> None:
    """Run a command and end the process with its status."""
    escape_unencodable(sys.stdout)
    collect_seldom()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str], connection: Connection | None = None) -> int:
    """Run a command and return its exit status."""
    try:
        with _limit(arguments):
            return scimd.main(arguments, "scimd", standalone_mode=False, obj=connection) or 0
    except click.exceptions.NoArgsIsHelpError as error:  # a noun without a verb: show its help
        say(*error.format_message().splitlines(), err=True)
        return error.exit_code
    except click.ClickException as error:
        return _fail(error.format_message(), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _fail("Stopped.", 130)
    except ScimError as error:
        return _fail(error.detail)
    except (ConfigError, StoreError, OSError) as error:
        return _fail(str(error))
    except Exception as error:  # noqa: BLE001 - a bug of ours is one sentence, too; `python -X dev` shows the traceback
        if sys.flags.dev_mode:
            raise
        wrong = next((argument for argument in arguments if not _is_utf_8(argument)), None)
        if isinstance(error, UnicodeEncodeError) and wrong is not None:
            return _fail(f"The argument {wrong!r} is not valid UTF-8; write it in UTF-8.", 2)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{frame.name}, {frame.filename}:{frame.lineno}"
        return _fail(f"This is a bug in scimd itself: {describe(error)} in {place}")


def _is_utf_8(argument: str) -> bool:
    """Return whether an argument can be stored; bytes that are not UTF-8 arrive as lone surrogates."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


def _limit(arguments: list[str]) -> AbstractContextManager[None]:
    words = " ".join(argument for argument in arguments if not argument.startswith("-"))
    lasting = any(f"{words} ".startswith(f"{command} ") for command in LASTING)
    return translating() if lasting else in_time(shlex.join(["scimd", *arguments]))


def _fail(sentence: str, status: int = 1) -> int:
    shown = OURS.sub(NOT_KEPT, sentence)
    if shown != sentence:
        shown = f"{shown.rstrip('.')}: that is a secret, and an id belongs there, as `list` shows it."
    say(f"scimd: {' '.join(shown.split())}", err=True)
    return status
