"""How gunicorn runs scimd: processes, threads, limits and hooks; nothing about SCIM.

`gunicorn "app:create_app()"` finds it in this folder, `scimd serve` uses it; docs/operating.md explains the figures.
"""

import gc
import json
import os
import signal
import socket
import struct
import sys
import time
from contextlib import suppress
from typing import Any

from gunicorn import util
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.http.message import Request
from gunicorn.http.wsgi import Response
from gunicorn.workers.gthread import ThreadWorker

from app import create_app
from app.application import Application
from app.background import janitor, relay
from app.config import Config, ConfigError
from app.errors import ScimError, Unavailable
from app.processes import AddressTaken, wait_for_address
from app.protocol.messages import SCIM_JSON, error_message
from app.store.mongo.database import StoreError
from app.store.open import open_database, unknown
from app.telemetry import folder
from app.telemetry.logs import configure, logging_config

try:
    _config = Config.from_environment(os.environ)
except ConfigError as error:
    sys.exit(f"scimd: {error}")

if _config.metrics_bind:
    folder.join()
_bell = relay.Bell()  # inherited by the workers


class Worker(ThreadWorker):
    """A thread worker that closes its listeners as soon as it stops, and lets no request wait any longer.

    Gunicorn's own keeps them open until its last request is answered: clients could still connect without being
    accepted, and after the death of the master a new one could not listen.
    """

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not enabled and (not self.alive or self.ppid != os.getppid()):
            for listener in self.sockets:
                listener.close()
            if isinstance(self.wsgi, Application):
                self.wsgi.feed.stop_waiting()


bind = [_config.bind]
workers = _config.workers
worker_class = Worker
threads = _config.threads

# A worker without a sign of life for 60 seconds is stuck; a request has 20 seconds for its database calls.
timeout = 60
# Seconds that a client may take to read a response, or a block of 64 KB of one, and to send a piece of a body.
CLIENT_SECONDS = 20
# Seconds that a thread waits for the client to close a connection after `Connection: close`.
HANG_UP_SECONDS = 2
# A stop waits for requests that have begun.
graceful_timeout = 30
# Longer than a proxy keeps an idle connection.
keepalive = 5

# Workers are not replaced after a number of requests: no `max_requests` (D-73). A connection ends after this many
# responses, so that open connections are distributed among the workers again.
ANSWERS_OF_A_CONNECTION = 100
# Seconds that a start waits for an address in use: workers whose master was killed release it within a second.
ADDRESS_SECONDS = 10

# The maximum that gunicorn allows. A longer filter goes to .search, in a body.
limit_request_line = 8_190
limit_request_fields = 100
limit_request_field_size = 8_190

# The heartbeat of a worker is a file, which on a disk can stall under load.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") and os.access("/dev/shm", os.W_OK) else None  # noqa: S108
# gunicorn 25 and later open a socket for commands in the home folder, which is not needed here.
control_socket_disable = True
# X-Forwarded-Proto and similar headers are trusted only from a proxy on this machine.
forwarded_allow_ips = "127.0.0.1,::1"
header_map = "drop"
# A database client does not survive a fork, so each worker creates its own, and therefore its own application.
preload_app = False

# One JSON object a line; the application logs requests, because it knows the tenant.
logconfig_dict = logging_config()


class _NoAccessLog(Logger):
    """Gunicorn's log without access lines, which it would prepare for each request because of `logconfig_dict`."""

    def access(self, *_: object) -> None:
        return


logger_class = _NoAccessLog


_REFUSED = {
    414: f"the request line may have {limit_request_line} bytes; send a long query by POST to /.search.",
    431: f"there may be {limit_request_fields} headers of up to {limit_request_field_size} bytes each.",
}


def _write_error(sock: socket.socket, status: int, reason: str, _: object) -> None:
    """Send a SCIM Error message (RFC 7644 section 3.12) for a request that gunicorn refuses; repeat none of it."""
    error = ScimError(f"{reason}: {_REFUSED.get(status, 'the request is not valid HTTP.')}")
    error.status = status
    body = json.dumps(error_message(error))
    head = f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: {SCIM_JSON}\r\n"
    util.write_nonblock(sock, f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode("ascii"))


util.write_error = _write_error  # gunicorn has no setting for its error page, which is HTML

