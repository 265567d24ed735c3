"""What pages say after an act: the words that an address may have, and their sentences."""

from __future__ import annotations

OUTCOMES = {
    "added": "The customer has been added. Next: a setup link for its administrator, or a credential.",
    "deleted": "The customer has been deleted. Nobody reaches it any more; its data go within a few minutes.",
    "restored": "It is back, with its memberships.",
    "resumed": "The customer's requests are accepted again.",
    "revoked": "It lets nobody in any more, within five seconds.",
    "sent": "Done. What is sent next shows whether it arrives.",
    "suspended": "The customer's requests are refused, within five seconds.",
}
"""Word -> sentence; a page ignores other words."""
