"""Structured logs: JSON, one object a line; on a terminal, text for people.

No line contains the value of an attribute. Tracebacks contain the places, types and codes of exceptions, but not their
texts, which repeat documents (`app.errors.describe`).
"""

from __future__ import annotations

import atexit
import logging
import logging.config
import sys
import threading
import traceback
from typing import Any, BinaryIO, cast

import orjson
import structlog

from app.errors import describe
from app.telemetry.log_queue import Lines

log = logging.getLogger("scimd")


def trace(error: BaseException) -> str:
    """Return the traceback of an exception and of its causes, without their texts."""
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in chain:
        chain.append(following)
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)
    parts = ["".join(traceback.format_tb(each.__traceback__)) + describe(each) for each in reversed(chain)]
    return "\n\nThis led to:\n\n".join(parts)


_TRACES = structlog.processors.ExceptionRenderer(lambda info: trace(info[1]))
_TIME = structlog.processors.TimeStamper(fmt="iso", utc=True)
_SHARED: list[Any] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    _TIME,
    _TRACES,
]


class Discreet(logging.Filter):
    """Removes what a client sent from gunicorn's lines.

    Gunicorn repeats the line that it cannot parse, which can be a misspelt `Authorization` or a URL with a filter, and
    the URL of a request that failed. A slow client is not a failure of the server and needs no traceback.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten the record; return True."""
        text = record.getMessage()
        if text.startswith("Invalid request from ip="):
            record.msg, record.args = ": ".join(text.split(": ")[:2]), ()
        elif text.startswith("Error handling request"):
            record.msg, record.args = "Error handling request", ()
        elif record.exc_info and isinstance(record.exc_info[1], TimeoutError):
            record.msg, record.args, record.exc_info = "A client was too slow; its connection is closed.", (), None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


def logging_config(*, pretty: bool | None = None) -> dict[str, Any]:
    """Return the configuration of the standard library's logging, for this process and for gunicorn.

    `pretty` is text for people; by default it is chosen if standard error is a terminal.
    """
    if pretty is None:
        pretty = sys.stderr.isatty()
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(pretty)],
                "foreign_pre_chain": _SHARED,
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "filters": {"discreet": {"()": Discreet}},
        "loggers": {
            "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True, "filters": ["discreet"]},
        },
    }


def configure() -> None:
    """Make this process log through a queue, so that no request waits for a slow reader of the log.

    structlog renders the line of a request itself and puts it into the same queue: by way of the standard library's
    records a GET of one user takes 7 % more time of the processor.
    """
    logging.config.dictConfig(logging_config())
    threading.excepthook = _thread_ended
    root = logging.getLogger()
    (direct,) = root.handlers
    lines = Lines(sys.stderr.fileno())
    lines.handler.setFormatter(direct.formatter)
    root.handlers = [lines.handler]
    lines.start()
    pretty = sys.stderr.isatty()
    structlog.configure(
        processors=[structlog.processors.add_log_level, _TIME, _renderer(True) if pretty else _AS_BYTES],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr) if pretty
        else structlog.BytesLoggerFactory(cast(BinaryIO, lines.handler)),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )

    def stop() -> None:
        root.handlers = [direct]
        lines.stop()

    atexit.register(stop)


def _thread_ended(ended: threading.ExceptHookArgs) -> None:
    """Log the exception that has ended a thread; Python would print its text."""
    log.error("the thread %s has ended", ended.thread.name if ended.thread else "-", exc_info=ended.exc_value)


def _renderer(pretty: bool) -> Any:
    return structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer(serializer=_as_json)


def _as_json(line: Any, **_: Any) -> str:
    return orjson.dumps(line, default=str).decode()


_AS_BYTES = structlog.processors.JSONRenderer(serializer=orjson.dumps)
