"""What pages say after an act: the words that an address may have, and their sentences."""

from __future__ import annotations

OUTCOMES: dict[str, str] = {
    "revoked": "It lets nobody in any more, within five seconds.",
}
"""Word -> sentence; a page ignores other words."""
