"""The labels of the credentials that lines of a log name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.store.accounts.clients import SPEC as CLIENTS
from app.store.accounts.tokens import SPEC as TOKENS
from app.store.accounts.trusts import SPEC as TRUSTS
from app.store.mongo.database import Database

MOST = 10_000
"""Labels that a process remembers before it begins again."""
MOST_CHOICES = 100
"""Credentials of each kind to choose from."""


class Labels:
    """The labels of the credentials of all tenants; one that was read once is remembered, since it never changes."""

    def __init__(self, database: Database) -> None:
        self._tokens = database.db[TOKENS.name]
        self._known: dict[tuple[str, str], str | None] = {}

    def of(self, tenant: str, credentials: Iterable[str]) -> dict[str, str]:
        """Return the labels, or "", of those ids that are credentials of a tenant, by id, with one command at most.

        What is no id, such as `command line: alice`, has a colon.
        """
        known = self._known
        ids = sorted({each for each in credentials if each and ":" not in each})
        if new := [each for each in ids if (tenant, each) not in known]:
            if len(known) + len(new) > MOST:
                known = self._known = {key: known[key] for key in ((tenant, each) for each in ids) if key in known}
            read: dict[tuple[str, str], str | None] = {(tenant, each): None for each in new}
            read.update(self._read(tenant, new))
            known.update(read)  # at once: other threads look here, too
        found = ((each, known[tenant, each]) for each in ids)
        return {each: label for each, label in found if label is not None}

    def choices(self, tenant: str) -> list[tuple[str, str]]:
        """Return the newest credentials of a tenant, each with its label and id in words, by that.

        The access tokens that a client got are not among them: the log names the client.
        """
        own: dict[str, Any] = {"$match": {"tenant": tenant, "client": {"$exists": False}}}
        rows = self._aggregate([own, {"$sort": {"created": -1}}, {"$limit": MOST_CHOICES}, {"$project": {"label": 1}}])
        named = ((row["_id"], " · ".join(filter(None, (row.get("label", ""), row["_id"])))) for row in rows)
        return sorted(named, key=lambda each: each[1])

    def _read(self, tenant: str, ids: list[str]) -> dict[tuple[str, str], str]:
        rows = self._aggregate([{"$match": {"_id": {"$in": ids}, "tenant": tenant}}, {"$project": {"label": 1}}])
        return {(tenant, row["_id"]): row.get("label", "") for row in rows}

    def _aggregate(self, steps: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
        """Return what the steps find in each of the three collections."""
        others = [{"$unionWith": {"coll": each.name, "pipeline": steps}} for each in (CLIENTS, TRUSTS)]
        return self._tokens.aggregate([*steps, *others])
