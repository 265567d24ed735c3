"""Requests with a token, with an OAuth access token and with an Entra-issued JWT, side by side.

    python -m bench.auth                   about half a minute

The same request is sent with each of them, by turns; all kinds must be within 1.25 times of each other. What a worker
has not seen within four seconds it checks in full, a signature among them, so that the figures hold the price of that.
It is processor time that is compared, of master and workers, since it hardly depends on what else the machine does.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from app.auth import TokenEndpoint, TokenRequest
from app.store.accounts.clients import Clients
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.accounts.trusts import Trusts
from app.store.mongo.database import connect
from bench.client import Client, Round
from bench.processes import gunicorn, mongod
from tests.auth.issuer import AUDIENCE, running_issuer

GOAL = 1.25
ROUNDS = 15


@dataclass(frozen=True)
class Probe:
    """The request of Entra's Test Connection, with one credential."""

    token: str
    expected: ClassVar[bytes] = b'"totalResults":0'

    def __call__(self, connection: int, turn: int) -> bytes:
        """Give the request."""
        return (
            "GET /bench/scim/v2/Users?filter=userName+eq+%22nobody%22 HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {self.token}\r\n\r\n"
        ).encode()


def main() -> int:
    """Measure, print, and give 1 where the goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.auth", description="Compare the kinds of credentials.")
    parser.add_argument("--seconds", type=float, default=0.7, help="for each turn of a kind (default: 0.7)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, mongod(Path(folder)) as database, running_issuer() as who:
        probes = _credentials(database.uri, who)
        environment = {"SCIMD_MONGODB_URI": database.uri, "SCIMD_RATE_LIMIT": "off"}
        log = Path(folder) / "scimd.log"
        with gunicorn("app:create_app()", environment, log, "/readyz") as server, Client() as client:
            rates: dict[str, list[float]] = {kind: [] for kind in probes}
            costs: dict[str, list[float]] = {kind: [] for kind in probes}
            for turn in range(ROUNDS + 1):
                order = list(probes.items())
                for kind, probe in order[turn % 3 :] + order[: turn % 3]:
                    before = server.cpu_seconds()
                    outcome = client.run(Round(server.port, probe, seconds=options.seconds))
                    if outcome.failure:
                        raise SystemExit(f"{kind}: {outcome.failure}")
                    if turn:  # the first one warms up
                        rates[kind].append(outcome.rate)
                        costs[kind].append((server.cpu_seconds() - before) / len(outcome.times))
    cost = {kind: statistics.median(values) for kind, values in costs.items()}
    for kind, seconds in cost.items():
        print(f"{kind:<20} {seconds * 1e6:6.0f} µs a request   {statistics.median(rates[kind]):6.0f} requests/s")
    ratio = max(cost.values()) / min(cost.values())
    print(f"cheapest to dearest  {ratio:6.2f} times, goal {GOAL}")
    return 0 if ratio <= GOAL else 1


def _credentials(uri: str, issuer: object) -> dict[str, Probe]:
    database = connect(uri)
    Tenants(database).create("bench", "gallery")
    token, _ = Tokens(database).issue("bench")
    client, secret = Clients(database).create("bench", lifetime=timedelta(days=1))
    body = f"grant_type=client_credentials&client_id={client.id}&client_secret={secret}".encode()
    access = TokenEndpoint(database).answer(TokenRequest("bench", body)).body["access_token"]
    Trusts(database).add("bench", "bearer", issuer=issuer.url, audiences=[AUDIENCE])  # type: ignore[attr-defined]
    jwt = issuer.token()  # type: ignore[attr-defined]
    database.close()
    return {"token": Probe(token), "OAuth access token": Probe(access), "JWT issued by Entra": Probe(jwt)}


if __name__ == "__main__":
    raise SystemExit(main())
