"""The metrics of the processes that answer requests (Prometheus).

Each process writes its numbers into files in a shared folder (see `folder`; gunicorn.conf.py creates it before this
module is imported). `metrics_server` adds them up and serves them on a port of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Counter, Gauge, Histogram, values

from app.errors import is_failure
from app.telemetry import folder

if folder.slot() >= 0:
    values.ValueClass = values.MultiProcessValue(folder.slot)

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)

REQUESTS = Counter("scimd_requests", "Requests answered.", ["route", "method", "status", "tenant"])
LATENCY = Histogram("scimd_request_seconds", "Time from a request to its answer.", ["route", "method"], buckets=SECONDS)
OPERATIONS = Counter("scimd_operations", "Changes asked for, by their outcome.", ["operation", "type", "result"])
LOGINS = Counter("scimd_logins", "Credentials looked at.", ["way", "result"])
TOO_MANY = Counter("scimd_too_many", "Requests refused with tooMany: what they ask for takes too long.", ["tenant"])
RATE_LIMITED = Counter("scimd_rate_limited", "Requests refused with 429, by the limit.", ["tenant", "limit"])
SIGN_ONS = Counter("scimd_sign_ons", "People who wanted to sign in, by the outcome.", ["tenant", "kind", "result"])
SIGN_ON_SECONDS = Histogram(
    "scimd_sign_on_seconds", "Time from the start of a sign-in to its end, with what the person does in between.",
    buckets=(0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 120.0, 300.0, 600.0),
)
FETCH_FAILURES = Counter(
    "scimd_connection_fetch_failures", "Times that what an identity provider publishes could not be read.", ["tenant"]
)
LOGOUT_TOKENS = Counter("scimd_logout_tokens", "Attempts to tell an app of a logout.", ["app", "result"])
FEED_REQUESTS = Counter("scimd_feed_requests", "Requests for changes and snapshots, by status.", ["result"])
FEED_REQUESTS.labels("410")  # an alert asks for its increase (D-740)
FEED_WAITING = Gauge("scimd_feed_waiting", "Requests for changes that wait for some.", multiprocess_mode="livesum")
COMMANDS = Histogram("scimd_mongodb_command_seconds", "Time of MongoDB commands.", ["command"], buckets=SECONDS)
FAILED_COMMANDS = Counter("scimd_mongodb_command_failures", "MongoDB commands that failed.", ["command"])
CONNECTIONS = Gauge(
    "scimd_mongodb_connections", "Connections to MongoDB that are in use.", multiprocess_mode="livesum"
)
RELAYED = Counter("scimd_relay_events", "Events moved to the log.")
RELAY_SECONDS = Histogram("scimd_relay_seconds", "Time from a change to its number in the log.", buckets=SECONDS)
PARKED = Counter("scimd_relay_parked", "Events that cannot be moved to the log and were put aside.")
WEBHOOK_ATTEMPTS = Counter("scimd_webhook_attempts", "Attempts to deliver an event.", ["endpoint", "result"])
WEBHOOK_SECONDS = Histogram(
    "scimd_webhook_seconds", "Time of an attempt to deliver an event.", ["endpoint"], buckets=SECONDS
)
TAKEOVERS = Counter("scimd_relay_takeovers", "Times that a process has become the one that moves events.")


def result(status: int) -> str:
    """Return the outcome of an operation in a word."""
    return "done" if status < 400 else "failed" if is_failure(status) else "refused"


def count_logout_token(app: str, result: str) -> None:
    """Count an attempt to tell an app of a logout.

    The results for which there is an alert begin at 0 with the app's first attempt (D-740).
    """
    for ending in ("refused", "failed"):
        LOGOUT_TOKENS.labels(app, ending)
    LOGOUT_TOKENS.labels(app, result).inc()


def count_attempt(endpoint: str, result: str, seconds: float) -> None:
    """Count an attempt to deliver an event."""
    WEBHOOK_ATTEMPTS.labels(endpoint, result).inc()
    WEBHOOK_SECONDS.labels(endpoint).observe(seconds)


class MongoObserver:
    """Counts the commands and connections of the database's client."""

    def command(self, name: str, seconds: float, *, failed: bool) -> None:
        """Count a command."""
        COMMANDS.labels(name).observe(seconds)
        if failed:
            FAILED_COMMANDS.labels(name).inc()

    def connections(self, change: int) -> None:
        """Count connections that are taken (1) or released (-1)."""
        CONNECTIONS.inc(change)


class RelayObserver:
    """Counts what the relay does."""

    def moved(self, seconds: Sequence[float]) -> None:
        """Count events, each with the time from the change to its number."""
        RELAYED.inc(len(seconds))
        for each in seconds:
            RELAY_SECONDS.observe(each)

    def parked(self) -> None:
        """Count an event that was put aside."""
        PARKED.inc()

    def taken_over(self) -> None:
        """Count that this process has become the one that relays."""
        TAKEOVERS.inc()
