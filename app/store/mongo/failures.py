"""What goes wrong in the database, as what the client is told (D-104).

A duplicate key is left to whoever knows the attribute. What is not listed here is a bug, and stays what it is.
"""

from __future__ import annotations

from typing import Any

from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DocumentTooLarge,
    DuplicateKeyError,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
    WriteError,
)

from app.errors import PayloadTooLarge, ScimError, Unavailable, describe

DUPLICATE_KEY = 11000
REFUSED_WRITES = (WriteError, BulkWriteError)
"""What is raised where MongoDB refuses a document for what is in it."""
TOO_LARGE = "The resource is too large to be stored."


class StoreError(Exception):
    """The database cannot be used as it is; the text is one sentence for the operator."""

    for_operators = True


_TOO_LARGE = frozenset({10334, 17419, 17420})
"""BSONObjectTooLarge, and an update that makes a document larger than 16 MB."""
_BAD_VALUE = 2
_PASSING = frozenset({
    6, 7, 24, 46, 50, 63, 64, 89, 91, 112, 134, 189, 202, 246, 251, 262, 290, 317, 9001, 10107, 11600, 11602, 13388,
    13435, 13436, 14031, 16500, 50915,
})
"""Host unreachable, locks, time limits, write concern, shutdown, write conflicts, no primary, a full disk, ..."""
_NOT_LET_IN = frozenset({13, 18, 8000})
"""Unauthorized, AuthenticationFailed, and Atlas's word for them."""
_PASSING_LABELS = ("RetryableWriteError", "TransientTransactionError", "UnknownTransactionCommitResult")


def translate(error: BaseException) -> ScimError | None:
    """Give the SCIM error for a failure of the database, or None for a duplicate key and for a bug."""
    if isinstance(error, DocumentTooLarge):  # the driver's own limit; no PyMongoError
        return PayloadTooLarge(TOO_LARGE)
    if not isinstance(error, PyMongoError) or is_duplicate(error):
        return None
    codes = _codes(error)
    if codes & _TOO_LARGE or (_BAD_VALUE in codes and "size" in str(error)):
        return PayloadTooLarge(TOO_LARGE)
    # WaitQueueTimeoutError, ServerSelectionTimeoutError, NotPrimaryError, NetworkTimeout and AutoReconnect are all
    # ConnectionFailures; `timeout` covers what the request's budget has ended.
    passing = isinstance(error, (ConnectionFailure, ExecutionTimeout, WriteConcernError)) or error.timeout
    if passing or codes & _PASSING or any(error.has_error_label(label) for label in _PASSING_LABELS):
        return Unavailable("The database does not answer at the moment; try again.")
    if codes & _NOT_LET_IN:
        return Unavailable("The database does not let scimd in.")
    return None


class translating:
    """Raise the SCIM error in place of the database's."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        told = translate(error) if error else None
        if told is not None:
            raise told from error


def took_too_long(error: BaseException | None) -> bool:
    """Return whether a time limit has ended what the database was doing."""
    return isinstance(error, (ExecutionTimeout, NetworkTimeout))


def is_duplicate(error: PyMongoError) -> bool:
    """Tell whether a unique index has refused the write."""
    return isinstance(error, DuplicateKeyError) or DUPLICATE_KEY in _codes(error)


def reason(error: OperationFailure) -> str:
    """Return what the server said, in one line and without values of documents."""
    said = (error.details or {}).get("errmsg")
    if said is None or is_duplicate(error):  # a duplicate key is told with its value, anything else with its document
        return describe(error)
    return " ".join(str(said).split())


def _codes(error: PyMongoError) -> set[int]:
    if isinstance(error, BulkWriteError):
        details: Any = error.details or {}
        failures = [*details.get("writeErrors", ()), *details.get("writeConcernErrors", ())]
        return {failure.get("code", 0) for failure in failures} | ({64} if details.get("writeConcernErrors") else set())
    return {error.code} if isinstance(error, OperationFailure) and error.code is not None else set()
