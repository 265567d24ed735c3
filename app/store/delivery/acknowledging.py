"""What the receiver of a stream has acknowledged, as it is stored."""

from __future__ import annotations

from collections.abc import Sequence

from app.store.delivery.endpoint import MOST_ATTEMPTS, Attempt, Endpoint
from app.store.delivery.endpoints import SPEC
from app.store.mongo.database import Database


def acknowledge(
    database: Database, stream: Endpoint, place: int, done: Sequence[int], *, delivered: int = 0,
    refused: Sequence[Attempt] = (),
) -> bool:
    """Store how far the receiver of a stream has come; return False if the stream has changed since it was read.

    `place` and `done` are those of `Endpoint`; `delivered` is how many more events it has accepted, `refused` the
    attempts that it reports as failed.
    """
    as_read = {"_id": stream.id, "turn": stream.turn, "place": stream.place, "done": list(stream.done)}
    update = {
        "$set": {"place": place, "done": list(done)},
        "$inc": {"delivered": delivered, "failed": len(refused)},
        "$push": {"attempts": {"$each": list(refused), "$slice": -MOST_ATTEMPTS}},
    }
    return database.db[SPEC.name].update_one(as_read, update).matched_count == 1
