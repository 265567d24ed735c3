"""How gunicorn runs the peers; the numbers of workers and threads are on the command line, those of scimd."""

worker_class = "gthread"
control_socket_disable = True
# The load generator waits for the answers of all connections, which take long where a page reads all users: the
# connections that were answered first must not be closed meanwhile.
keepalive = 900
# A worker loads its population before it answers.
timeout = 900
