"""The collections for credentials, and for the buckets that limit how often a client may call."""

from __future__ import annotations

from app.store.accounts import clients, shared_buckets, tokens, trusts

COLLECTIONS = tokens.COLLECTIONS + clients.COLLECTIONS + trusts.COLLECTIONS + shared_buckets.COLLECTIONS
