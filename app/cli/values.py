"""The types of option values: durations, names, labels and scopes."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import click

from app.store.accounts.tokens import DEFAULT_SCOPES, SCOPES

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"([0-9]{1,9})([smhd])")
_LONGEST = timedelta(days=36_500)


class Duration(click.ParamType):
    """A duration such as 90d."""

    name = "time"

    def __init__(self, *, longest: timedelta = _LONGEST, never: bool = False) -> None:
        self._longest = longest
        self._never = never

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta | None:
        """Return the duration, or None for `never` if that is allowed."""
        if isinstance(value, timedelta):
            return value
        if self._never and value == "never":
            return None
        match = _DURATION.fullmatch(value)
        if match is None or int(match[1]) == 0:
            rest = ", or never" if self._never else ""
            self.fail(f"{value!r} is not a duration: write a number and s, m, h or d, such as 90d{rest}", param, ctx)
        duration = timedelta(days=int(match[1]) * _UNITS[match[2]] / 86_400)
        if duration > self._longest:
            self.fail(f"{value} is too long: at most {_written(self._longest)}", param, ctx)
        return duration


def _written(duration: timedelta) -> str:
    return f"{duration.days}d" if duration.days else f"{duration.seconds // 3_600}h"


class Text(click.ParamType):
    """A text that is not empty; an empty one is mostly a shell variable that was never set."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text."""
        if not value.strip() or not value.isprintable():
            self.fail("write a text of printable characters, which is not empty", param, ctx)
        return str(value)


class Filled(Text):
    """A text from which no placeholder of the docs is left, such as `<app id>`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text."""
        left = re.search("<[^>]*>", value)
        if left:
            self.fail(f"put the value itself in place of {left[0]}", param, ctx)
        return super().convert(value, param, ctx)


class ResourceName(click.ParamType):
    """A name, id or externalId of a user or group."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name."""
        if not value.strip():
            self.fail("give a name, an id or an externalId", param, ctx)
        return str(value)


class Label(click.ParamType):
    """A word or two by which an operator recognizes a credential."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the label."""
        if len(value) > 100 or not value.isprintable():
            self.fail("a label can have at most 100 characters, all of them printable", param, ctx)
        return str(value)


class ScopeList(click.ParamType):
    """Scopes as in OAuth 2.0: separated by blanks."""

    name = "scopes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the scopes, each once."""
        scopes = tuple(dict.fromkeys(value.split())) if isinstance(value, str) else tuple(value)
        if not scopes or not set(scopes) <= set(SCOPES):
            self.fail(f"{value!r} is not a list of scopes: the scopes are {', '.join(SCOPES)}", param, ctx)
        return scopes


label_option = click.option("--label", type=Label(), default="", help="A name by which you will recognize it.")
scope_option = click.option(
    "--scope", type=ScopeList(), default=" ".join(DEFAULT_SCOPES), show_default=True,
    help=f"What it may be used for: {', '.join(SCOPES)}.",
)
