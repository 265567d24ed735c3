"""Places in lists, as addresses hold them."""

from __future__ import annotations

from datetime import UTC, datetime


def moment_in(text: str) -> datetime | None:
    """Return the moment in an address, None for none and for what is no moment."""
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
