"""A few documents are read and written as by the driver, whatever happens between scimd and MongoDB."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.errors import BulkWriteError, OperationFailure

from app.store.directory.commands import insert_few, read_few
from app.store.mongo.database import Database
from tests.conftest import Fault

NOT_WRITABLE_PRIMARY = 10107


@pytest.fixture
def collection(database: Database) -> Any:
    collection = database.db["few"]
    collection.insert_many([{"_id": number, "tenant": "acme", "name": f"n{number}"} for number in range(4)])
    collection.create_index("name")
    return collection


@pytest.mark.parametrize("fields", [None, {"name": 1}, {"_id": 0}])
@pytest.mark.parametrize("limit", [1, 3, 4, 5])
@pytest.mark.parametrize("query", [{}, {"_id": {"$in": [1, 3]}}, {"name": "n7"}])
def test_it_returns_what_find_returns(collection: Any, query: dict[str, Any], limit: int, fields: Any) -> None:
    assert read_few(collection, query, fields, limit) == list(collection.find(query, fields, limit=limit))


@pytest.mark.parametrize("failures", [1, 2])
@pytest.mark.parametrize("failure", [{"closeConnection": True}, {"errorCode": NOT_WRITABLE_PRIMARY}])
def test_d_686_it_is_asked_again_after_a_failover(
    collection: Any, fault: Fault, failure: dict[str, Any], failures: int
) -> None:
    with fault(["find"], failures, **failure):
        assert [each["_id"] for each in read_few(collection, {"name": "n2"}, None, 1, hint={"name": 1})] == [2]


def test_d_686_documents_that_no_batch_has_room_for_are_all_returned(collection: Any) -> None:
    for number in range(3):
        collection.insert_one({"_id": f"large{number}", "tenant": "beta", "text": "x" * (7 << 20)})
    found = read_few(collection, {"tenant": "beta"}, None, 3)
    assert [(each["_id"], len(each["text"])) for each in found] == [(f"large{number}", 7 << 20) for number in range(3)]


def test_an_index_that_does_not_exist_is_an_error(collection: Any) -> None:
    with pytest.raises(OperationFailure, match="hint"):
        read_few(collection, {"name": "n2"}, None, 1, hint={"missing": 1})


def test_d_705_what_is_inserted_in_a_transaction_is_stored_as_a_whole(database: Database, collection: Any) -> None:
    def work(session: Any) -> list[dict[str, Any]]:
        insert_few(collection, [{"tenant": "acme", "name": "new"}, {"tenant": "acme", "name": "new"}], session)
        return read_few(collection, {"name": "new"}, {"_id": 0}, 2, session, hint={"name": 1})

    with pytest.raises(IndexError):
        database.transaction(lambda session: work(session)[2])
    assert collection.count_documents({}) == 4
    assert database.transaction(work) == [{"tenant": "acme", "name": "new"}] * 2
    assert list(collection.find({"name": "new"}, {"_id": 0})) == [{"tenant": "acme", "name": "new"}] * 2


def test_d_705_a_document_that_cannot_be_inserted_is_an_error(database: Database, collection: Any) -> None:
    documents = [{"_id": 7, "tenant": "acme"}, {"_id": 3, "tenant": "acme"}]
    with pytest.raises(BulkWriteError) as error:
        database.transaction(lambda session: insert_few(collection, documents, session))
    assert [(each["index"], each["code"]) for each in error.value.details["writeErrors"]] == [(1, 11000)]
    assert collection.count_documents({}) == 4


@pytest.mark.parametrize("command", ["find", "insert"])
@pytest.mark.parametrize("failure", [{"closeConnection": True}, {"errorCode": NOT_WRITABLE_PRIMARY}])
def test_d_705_a_transaction_begins_again_after_a_failover(
    database: Database, collection: Any, fault: Fault, failure: dict[str, Any], command: str
) -> None:
    begun: list[Any] = []

    def work(session: Any) -> None:
        begun.append(session)
        assert read_few(collection, {"name": "n2"}, {"_id": 1}, 1, session) == [{"_id": 2}]
        insert_few(collection, [{"_id": 7, "tenant": "acme"}], session)

    with fault([command], 1, **failure):
        database.transaction(work)
    assert len(begun) == 2
    assert [each["_id"] for each in collection.find()] == [0, 1, 2, 3, 7]
