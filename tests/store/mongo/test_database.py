"""The database: safe settings, transactions, budgets, preparation, and failures as the client is told them."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pymongo
import pytest
from pymongo import errors as failures
from pymongo.write_concern import WriteConcern

from app.background import janitor
from app.errors import InvalidValue, PayloadTooLarge, ScimError, Unavailable
from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.mongo.budget import current_deadline
from app.store.mongo.database import Database, Session, StoreError, connect
from app.store.mongo.failures import translate
from tests.conftest import Fault

HANGS = 4
"""Seconds that a command hangs; a busy machine, too, ends sooner what is cut off within one."""
LONG = 10
"""Seconds within which a busy machine ends what is cut off after two, and would take 15 without a limit."""
UNIQUE = IndexSpec(keys=(("tenant", 1), ("name", 1)), name="tenant_name", unique=True)
SPEC = CollectionSpec(
    name="things",
    validator={"$jsonSchema": {"bsonType": "object", "required": ["tenant"]}},
    indexes=(
        UNIQUE,
        IndexSpec(keys=(("tenant", 1), ("time", -1)), name="tenant_time", partial={"failed": True}),
        IndexSpec(keys=(("expires", 1),), name="expires", expire_after_seconds=0),
    ),
)


# Settings


@pytest.mark.parametrize("weak", [
    "w=1", "w=0", "journal=false", "readPreference=secondary", "readConcernLevel=local", "retryWrites=false",
    "retryReads=false", "wTimeoutMS=0", "w=1&journal=false",
])
def test_a_weaker_setting_in_the_connection_string_does_not_count(weak: str) -> None:
    database = connect(f"mongodb://localhost:1/customers?{weak}")
    strong = connect("mongodb://localhost:1/customers")
    assert database.db.name == "customers"
    assert database.db.write_concern == strong.db.write_concern == WriteConcern(w="majority", j=True, wtimeout=10_000)
    assert database.db.read_concern.level == "majority"
    assert database.db.read_preference == pymongo.ReadPreference.PRIMARY
    options = database.client.options
    assert options.retry_writes
    assert options.retry_reads


def test_time_limits_and_pool_fit_the_server() -> None:
    options = connect("mongodb://localhost:1/?socketTimeoutMS=0&maxPoolSize=1", threads=16).client.options
    assert options.server_selection_timeout == 15
    pool = options.pool_options
    assert (pool.connect_timeout, pool.socket_timeout, pool.wait_queue_timeout, pool.max_pool_size) == (3, 10, 2, 22)


def test_the_name_is_scimd_where_the_string_has_none() -> None:
    assert connect("mongodb://localhost:1").db.name == "scimd"


@pytest.mark.parametrize("uri", [
    "mongodb://", "http://x", "", "mongodb://localhost:99999", "mongodb://a:s3cret@x@localhost/",
    "mongodb://localhost/?compressors=zlib", "mongodb://localhost/?compressors=zstd,zlib", "mongodb://localhost/a b",
])
def test_a_string_that_cannot_be_is_one_sentence(uri: str) -> None:
    with pytest.raises(StoreError) as raised:
        connect(uri).close()
    assert "\n" not in str(raised.value)
    assert "s3cret" not in str(raised.value)


# Transactions


def test_a_transaction_is_kept_as_a_whole_or_not_at_all(database: Database) -> None:
    def work(session: Session) -> str:
        database.db.a.insert_one({"_id": 1}, session=session)
        database.db.b.insert_one({"_id": 1}, session=session)
        return "done"

    def fail(session: Session) -> None:
        database.db.a.insert_one({"_id": 2}, session=session)
        raise InvalidValue("no")

    assert database.transaction(work) == "done"
    with pytest.raises(InvalidValue):
        database.transaction(fail)
    with pytest.raises(failures.DuplicateKeyError):
        database.transaction(lambda session: (
            database.db.a.insert_one({"_id": 3}, session=session), database.db.b.insert_one({"_id": 1}, session=session)
        ))
    assert [row["_id"] for row in database.db.a.find()] == [1]
    assert [row["_id"] for row in database.db.b.find()] == [1]


def test_transactions_that_meet_are_all_done(database: Database) -> None:
    database.db.counters.insert_one({"_id": 1, "value": 0})

    def count(_: int) -> None:
        def work(session: Session) -> None:
            value = database.db.counters.find_one({"_id": 1}, session=session)["value"]
            database.db.counters.update_one({"_id": 1}, {"$set": {"value": value + 1}}, session=session)

        database.transaction(work)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(count, range(36)))
    assert database.db.counters.find_one()["value"] == 36


@pytest.mark.parametrize(("commands", "data"), [
    (["insert"], {"closeConnection": True}),
    (["insert"], {"errorCode": 112, "errorLabels": ["TransientTransactionError"]}),
    (["insert"], {"errorCode": 91}),
    (["commitTransaction"], {"closeConnection": True}),
    (["commitTransaction"], {"errorCode": 91, "errorLabels": ["RetryableWriteError"]}),
    (["commitTransaction"], {"errorCode": 251, "errorLabels": ["TransientTransactionError"]}),
    (["commitTransaction"], {"writeConcernError": {"code": 91, "errmsg": "down", "errorLabels": []}}),
])
@pytest.mark.parametrize("times", [1, pytest.param(2, marks=pytest.mark.long)])
def test_what_goes_by_is_not_seen(
    database: Database, fault: Fault, commands: list[str], data: dict[str, Any], times: int
) -> None:
    database.db.create_collection("a")
    database.transaction(lambda session: database.db.a.count_documents({}, session=session))

    def work(session: Session) -> None:
        database.db.a.insert_one({"value": 1}, session=session)

    with fault(commands, times, **data):
        database.transaction(work)
    assert database.db.a.count_documents({}) == 1


def test_a_commit_that_ran_out_of_time_is_unavailable(database: Database, fault: Fault) -> None:
    """PyMongo does not repeat it; the caller looks for the line of the change in the log (D-101)."""
    database.db.create_collection("a")
    fault_of_time = fault(["commitTransaction"], 1, errorCode=50, errorLabels=["UnknownTransactionCommitResult"])
    with fault_of_time, pytest.raises(Unavailable):
        database.transaction(lambda session: database.db.a.insert_one({}, session=session))


def test_what_stays_is_unavailable_within_the_budget(database: Database, fault: Fault) -> None:
    database.db.create_collection("a")
    started = time.monotonic()
    down = fault(["insert"], "alwaysOn", errorCode=91)
    with down, pytest.raises(Unavailable) as raised, database.budget(0.6):
        database.transaction(lambda session: database.db.a.insert_one({}, session=session))
    assert 0.4 < time.monotonic() - started < LONG
    assert raised.value.headers["Retry-After"] == "5"


def test_a_write_that_no_majority_has_is_not_acknowledged(database: Database, fault: Fault) -> None:
    database.db.create_collection("a")
    alone = fault(["insert"], "alwaysOn", writeConcernError={"code": 64, "errmsg": "waiting timed out"})
    with alone, pytest.raises(Unavailable), database.budget():
        database.db.a.insert_one({})


def test_a_server_that_hangs_holds_nobody_longer_than_the_budget(database: Database, fault: Fault) -> None:
    with fault(["find"], 1, blockConnection=True, blockTimeMS=HANGS * 1_000):
        started = time.monotonic()
        with pytest.raises(Unavailable), database.budget(0.5):
            database.db.a.find_one()
        assert database.db.a.find_one() is None
        assert time.monotonic() - started < HANGS


@pytest.mark.long
def test_the_shorter_of_two_budgets_counts(database: Database, fault: Fault) -> None:
    with fault(["find"], 2, blockConnection=True, blockTimeMS=HANGS * 1_000):
        for outer, inner in ((0.3, 30), (30, 0.3)):
            started = time.monotonic()
            with pytest.raises(Unavailable), database.budget(outer), database.budget(inner):
                database.db.a.find_one()
            assert time.monotonic() - started < HANGS


def test_what_is_spent_on_other_things_does_not_count(database: Database) -> None:
    assert database.db.a.find_one() is None  # connected
    spent = database.budget(0.4)
    with spent:
        time.sleep(0.5)
        with pytest.raises(Unavailable), database.budget():
            database.db.a.find_one()
        spent.extend(0.5)
        assert database.db.a.find_one() is None
        time.sleep(0.5)
        with pytest.raises(Unavailable), database.budget():
            database.db.a.find_one()
    spent.extend(1)  # a budget that is over limits nothing any more
    assert current_deadline() is None


def test_an_inner_budget_that_is_longer_moves_nothing(database: Database) -> None:
    longer = database.budget(30)
    with database.budget(5), longer:
        before = current_deadline()
        longer.extend(10)
        assert current_deadline() == before


def test_a_database_that_is_not_there_is_unavailable() -> None:
    database = connect("mongodb://localhost:1/")
    for ask in (
        database.check, lambda: database.prepare([SPEC]), database.require, database.ready,
        lambda: database.transaction(lambda session: database.db.a.find_one(session=session)),
    ):
        with pytest.raises(Unavailable), database.budget(0.2):
            ask()
    threading.Thread(target=database.close, daemon=True).start()  # it waits for the thread that prepares, 15 s


def test_a_start_does_not_wait_long_for_a_database_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.store.mongo.database.PING_SECONDS", 0.3)
    database = connect("mongodb://localhost:1/")
    started = time.monotonic()
    with pytest.raises(Unavailable):
        database.prepare([SPEC])
    assert time.monotonic() - started < LONG  # and not PyMongo's 15 seconds
    database.close()


def test_fa_08_a_single_server_is_refused(single_server: str) -> None:
    """FA-08: without transactions six clients that add the same members at once got a 500."""
    database = connect(single_server)
    for ask in (database.check, lambda: database.prepare([SPEC])):
        with pytest.raises(StoreError, match=r"single server.*--replSet"):
            ask()
    with pytest.raises(Unavailable):
        database.require()
    assert database.db.list_collection_names() == []
    database.close()


def test_mongomock_works_without_transactions(mock_database: Database) -> None:
    mock_database.prepare([CollectionSpec(name="things", validator=None, indexes=(UNIQUE,))])
    mock_database.ready()
    mock_database.transaction(lambda session: mock_database.db.things.insert_one({"_id": 1}, session=session))
    assert mock_database.db.things.count_documents({}) == 1


# Preparation


def index_names(database: Database) -> set[str]:
    return set(database.db.things.index_information()) - {"_id_"}


def test_preparing_makes_what_the_database_enforces(database: Database) -> None:
    database.prepare([SPEC])
    assert index_names(database) == {"tenant_name", "tenant_time", "expires"}
    database.db.things.insert_one({"tenant": "a", "name": "b"})
    with pytest.raises(failures.DuplicateKeyError):
        database.db.things.insert_one({"tenant": "a", "name": "b"})
    with pytest.raises(failures.WriteError):
        database.db.things.insert_one({"name": "b"})
    information = database.db.things.index_information()
    assert information["expires"]["expireAfterSeconds"] == 0
    assert information["tenant_time"]["partialFilterExpression"] == {"failed": True}
    database.prepare([SPEC])
    assert database.db.things.index_information() == information


def test_several_processes_prepare_at_once(database: Database, mongod_uri: str) -> None:
    others = [connect(mongod_uri, name=database.db.name) for _ in range(6)]
    start = threading.Barrier(len(others))

    def prepare(other: Database) -> None:
        start.wait()
        other.prepare([SPEC, CollectionSpec(name="others", validator=SPEC.validator, indexes=SPEC.indexes)])
        other.ready()
        other.close()

    with ThreadPoolExecutor(len(others)) as pool:
        list(pool.map(prepare, others))
    assert index_names(database) == {"tenant_name", "tenant_time", "expires"}


def test_what_an_operator_has_added_stays(database: Database) -> None:
    database.db.things.create_index([("mine", 1)], name="mine")
    database.prepare([SPEC])
    assert index_names(database) == {"mine", "tenant_name", "tenant_time", "expires"}


def test_an_equal_index_of_another_name_is_taken(database: Database) -> None:
    database.db.things.create_index([("tenant", 1), ("name", 1)], name="mine", unique=True)
    database.prepare([SPEC])
    database.ready()
    assert index_names(database) == {"mine", "tenant_time", "expires"}


def test_an_index_whose_definition_has_changed_is_made_anew(database: Database) -> None:
    database.db.things.create_index([("tenant", 1)], name="tenant_name")
    database.db.things.create_index([("expires", 1)], name="expires", expireAfterSeconds=60)
    database.prepare([SPEC])
    assert database.db.things.index_information()["tenant_name"]["unique"]
    assert database.db.things.index_information()["expires"]["expireAfterSeconds"] == 0


def test_an_index_in_the_way_is_one_sentence(database: Database) -> None:
    database.db.things.create_index([("expires", 1)], name="mine", expireAfterSeconds=60)
    with pytest.raises(StoreError, match="expires of things cannot be built"):
        database.prepare([SPEC])


def test_duplicates_are_one_sentence_and_no_start(database: Database) -> None:
    database.db.things.insert_many([{"_id": number, "tenant": "a", "name": "jane@x"} for number in (1, 2)])
    with pytest.raises(StoreError, match="has the same tenant, name; .* start scimd again: 1, 2") as raised:
        database.prepare([SPEC])
    assert "\n" not in str(raised.value)
    assert "jane@x" not in str(raised.value)  # it is in the server's log
    with pytest.raises(Unavailable):
        database.require()


def test_a_server_that_refuses_an_index_is_one_sentence(database: Database, fault: Fault) -> None:
    with fault(["createIndexes"], "alwaysOn", errorCode=67), pytest.raises(StoreError, match="refuses"):
        database.prepare([SPEC])
    with fault(["createIndexes"], "alwaysOn", errorCode=13), pytest.raises(Unavailable, match="refuses scimd.s credentials"):
        database.prepare([SPEC])
    database.prepare([SPEC])
    database.ready()


def test_a_validator_that_has_changed_is_set_and_one_that_has_gone_is_taken_away(database: Database) -> None:
    database.prepare([SPEC])
    database.db.things.insert_one({"_id": 1, "tenant": "a"})
    stricter = CollectionSpec(
        name="things", validator={"$jsonSchema": {"bsonType": "object", "required": ["tenant", "name"]}}, indexes=()
    )
    database.prepare([stricter])
    with pytest.raises(failures.WriteError):
        database.db.things.insert_one({"tenant": "a"})
    database.db.things.update_one({"_id": 1}, {"$set": {"other": 1}})  # what was stored before can still be changed
    database.prepare([CollectionSpec(name="things", validator=None, indexes=())])
    database.db.things.insert_one({})


def test_fa_14_an_index_that_was_dropped_is_built_by_a_thread_and_nothing_is_taken_meanwhile(
    database: Database, fault: Fault
) -> None:
    """FA-14: it was built inside a request's 20 seconds, cut off, and begun again at each request."""
    database.prepare([SPEC])
    database.ready()
    database.db.things.drop_index("tenant_name")
    being_built, before = r"index tenant_name of things .*is being built", set(threading.enumerate())
    with fault(["createIndexes"], "alwaysOn", blockConnection=True, blockTimeMS=3_000):
        for ask in (database.ready, database.require, database.ready):
            with pytest.raises(Unavailable, match=being_built), database.budget(0.3):  # all of it less than the index takes
                ask()
        assert sum(thread.name == "preparing" for thread in set(threading.enumerate()) - before) == 1
        database.require()  # waits for it
    assert "tenant_name" in index_names(database)
    database.ready()


