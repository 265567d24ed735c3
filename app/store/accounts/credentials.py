"""The collections of the credentials that let a client in, and of the windows that limit how often it may call."""

from __future__ import annotations

from app.store.accounts import clients, rate_windows, tokens, trusts

COLLECTIONS = tokens.COLLECTIONS + clients.COLLECTIONS + trusts.COLLECTIONS + rate_windows.COLLECTIONS
