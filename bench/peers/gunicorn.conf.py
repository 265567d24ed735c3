"""How gunicorn runs the peers; the numbers of workers and threads are on the command line, those of scimd."""

worker_class = "gthread"
keepalive = 5
# A worker loads its population before it answers, and a page of many users may take long.
timeout = 900
