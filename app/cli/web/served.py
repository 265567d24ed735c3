"""Whether the server has the pages that a link leads to, by the settings of the command."""

from __future__ import annotations

from app.cli.output import say
from app.config import Config

_SERVED = {"console": ("on",), "setup": ("on", "setup")}
"""The values of SCIMD_CONSOLE with which there are pages of a kind."""


def warn_unless_served(config: Config, kind: str) -> None:
    """Say that there are no pages of a kind, `console` or `setup`, if so."""
    if config.console not in _SERVED[kind]:
        say(f"Warning: with SCIMD_CONSOLE={config.console} there is no such page; the link leads to none.", err=True)
