"""What lets a client in, and how often, as the database keeps it; each kind has a file of its own."""

from __future__ import annotations

from app.store import clients, counters, tokens, trusts

COLLECTIONS = tokens.COLLECTIONS + clients.COLLECTIONS + trusts.COLLECTIONS + counters.COLLECTIONS
