"""The operators' views: made where they are not as they should be, and no reason for a worker not to begin."""

from __future__ import annotations

import pytest

from app import create_app
from app.config import Config
from app.errors import Unavailable
from app.store.directory.operator_views import prepare_views
from app.store.mongo.database import Database, StoreError
from tests.conftest import Fault

NAMES = {"group_members", "user_groups"}


def views(database: Database) -> dict[str, object]:
    found = database.db.list_collections(filter={"type": "view"})
    return {row["name"]: row["options"] for row in found}


def test_they_are_made_once(database: Database, fault: Fault) -> None:
    prepare_views(database)
    made = views(database)
    assert made.keys() == NAMES
    with fault(["create", "collMod"], "alwaysOn", errorCode=13):
        prepare_views(database)
    assert views(database) == made


def test_an_older_one_is_replaced(database: Database) -> None:
    prepare_views(database)
    made = views(database)
    database.db.command("collMod", "user_groups", viewOn="users", pipeline=[])
    database.db.drop_collection("group_members")
    prepare_views(database)
    assert views(database) == made


@pytest.mark.parametrize("commands", [["create"], ["listCollections"]])
def test_a_database_that_goes_away_meanwhile_is_waited_for(
    database: Database, fault: Fault, commands: list[str]
) -> None:
    database.prepare([])
    with fault(commands, "alwaysOn", closeConnection=True), pytest.raises(Unavailable), database.budget(0.3):
        prepare_views(database)
    with fault(["create"], "alwaysOn", closeConnection=True):
        assert create_app(Config.from_environment({}), database).test_client().get("/healthz").status_code == 200


def test_what_stands_in_the_way_is_told(database: Database) -> None:
    database.db.user_groups.insert_one({"of": "somebody else"})
    with pytest.raises(StoreError, match=r"^The view user_groups cannot be made: "):
        prepare_views(database)
