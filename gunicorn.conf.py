"""How gunicorn runs scimd: processes, threads, limits and hooks; nothing about SCIM.

Found by `gunicorn "app:create_app()"` in this folder, and used by `scimd serve`. The reasons for the figures stand in
docs/operating.md; those that were measured are marked.
"""

import os
import sys

from app import create_app
from app.config import Config, ConfigError
from app.store.database import StoreError
from app.store.opening import open_database

try:
    _config = Config.from_environment(os.environ)
except ConfigError as error:
    sys.exit(f"scimd: {error}")

bind = [_config.bind]
workers = _config.workers
worker_class = "gthread"
threads = _config.threads

# A request has 20 seconds for its calls of the database; a worker that says nothing for 60 is stuck.
timeout = 60
# A stop lets requests that have begun finish.
graceful_timeout = 30
# Longer than a proxy keeps a connection that it may use again.
keepalive = 5

# A worker is replaced now and then, not all of them at once.
max_requests = 10_000
max_requests_jitter = 1_000

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


def on_starting(server):
    """Put everything together once before there are workers, so that what is wrong is one sentence and no start.

    The private mongod is started here, and used by this process until it ends; indexes are built here, where nobody
    looks at the clock. What is opened is closed again before the first fork.
    """
    try:
        database = open_database(_config, watch=False)
        create_app(_config, database)
        database.close()
    except (ConfigError, StoreError) as error:
        sys.exit(f"scimd: {error}")
