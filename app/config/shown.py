"""The settings as their environment variables have them, for pages: without passwords and keys."""

from __future__ import annotations

from app.config.settings import SETTINGS, Config

_SECRET = frozenset({"mongodb_uri", "sealing_keys"})
"""The settings that may have a password or a key; of them only whether they are set is shown."""


def settings_of(config: Config) -> list[tuple[str, str]]:
    """Return the name and the value of each setting, in the order in which the README shows them."""
    keys = ((row.name, row.name.removeprefix("SCIMD_").lower()) for row in SETTINGS)
    return [(name, _text(key, getattr(config, key))) for name, key in keys]


def _text(key: str, value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None:
        return "off" if key == "rate_limit" else "not set"
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return "set" if key in _SECRET and text else text or "not set"
