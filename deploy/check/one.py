"""What is proven of the stack with one MongoDB and one scimd. Each function gives a line for the report."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

from app.blueprints.body import MOST_BYTES
from deploy.check.client import Client, Load
from deploy.check.engine import CheckFailed
from deploy.check.people import BASE, find, match, mixed, user
from deploy.check.stack import PUBLIC_URL, Stack

LONG_RUNNING = ("mongodb", "scimd", "proxy")
HALF_SENT = 200


def require(true: object, sentence: str) -> None:
    """Go on where it is true; raises CheckFailed with the sentence."""
    if not true:
        raise CheckFailed(sentence)


def answers(stack: Stack) -> str:
    """A user is made and found; links start with the public URL; a wrong token is refused."""
    client = stack.client
    made = client.expect(201, "POST", f"{BASE}/Users", user("first")).json()
    location = made["meta"]["location"]
    require(location == f"{PUBLIC_URL}{BASE}/Users/{made['id']}", f"meta.location is {location}")
    require(find(client, "first").json()["totalResults"] == 1, "the user that was made is not found")
    refused = Client(client.port, "wrong").expect(401, "GET", f"{BASE}/Users")
    require(refused.headers.get("WWW-Authenticate", "").startswith("Bearer"), "401 without WWW-Authenticate")
    client.expect(200, "GET", "/readyz")
    chunked = json.dumps(user("chunked")).encode()
    head = f"POST {BASE}/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.token}\r\nConnection: close\r\n"
    head += f"Content-Type: application/scim+json\r\nTransfer-Encoding: chunked\r\n\r\n{len(chunked):x}\r\n"
    answer = client.raw(head.encode() + chunked + b"\r\n0\r\n\r\n")
    require(answer.startswith(b"HTTP/1.1 201 "), f"a chunked body: {answer[:200]!r}")
    return "create, match, 401, a chunked body, links from SCIMD_PUBLIC_URL"


def hardened(stack: Stack) -> str:
    """Nobody is root, no root file system takes writes, nothing but the proxy is published, and that here only."""
    for service in LONG_RUNNING:
        status = stack.inside(service, "cat", "/proc/1/status")
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        require("0" not in fields["Uid"].split(), f"{service} runs as root")
        require(int(fields["CapEff"], 16) == 0, f"{service} has capabilities")
        require(fields["NoNewPrivs"].strip() == "1", f"{service} may gain privileges")
        written = stack.inside(service, "sh", "-c", "if touch /usr/x /srv/x /etc/x 2>/dev/null; then echo written; fi")
        require(not written.strip(), f"{service} has a root file system that takes writes")
        found = stack.inspect(service)
        published = [one for many in found["HostConfig"]["PortBindings"].values() for one in many or []]
        local = [one for one in published if one["HostIp"] == "127.0.0.1"]
        require(len(published) == len(local) == (service == "proxy"), f"{service} publishes {published}")
    reach = "if (exec 3<>/dev/tcp/mongodb/27017) 2>/dev/null; then echo reached; fi"
    require(not stack.inside("proxy", "bash", "-c", reach).strip(), "the proxy reaches MongoDB")
    history = stack.docker("history", "--no-trunc", "scimd:local") + stack.docker("inspect", "scimd:local")
    require(stack.client.token not in history, "the token is in the image")
    files = stack.inside("scimd", "find", "/srv/scimd", "-type", "f").split()
    strangers = [name for name in files if not name.endswith(("/deploy/start.py", "/deploy/demo.py"))]
    require(not strangers, f"the image holds {strangers}")
    return "no root, no capabilities, read-only, one port on 127.0.0.1, MongoDB out of the proxy's reach"


def metrics(stack: Stack) -> str:
    """Metrics are read on their own port from the network of scimd and the proxy, and not through the proxy."""
    read = stack.inside("proxy", "curl", "-fsS", "http://scimd:9464/metrics")
    require('tenant="demo"' in read, f"the metrics do not know the tenant:\n{read[:500]}")
    stack.client.expect(404, "GET", "/metrics")
    return f"{len(read.splitlines())} lines"


def slow_clients(stack: Stack) -> str:
    """200 half-sent requests are held open while others are answered within a second; then they are shut out."""
    client = stack.client
    head = f"POST {BASE}/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.token}\r\n"
    body = head + 'Content-Type: application/scim+json\r\nContent-Length: 500\r\n\r\n{"schemas"'
    held = [client.half_sent((head if number % 2 else body).encode()) for number in range(HALF_SENT)]
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda number: mixed(client, "meanwhile", number), range(100)))
    wrong = [answer for answer in done if answer.status >= 400]
    require(not wrong, f"{len(wrong)} of the others failed: {wrong[:2]}")
    worst = max(answer.seconds for answer in done)
    require(worst < 1.0, f"with {HALF_SENT} half-sent requests, one of the others took {worst:.2f} s")
    require(time.monotonic() - began < 8.0, "the others took so long that the half-sent ones were gone")
    for connection in held:
        connection.settimeout(15)
        try:
            while connection.recv(65_536):
                pass
        except ConnectionResetError:
            pass
        except TimeoutError:
            raise CheckFailed("a half-sent request is still held after 15 seconds") from None
        connection.close()
    shut = time.monotonic() - began
    return f"{HALF_SENT} half-sent: 100 others answered, slowest {worst * 1000:.0f} ms; all shut out after {shut:.0f} s"


def refusals(stack: Stack) -> str:
    """What the proxy refuses, it refuses in SCIM's words."""
    client = stack.client
    start = f"Host: x\r\nConnection: close\r\nAuthorization: Bearer {client.token}\r\n"
    size = "Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n"
    cases = {
        413: f"POST {BASE}/Users HTTP/1.1\r\n{start}{size.format(5 * 1024 * 1024 + 1)}",
        414: f"GET {BASE}/Users?filter={'a' * 9000} HTTP/1.1\r\n{start}\r\n",
        431: f"GET {BASE}/Users HTTP/1.1\r\n{start}X-Long: {'a' * 9000}\r\n\r\n",
        400: f"GET {BASE}/Users HTTP/1.1\r\nConnection: close\r\nHost: x\r\nHost: y\r\n\r\n",
        405: f"TRACE {BASE}/Users HTTP/1.1\r\n{start}\r\n",
        404: f"GET /nothing HTTP/1.1\r\n{start}\r\n",
    }
    for status, request in cases.items():
        head, _, body = client.raw(request.encode()).partition(b"\r\n\r\n")
        require(head.startswith(f"HTTP/1.1 {status} ".encode()), f"instead of {status}: {head[:100]!r}")
        require(b"application/scim+json" in head, f"{status} is {head!r}")
        said = json.loads(body)
        require(said["status"] == str(status), f"{status} says {said}")
    big = client.send("POST", f"{BASE}/Users", b" " * (MOST_BYTES + 1))
    require(big.status == 413 and big.json()["status"] == "413", f"a body of more than {MOST_BYTES} bytes: {big}")
    return f"{', '.join(str(status) for status in sorted(cases))} as SCIM Errors"


