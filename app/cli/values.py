"""How the values of options are written: spans of time and scopes."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import click

from app.store.accounts.tokens import SCOPES

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SPAN = re.compile(r"([0-9]{1,9})([smhd])")
_LONGEST = timedelta(days=36_500)


class Span(click.ParamType):
    """A span of time such as 90d."""

    name = "time"

    def __init__(self, *, longest: timedelta = _LONGEST, never: bool = False) -> None:
        self._longest = longest
        self._never = never

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta | None:
        """Give the span, or None for `never` where that is allowed."""
        if isinstance(value, timedelta):
            return value
        if self._never and value == "never":
            return None
        match = _SPAN.fullmatch(value)
        if match is None or int(match[1]) == 0:
            rest = ", or never" if self._never else ""
            self.fail(f"{value!r} is no span of time: write a number and s, m, h or d, such as 90d{rest}", param, ctx)
        span = timedelta(days=int(match[1]) * _UNITS[match[2]] / 86_400)
        if span > self._longest:
            self.fail(f"{value} is too long: at most {self._longest.days}d", param, ctx)
        return span


class Name(click.ParamType):
    """A name by which a user or group is known."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Give the name."""
        if not value.strip():
            self.fail("give a name, an id or an externalId", param, ctx)
        return str(value)


class Label(click.ParamType):
    """A word or two by which an operator knows a credential again."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Give the label."""
        if len(value) > 100 or not value.isprintable():
            self.fail("a label has at most 100 characters, all of them printable", param, ctx)
        return str(value)


class ScopeList(click.ParamType):
    """Scopes as OAuth 2.0 writes them: separated by blanks."""

    name = "scopes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Give the scopes, each once."""
        scopes = tuple(dict.fromkeys(value.split())) if isinstance(value, str) else tuple(value)
        if not scopes or not set(scopes) <= set(SCOPES):
            self.fail(f"{value!r} is no list of scopes: there are {' and '.join(SCOPES)}", param, ctx)
        return scopes


label_option = click.option("--label", type=Label(), default="", help="What you will know it by.")
scope_option = click.option(
    "--scope", type=ScopeList(), default=" ".join(SCOPES), show_default=True, help="What it may be used for."
)