def test_fa_14_duplicates_from_before_it_was_noticed_keep_it_from_being_built(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    database.prepare([SPEC])
    database.db.things.drop_index("tenant_name")
    database.db.things.insert_many([{"_id": number, "tenant": "a", "name": "b"} for number in range(2)])
    with pytest.raises(Unavailable, match="is being built"):
        database.ready()
    for _ in range(3):
        with pytest.raises(Unavailable, match="see the server's log"):
            database.require()
    assert len([line for line in caplog.messages if "unique index tenant_name of things" in line]) == 1


def test_fa_14_a_chore_notices(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    database.prepare([SPEC])
    database.db.things.drop_index("tenant_name")
    assert janitor.once(database, janitor.CHECKING)
    assert "tenant_name of things" in caplog.text
    database.require()
    assert "tenant_name" in index_names(database)


def test_what_could_not_be_prepared_is_prepared_when_it_is_needed(database: Database, fault: Fault) -> None:
    with fault(["ping"], "alwaysOn", errorCode=91), pytest.raises(Unavailable), database.budget(0.5):
        database.prepare([SPEC])
    assert index_names(database) == set()
    database.require()
    assert "tenant_name" in index_names(database)


# Failures


def bulk(**details: Any) -> failures.BulkWriteError:
    return failures.BulkWriteError({"writeErrors": [], "writeConcernErrors": []} | details)


@pytest.mark.parametrize(("error", "expected"), [
    (failures.AutoReconnect("x"), Unavailable),
    (failures.NetworkTimeout("x"), Unavailable),
    (failures.ServerSelectionTimeoutError("x"), Unavailable),
    (failures.NotPrimaryError("x"), Unavailable),
    (failures.WaitQueueTimeoutError("x"), Unavailable),
    (failures.ExecutionTimeout("x", 50), Unavailable),
    (failures.WTimeoutError("x", 64), Unavailable),
    (failures.WriteConcernError("x", 100), Unavailable),
    (failures.OperationFailure("disk full", 14031), Unavailable),
    (failures.OperationFailure("x", 8, {"errorLabels": ["RetryableWriteError"]}), Unavailable),
    (bulk(writeConcernErrors=[{"code": 64}]), Unavailable),
    (bulk(writeErrors=[{"code": 91}]), Unavailable),
    (failures.OperationFailure("Authentication failed.", 18), Unavailable),
    (failures.DocumentTooLarge("x"), PayloadTooLarge),
    (failures.WriteError("x", 17419), PayloadTooLarge),
    (failures.WriteError("object to insert too large. size in bytes: 16777300", 2), PayloadTooLarge),
    (bulk(writeErrors=[{"code": 10334}]), PayloadTooLarge),
    (failures.DuplicateKeyError("x", 11000), None),
    (bulk(writeErrors=[{"code": 11000}]), None),
    (failures.WriteError("bad", 2), None),
    (failures.WriteError("Document failed validation", 121), None),
    (failures.InvalidOperation("x"), None),
    (ValueError("x"), None),
])
def test_failures_are_told_as_the_table_says(error: Exception, expected: type[ScimError] | None) -> None:
    told = translate(error)
    assert told is None if expected is None else type(told) is expected
    assert told is None or "x" not in told.detail.split()


def test_a_document_that_is_too_large_is_told(database: Database) -> None:
    with pytest.raises(PayloadTooLarge), database.budget():
        database.db.a.insert_one({"text": "x" * 16_800_000})
    database.db.a.insert_one({"_id": 1, "text": "x" * 9_000_000})
    with pytest.raises(PayloadTooLarge), database.budget():
        database.db.a.update_one({"_id": 1}, {"$set": {"more": "x" * 9_000_000}})
