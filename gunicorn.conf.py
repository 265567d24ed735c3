"""How gunicorn runs scimd: processes, threads, limits and hooks; nothing about SCIM.

Found by `gunicorn "app:create_app()"` in this folder, and used by `scimd serve`. The reasons for the figures stand in
docs/operating.md; those that were measured are marked.
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

from gunicorn import util
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker

from app import create_app
from app.assembly import Application
from app.background import janitor
from app.config import Config, ConfigError
from app.errors import ScimError, Unavailable
from app.processes import AddressTaken, wait_for_address
from app.protocol.messages import error_message
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


class Worker(ThreadWorker):
    """A thread worker that lets go of its addresses as soon as it stops.

    Gunicorn's own holds them until its last request is answered: a client could still connect, whom nobody accepts, and
    after the death of the master a new one could not listen.
    """

    def set_accept_enabled(self, enabled):
        super().set_accept_enabled(enabled)
        if not enabled and (not self.alive or self.ppid != os.getppid()):
            for listener in self.sockets:
                listener.close()


bind = [_config.bind]
workers = _config.workers
worker_class = Worker
threads = _config.threads

# A request has 20 seconds for its calls of the database; a worker that says nothing for 60 is stuck.
timeout = 60
# Seconds that a client may take to read a response, or one block of a long one (64 KB or somewhat more), and between
# two pieces of its request's body. `timeout` is about the worker alone.
CLIENT_SECONDS = 20
# Seconds that a thread waits for the client to hang up where the response has said so.
HANG_UP_SECONDS = 2
# A stop lets requests that have begun finish.
graceful_timeout = 30
# Longer than a proxy keeps a connection that it may use again.
keepalive = 5

# Nothing is replaced without a reason (D-73): no `max_requests`. A connection ends after as many answers, so that those
# that stay open are shared out again among the workers.
ANSWERS_OF_A_CONNECTION = 100
# How long a start waits for an address that is in use: workers whose master was killed let go of it within a second.
ADDRESS_SECONDS = 10

# The longest that gunicorn allows. A longer filter goes to .search, in a body.
limit_request_line = 8_190
limit_request_fields = 100
limit_request_field_size = 8_190

# The heartbeat of a worker is a file; on a disk it can stand still under load.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") and os.access("/dev/shm", os.W_OK) else None  # noqa: S108
# gunicorn 25 and later open a socket for commands in the home folder; nobody needs it here.
control_socket_disable = True
# X-Forwarded-Proto and the like are believed when this machine's own proxy sends them, and are of no use to others.
forwarded_allow_ips = "127.0.0.1,::1"
header_map = "drop"
# A client does not survive a fork: each worker makes its own, and so the application too.
preload_app = False

# One JSON object a line; what is logged of a request is written by the application, which knows the tenant.
logconfig_dict = logging_config()


class _NoAccessLog(Logger):
    """Gunicorn's log; where there is a `logconfig_dict` it would gather what to say of each request all the same."""

    def access(self, *_):
        return


logger_class = _NoAccessLog


_REFUSED = {
    414: f"the request line may have {limit_request_line} bytes; send a long query by POST to /.search.",
    431: f"there may be {limit_request_fields} headers of up to {limit_request_field_size} bytes each.",
}


def _write_error(sock, status, reason, _):
    """Answer what gunicorn itself refuses with a SCIM Error message (RFC 7644 section 3.12), and repeat none of it."""
    error = ScimError(f"{reason}: {_REFUSED.get(status, 'the request is not valid HTTP.')}")
    error.status = status
    body = json.dumps(error_message(error))
    head = f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/scim+json\r\n"
    util.write_nonblock(sock, f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode("ascii"))


util.write_error = _write_error  # gunicorn has no setting for it, and would answer with HTML

_STOPS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)


def on_starting(server):
    """Put everything together once before there are workers, so that what is wrong is one sentence and no start.

    The private mongod is started here, and used by this process until it ends; indexes are built here, where nobody
    looks at the clock. What is opened is closed again before the first fork.
    """
    # A new worker has the master's handlers until it has its own, and a signal for it would be lost in them: those
    # that mean a stop wait until `post_fork`.
    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS),
        after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS),
    )
    try:
        if not (server.master_pid or "LISTEN_FDS" in os.environ):  # else the sockets are inherited
            for address in server.cfg.address:
                if isinstance(address, tuple):
                    wait_for_address(*address, ADDRESS_SECONDS)
        database = open_database(_config, watch=False)
        create_app(_config, database)
        with suppress(Unavailable):  # `create_app` has said so, and the workers wait for it
            left_out = unknown(_config, database)
            if left_out:
                server.log.warning(left_out)
        database.close()
    except (AddressTaken, ConfigError, StoreError) as error:
        sys.exit(f"scimd: {error}")


def post_fork(server, worker):
    """Make every stop a graceful one, and one that comes while the worker is being made count.

    Ctrl-C reaches all processes, and the master then sends SIGQUIT to its workers. For either a thread worker shuts
    its pool down in the signal's handler, where it waits for a lock that the interrupted code may hold (gunicorn
    27.0.1: one stop in ten hung for 30 seconds).
    """
    # Whether we can begin at all was found out by `on_starting`. What has come between, a database that is on its way
    # up or an index that cannot be built, ends one worker, which is made anew, and not all, as gunicorn would have it.
    worker.booted = True
    worker.handle_quit = worker.handle_exit
    for number in _STOPS:
        signal.signal(number, lambda *_: setattr(worker, "alive", False))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    if _config.metrics_bind:
        folder.take_slot()


def pre_request(worker, req):
    """Let no client hold a thread by not reading, and no connection stay with its worker for ever.

    `sendall` takes the time limit for all that it is given.
    """
    req.unreader.sock.settimeout(CLIENT_SECONDS)
    if req.req_number >= ANSWERS_OF_A_CONNECTION:
        req.force_close()


def post_request(worker, req, environ, resp):
    """End a connection in this thread; reset it where its client is gone, too slow, or was sent half a response.

    gunicorn waits up to 2 seconds until the client hangs up, in the thread that accepts connections (27.0.1): each
    client that does not would hold up all others of the worker. What is shut here is not waited for there.
    """
    connection = req.unreader.sock
    with suppress(OSError):  # it is closed already
        if isinstance(sys.exception(), OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif resp is None or not resp.should_close():
            return
        else:
            connection.shutdown(socket.SHUT_WR)
            _until_it_hangs_up(connection)
        connection.shutdown(socket.SHUT_RD)


def _until_it_hangs_up(connection):
    """Read and forget for a while: a close with unread data would take the response with it (RFC 9112 section 9.6)."""
    deadline = time.monotonic() + HANG_UP_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        connection.settimeout(left)
        if not connection.recv(4_096):
            return


def worker_exit(server, worker):
    """Wait a moment with another try where a worker could not begin."""
    if worker.wsgi is None:
        time.sleep(1)


def post_worker_init(worker):
    """Start what a worker does beside its requests, and spare the collector what stays for good.

    Looking for circles after each 700 new objects took a twentieth of the time of a write (measured); there are few.
    """
    configure()
    if isinstance(worker.wsgi, Application):  # the bench runs an application of its own with these settings
        janitor.start(worker.wsgi.database, worker.wsgi.chores)
    if _config.metrics_bind:
        folder.supervise_exporter()
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


def child_exit(server, worker):
    """Forget the gauges of a worker that is gone."""
    if _config.metrics_bind:
        folder.forget_the_dead()


def on_exit(server):
    """Leave nothing behind but the data."""
    if _config.metrics_bind:
        folder.leave()