def reload(stack: Stack) -> str:
    """A SIGHUP under load fails no request."""
    with Load(lambda number: mixed(stack.client, "reload", number), 25) as load:
        time.sleep(2)
        stack.compose("kill -s HUP scimd")
        time.sleep(6)
    return "SIGHUP at 25/s: " + load.require_none_failed("SIGHUP")


def outages(stack: Stack) -> str:
    """Without MongoDB, and without scimd, the answer is a SCIM 503; with them, all is well again."""
    client = stack.client
    stack.compose("stop mongodb")
    stack.wait("/readyz says 503", lambda: client.send("GET", "/readyz").status == 503)
    client.expect(200, "GET", "/healthz")
    stack.compose("start mongodb")
    database = stack.wait("/readyz says 200", lambda: client.send("GET", "/readyz").status == 200)
    stack.compose("stop scimd")
    answer = client.expect(503, "GET", match("first"))
    require(answer.json()["status"] == "503" and answer.headers.get("Retry-After"), f"{answer}")
    stack.compose("start scimd")
    scimd = stack.wait("scimd answers again", lambda: client.send("GET", "/readyz").status == 200)
    require(find(client, "first").json()["totalResults"] == 1, "the user is gone")
    return f"503 in SCIM's words; ready again {database:.1f} s after MongoDB's start, {scimd:.1f} s after scimd's"


def stopped_gracefully(stack: Stack) -> str:
    """Every container that was told to stop ended by itself, with status 0."""
    for service in LONG_RUNNING:
        state = stack.inspect(service)["State"]
        require(state["ExitCode"] == 0, f"{service} ended with {state['ExitCode']}:\n{stack.log(service)[-1500:]}")
    return ", ".join(f"{service} 0" for service in LONG_RUNNING)
