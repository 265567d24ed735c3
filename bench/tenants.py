"""What a worker keeps in memory of many tenants: each has its users, and its share of Entra's requests.

    python -m bench.tenants --tenants 5000 --users 20
"""

from __future__ import annotations

import argparse
import http.client
import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.mongo.database import connect
from bench.processes import memory, serve

CLIENTS = 8


def main() -> int:
    """Serve the tenants and print the memory of the worker after each tenth of them; 1 where it is over the goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tenants", type=int, default=5_000)
    parser.add_argument("--users", type=int, default=20, help="of each tenant")
    parser.add_argument("--goal", type=float, default=150.0, help="MB")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        settings = {"SCIMD_WORKERS": "1", "SCIMD_RATE_LIMIT": "off", "SCIMD_METRICS_BIND": "127.0.0.1:19464"}
        with serve(folder, settings, folder / "server.log") as server:
            database = connect(server.uri)
            (worker,) = (pid for pid in server.workers() if "keeper" not in Path(f"/proc/{pid}/cmdline").read_text())
            print(f"{0:>6} tenants {memory(worker):6.1f} MB", flush=True)
            step = max(options.tenants // 10, 1)
            for first in range(0, options.tenants, step):
                numbers = range(first, min(first + step, options.tenants))
                with ThreadPoolExecutor(CLIENTS) as pool:
                    shares = [numbers[part::CLIENTS] for part in range(CLIENTS)]
                    list(pool.map(lambda share: _live(database, server.port, share, options.users), shares))
                print(f"{numbers[-1] + 1:>6} tenants {memory(worker):6.1f} MB", flush=True)
            return int(memory(worker) > options.goal)


def _live(database: Any, port: int, numbers: range, users: int) -> None:
    for number in numbers:
        tenant = f"tenant-{number}"
        Tenants(database).create(tenant, ("gallery", "entra", "rfc")[number % 3])
        token, _ = Tokens(database).issue(tenant)
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for method, path, body in _requests(number, users):
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json"}
            line.request(method, f"/{tenant}/scim/v2{path}", json.dumps(body) if body else None, headers)
            answer = line.getresponse()
            text = answer.read()
            if answer.status not in (200, 201, 204):
                raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]!r}")
        line.close()


def _requests(number: int, users: int) -> list[tuple[str, str, Any]]:
    """Return what a tenant is sent: its users, looked for by name before they are created, a group, and a look back."""
    core = "urn:ietf:params:scim:schemas:core:2.0"
    names = [f"user{user}@tenant{number}.example.com" for user in range(users)]
    asked: list[tuple[str, str, Any]] = [("GET", "/Schemas", None)]
    for name in names:
        person = {
            "schemas": [f"{core}:User"], "userName": name, "displayName": name, "active": True,
            "name": {"givenName": "Given", "familyName": "Family", "formatted": name},
            "emails": [{"type": "work", "value": name, "primary": True}],
        }
        asked += [("GET", f"/Users?filter=userName%20eq%20%22{name}%22", None), ("POST", "/Users", person)]
    asked.append(("POST", "/Groups", {"schemas": [f"{core}:Group"], "displayName": "Everybody"}))
    asked += [("GET", "/Groups?excludedAttributes=members&filter=displayName%20eq%20%22Everybody%22", None)]
    return [*asked, ("GET", "/Users?count=100", None)]


if __name__ == "__main__":
    raise SystemExit(main())
