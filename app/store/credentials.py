"""What lets a client in, as the database keeps it; each kind has a file of its own."""

from __future__ import annotations

from app.store import clients, tokens, trusts

COLLECTIONS = tokens.COLLECTIONS + clients.COLLECTIONS + trusts.COLLECTIONS