_STOPS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)


def on_starting(server: Arbiter) -> None:
    """Assemble the application once before the workers start, so that a mistake ends the start with one sentence.

    The private mongod is started here and used by this process until it ends. Indexes are built here, without a time
    limit. The database is closed before the first fork.
    """
    # A new worker has the master's signal handlers until it has its own, and they would lose its signals: those for a
    # stop are blocked until `post_fork`.
    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS),
        after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS),
    )
    try:
        if not (server.master_pid or "LISTEN_FDS" in os.environ):  # else the sockets are inherited
            for address in server.cfg.address:
                if isinstance(address, tuple | str):
                    wait_for_address(address, ADDRESS_SECONDS)
        database = open_database(_config, watch=False)
        create_app(_config, database)
        with suppress(Unavailable):  # `create_app` has logged it, and the workers wait
            left_out = unknown(_config, database)
            if left_out:
                server.log.warning(left_out)
        database.close()
    except (AddressTaken, ConfigError, StoreError) as error:
        sys.exit(f"scimd: {error}")


def post_fork(server: Arbiter, worker: Worker) -> None:
    """Make every stop graceful, including one during the start of the worker.

    Ctrl-C reaches all processes, and the master then sends SIGQUIT to its workers. For both signals a thread worker
    shuts down its pool in the signal handler, where it waits for a lock that the interrupted code may hold (gunicorn
    27.0.1: one stop in ten hung for 30 seconds).
    """
    # `on_starting` has checked that the server can start. A later failure, such as an index that cannot be built, ends
    # this worker, which is replaced; gunicorn would stop the server.
    worker.booted = True
    worker.handle_quit = worker.handle_exit
    for number in _STOPS:
        signal.signal(number, lambda *_: setattr(worker, "alive", False))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    if _config.metrics_bind:
        folder.take_slot()


def pre_request(worker: Worker, req: Request) -> None:
    """Limit the time that a client may take to read, and the number of responses on a connection.

    `sendall` applies the time limit to everything that it sends.
    """
    req.unreader.sock.settimeout(CLIENT_SECONDS)
    if req.req_number >= ANSWERS_OF_A_CONNECTION:
        req.force_close()


def post_request(worker: Worker, req: Request, environ: dict[str, Any], resp: Response | None) -> None:
    """Close a connection in this thread; reset it if its client is gone, too slow, or was sent half a response.

    gunicorn waits up to 2 seconds for the client to close it, in the thread that accepts connections (27.0.1): a client
    that does not would delay all other clients of the worker. gunicorn does not wait for what is shut down here.
    """
    connection = req.unreader.sock
    with suppress(OSError):  # already closed
        if isinstance(sys.exception(), OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif resp is None or not resp.should_close():
            return
        else:
            connection.shutdown(socket.SHUT_WR)
            _wait_for_close(connection)
        connection.shutdown(socket.SHUT_RD)


def _wait_for_close(connection: socket.socket) -> None:
    """Read and discard for a while: closing with unread data would destroy the response (RFC 9112 section 9.6)."""
    deadline = time.monotonic() + HANG_UP_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        connection.settimeout(left)
        if not connection.recv(4_096):
            return


def worker_exit(server: Arbiter, worker: Worker) -> None:
    """Stop what sends and moves events, or pause before the next attempt if the worker could not start."""
    if isinstance(worker.wsgi, Application):
        worker.wsgi.stop()
    elif worker.wsgi is None:
        time.sleep(1)


def post_worker_init(worker: Worker) -> None:
    """Start what a worker does besides answering requests, and exempt permanent objects from garbage collection.

    Searching for cycles after every 700 new objects took 5 % of the time of a write, and finds few.
    """
    configure()
    if isinstance(worker.wsgi, Application):  # the bench runs another application with these settings
        janitor.start(worker.wsgi.database, worker.wsgi.chores)
        worker.wsgi.start(_bell)
    if _config.metrics_bind:
        folder.supervise_metrics_server()
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


def child_exit(server: Arbiter, worker: Worker) -> None:
    """Remove the gauges of a worker that has ended."""
    if _config.metrics_bind:
        folder.remove_gauges_of_ended()


def on_exit(server: Arbiter) -> None:
    """Remove the folder of the metrics."""
    if _config.metrics_bind:
        folder.leave()
