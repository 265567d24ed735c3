"""A transaction that runs out of time leaves nothing behind that others have to wait for."""

from __future__ import annotations

import time

import pytest

from app.errors import Unavailable
from app.store.mongo.database import Database, Session, connect


@pytest.mark.parametrize("pauses", ["in the work", "before the commit"])
def test_a_transaction_that_runs_out_of_time_holds_nothing(
    database: Database, mongod_uri: str, pauses: str
) -> None:
    database.db.create_collection("a")

    def late(session: Session) -> None:
        database.db.a.insert_one({"_id": 1, "by": "late"}, session=session)
        time.sleep(0.6)
        if pauses == "in the work":
            database.db.a.insert_one({"_id": 2, "by": "late"}, session=session)

    with pytest.raises(Unavailable), database.budget(0.5):
        database.transaction(late)
    # MongoDB itself would end it after a minute; until then the same name cannot be written.
    # The repeat comes to another process: the same one would use the same session, and that ends what was before.
    other = connect(mongod_uri, name=database.db.name)
    try:
        with other.budget(3):
            other.transaction(lambda session: other.db.a.insert_one({"_id": 1, "by": "repeat"}, session=session))
    finally:
        other.close()
    assert [row["by"] for row in database.db.a.find()] == ["repeat"]
