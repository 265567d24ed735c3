"""A tenant's credentials; the collections for them, and for the buckets that limit how often a client may call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.store.accounts import clients, shared_buckets, tokens, trusts
from app.store.accounts.clients import Client, client_of
from app.store.accounts.tokens import Token, token_of
from app.store.accounts.trusts import Trust, trust_of
from app.store.mongo.database import Database
from app.store.mongo.moments import aware

COLLECTIONS = tokens.COLLECTIONS + clients.COLLECTIONS + trusts.COLLECTIONS + shared_buckets.COLLECTIONS

_KIND, _USES = "_kind", "_uses"


@dataclass(frozen=True)
class Credentials:
    """What lets the clients of a tenant in, each kind the oldest first."""

    tokens: tuple[Token, ...]
    """Those that operators issued."""
    clients: tuple[Client, ...]
    trusts: tuple[Trust, ...]
    used: Mapping[str, datetime]
    """The id of each of them that was used -> when it was last; a client by the access tokens that it got."""


def credentials_of(database: Database, tenant: str) -> Credentials:
    """Return the credentials of a tenant; one command, however many clients it has."""
    mine: dict[str, Any] = {"tenant": tenant}
    uses = [{"$match": mine}, {"$sort": {"used": -1}}, {"$limit": 1}, {"$project": {"_id": 0, "used": 1}}]
    last_use = {"from": tokens.SPEC.name, "localField": "_id", "foreignField": "client", "pipeline": uses, "as": _USES}
    issued = [{"$match": mine | {"client": {"$exists": False}}}, {"$set": {_KIND: tokens.SPEC.name}}]
    steps = [
        {"$match": mine}, {"$set": {_KIND: clients.SPEC.name}},
        {"$unionWith": {"coll": trusts.SPEC.name, "pipeline": [{"$match": mine}, {"$set": {_KIND: trusts.SPEC.name}}]}},
        {"$lookup": last_use},
        {"$unionWith": {"coll": tokens.SPEC.name, "pipeline": issued}},
    ]
    of_kind: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    used: dict[str, datetime] = {}
    for row in sorted(database.db[clients.SPEC.name].aggregate(steps), key=lambda row: row["created"]):
        of_kind[row[_KIND]].append(row)
        uses_of_row = [each["used"] for each in (row, *row.get(_USES, ())) if each.get("used")]
        if uses_of_row:
            used[row["_id"]] = aware(max(uses_of_row))
    return Credentials(
        tuple(map(token_of, of_kind[tokens.SPEC.name])), tuple(map(client_of, of_kind[clients.SPEC.name])),
        tuple(map(trust_of, of_kind[trusts.SPEC.name])), used,
    )
