"""Translates failures of the database into SCIM errors (D-104).

A duplicate key is left to the caller, which knows the attribute. Any failure that is not listed here is a bug of ours
and is not translated.
"""

from __future__ import annotations

from typing import Any

from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
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
"""The exceptions for a document that MongoDB refuses because of its contents."""
TOO_LARGE = "The resource is too large to be stored."


class StoreError(Exception):
    """The database cannot be used as it is; the text is one sentence for the operator."""

    for_operators = True


_TOO_LARGE = frozenset({10334, 17419, 17420})
"""BSONObjectTooLarge, and an update that makes a document larger than 16 MB."""
_BAD_VALUE = 2
_PASSING = frozenset({
    6, 7, 24, 46, 50, 63, 64, 89, 91, 112, 134, 189, 202, 239, 246, 251, 262, 290, 317, 9001, 10107, 11600, 11602,
    13388, 13435, 13436, 14031, 16500, 50915,
})
"""Host unreachable, locks, timeouts, write concern, shutdown, conflicts, old snapshots, no primary, a full disk, ..."""
_NOT_LET_IN = frozenset({13, 18, 8000})
"""Unauthorized, AuthenticationFailed, and Atlas's code for both."""
_PASSING_LABELS = ("RetryableWriteError", "TransientTransactionError", "UnknownTransactionCommitResult")


def translate(error: BaseException) -> ScimError | None:
    """Return the SCIM error for a failure of the database, or None for a duplicate key and for a bug."""
    if isinstance(error, DocumentTooLarge):  # the driver's own limit; not a PyMongoError
        return PayloadTooLarge(TOO_LARGE)
    if not isinstance(error, PyMongoError) or is_duplicate(error):
        return None
    codes = _codes(error)
    if codes & _TOO_LARGE or (_BAD_VALUE in codes and "size" in str(error)):
        return PayloadTooLarge(TOO_LARGE)
    # WaitQueueTimeoutError, ServerSelectionTimeoutError, NotPrimaryError, NetworkTimeout and AutoReconnect are all
    # ConnectionFailures; `timeout` is true for calls that ran into the request's budget.
    passing = is_unreachable(error) or isinstance(error, (ExecutionTimeout, WriteConcernError)) or error.timeout
    if passing or codes & _PASSING or any(error.has_error_label(label) for label in _PASSING_LABELS):
        return Unavailable("The database does not answer at the moment; try again.")
    if codes & _NOT_LET_IN:
        return Unavailable("The database refuses scimd's credentials, or they lack a permission.")
    return None


class translating:
    """A context manager that raises SCIM errors in place of the database's."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        translated = translate(error) if error else None
        if translated is not None:
            raise translated from error


def is_unreachable(error: BaseException | None) -> bool:
    """Return whether no server could be asked: none answered, none is the primary, or the DNS does not say where.

    Of a connection string with mongodb+srv://, the driver asks the DNS at the first call, and raises its failures,
    which pass, as a wrong configuration.
    """
    return isinstance(error, ConnectionFailure) or (isinstance(error, ConfigurationError) and bool(error.__cause__))


def took_too_long(error: BaseException | None) -> bool:
    """Return whether the database ran into a time limit while it was working on the call."""
    return isinstance(error, (ExecutionTimeout, NetworkTimeout))


def is_duplicate(error: PyMongoError) -> bool:
    """Return whether a unique index has refused the write."""
    return isinstance(error, DuplicateKeyError) or DUPLICATE_KEY in _codes(error)


def reason(error: OperationFailure) -> str:
    """Return the server's message in one line, without values of documents."""
    message = (error.details or {}).get("errmsg")
    if message is None or is_duplicate(error):  # the message about a duplicate key has its value
        return describe(error)
    return " ".join(str(message).split())


def _codes(error: PyMongoError) -> set[int]:
    if isinstance(error, BulkWriteError):
        details: Any = error.details or {}
        failures = [*details.get("writeErrors", ()), *details.get("writeConcernErrors", ())]
        return {failure.get("code", 0) for failure in failures} | ({64} if details.get("writeConcernErrors") else set())
    return {error.code} if isinstance(error, OperationFailure) and error.code is not None else set()
