"""The labels of the credentials that lines of a log name."""

from __future__ import annotations

from collections.abc import Iterable

from app.store.accounts.clients import SPEC as CLIENTS
from app.store.accounts.tokens import SPEC as TOKENS
from app.store.accounts.trusts import SPEC as TRUSTS
from app.store.mongo.database import Database


def labels_of(database: Database, tenant: str, credentials: Iterable[str]) -> dict[str, str]:
    """Return the labels, or "", of those ids that are credentials of a tenant, by id, with one command at most.

    What is no id, such as `command line: alice`, has a colon.
    """
    ids = sorted({each for each in credentials if each and ":" not in each})
    if not ids:
        return {}
    steps = [{"$match": {"_id": {"$in": ids}, "tenant": tenant}}, {"$project": {"label": 1}}]
    others = [{"$unionWith": {"coll": each.name, "pipeline": steps}} for each in (CLIENTS, TRUSTS)]
    found = database.db[TOKENS.name].aggregate([*steps, *others])
    return {row["_id"]: row.get("label", "") for row in found}
