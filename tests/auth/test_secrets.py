"""No token, secret or Authorization value in any log: the watch over the whole run, and that it would bark."""

import base64
import math
import random
import re
import statistics
import time
from datetime import timedelta

import pytest
import requests

from app.store.accounts.clients import Clients
from app.store.accounts.tokens import Tokens
from tests.auth.issuer import running_issuer
from tests.auth.world import running_world
from tests.conftest import SECRET
from tests.processes import until


def test_the_watch_knows_what_to_look_for(mock_database):
    token, _ = Tokens(mock_database).issue("acme")
    _, secret = Clients(mock_database).create("acme", lifetime=timedelta(days=1))
    with running_issuer() as issuer:
        jwt = issuer.token()
    basic = base64.b64encode(f"client_1:{secret}".encode()).decode()
    for text in (token, secret, jwt, f"Authorization: Basic {basic}", f"'Authorization', 'Bearer {token}'"):
        assert SECRET.search(f"x {text} y".encode())


def test_no_module_names_a_secret_in_a_log_call(pytestconfig):
    calls = re.compile(r"log\.\w+\(.*\b(secret|token|authorization|password|body|headers)\b", re.IGNORECASE)
    for path in (pytestconfig.rootpath / "app").rglob("*.py"):
        assert not calls.search(path.read_text()), path


def test_a_server_that_is_shown_secrets_everywhere_logs_none(live_server):
    """In headers, URLs, bodies and fields that they do not belong in, with good and with bad outcomes."""
    url, token = live_server.create_tenant()
    base = url.rpartition("/scim/")[0]
    secret = "scimd_secret_" + "5" * 64
    for credential in (f"Bearer {token}", f"Bearer {token[:-1]}", f"Basic {token}", f"Bearer {token},Bearer {token}"):
        headers = {"Authorization": credential, "X-Request-Id": token[:60], "User-Agent": token, "Referer": f"http://x/?t={token}"}
        for path in ("/Users", f"/Users/{token}", f"/Users?filter=userName eq \"{token}\"", f"/{token}", f"/Users?access_token={token}"):
            requests.get(url + path, headers=headers, timeout=30)
            requests.post(url + path, headers=headers, data=token, timeout=30)
            requests.post(url + path, headers=headers, json={"userName": token, "password": secret}, timeout=30)
    for form in ({"client_id": secret, "client_secret": token}, {"client_id": "x", "client_secret": secret},
                 {"client_assertion": token, "client_assertion_type": secret}, {"client_assertion": token, "client_id": token}):
        requests.post(f"{base}/oauth/token", data={"grant_type": "client_credentials"} | form, params={"secret": secret}, timeout=30)
    until(lambda: b"oauth/token" in live_server.log.read_bytes())
    assert SECRET.search(live_server.log.read_bytes()) is None
    name = base.rpartition("/")[2]
    events = live_server.command("events", name, "--failed", "--json")
    assert "authenticate" in events
    signed_in = "\n".join(line for line in events.splitlines() if '"authenticate"' in line)
    assert SECRET.search(signed_in.encode()) is None


@pytest.mark.long
def test_timing_tells_nothing(mongod):
    """Reliability 4.3: no such token, a wrong secret, expired, of another tenant: what a client sees takes the same time."""
    with running_world(mongod) as world:
        tokens = Tokens(world.database)
        good, _ = tokens.issue("acme")
        expired, _ = tokens.issue("acme", lifetime=timedelta(milliseconds=1))
        kinds = {
            "no such token": f"scimd_{'0' * 12}_{'0' * 64}", "no token at all": "garbage", "expired": expired,
            "wrong secret": good[:-1] + ("0" if good[-1] != "0" else "1"), "foreign": tokens.issue("globex")[0],
        }
        times = {kind: [] for kind in kinds}
        for turn in range(520):
            for kind, token in random.sample(list(kinds.items()), len(kinds)):
                began = time.perf_counter()
                assert world.ask("GET", "Users", token=token).status_code == 401
                if turn >= 20:
                    times[kind].append(time.perf_counter() - began)
    first = times.pop("no such token")
    for kind, values in times.items():
        apart = abs(statistics.median(first) - statistics.median(values))
        assert apart < 50e-6 or chance(first, values) > 0.001, (kind, apart)


def chance(one, other):
    """Return how likely it is that both come from one distribution (Mann-Whitney U, normal approximation)."""
    ranked = sorted([(value, 0) for value in one] + [(value, 1) for value in other])
    ranks = sum(rank for rank, (_, side) in enumerate(ranked, 1) if side == 0)
    n, m = len(one), len(other)
    spread = math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(abs(ranks - n * (n + m + 1) / 2) / spread / math.sqrt(2))
