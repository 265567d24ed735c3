"""The door over HTTP, under gunicorn with several workers: what is refused, how fast a revocation works, what is logged."""

import json
import socket
import time
from urllib.parse import urlsplit

import pytest
import requests

from app.auth.limits.rate_limits import ROOM
from tests.conftest import make_server, new_database, spend
from tests.processes import until

SCIM_ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


def is_refused(answer, *, sent):
    assert answer.status_code == 401, answer.text
    assert answer.headers["WWW-Authenticate"] == ('Bearer error="invalid_token"' if sent else 'Bearer realm="scimd"')
    assert answer.headers["Content-Type"] == "application/scim+json"
    body = answer.json()
    assert (body["schemas"], body["status"]) == ([SCIM_ERROR], "401")
    return body


@pytest.fixture(scope="module")
def tenant(live_server):
    """The SCIM URL of a tenant with a token."""
    return live_server.create_tenant("door")


def test_b1_credentials_that_are_none(tenant):
    url, token = tenant
    bodies = [is_refused(requests.get(f"{url}/Users", headers=headers, timeout=30), sent=sent) for headers, sent in (
        ({}, False),
        ({"Authorization": ""}, False),
        ({"Authorization": "Bearer"}, False),
        ({"Authorization": f"Basic {token}"}, False),
        ({"Authorization": "Basic \xe9"}, False),
        ({"Authorization": f"Token {token}"}, False),
        ({"Authorization": token}, False),
        ({"Authorization": f"Bearer {token[:-1]}"}, True),
        ({"Authorization": f"Bearer {token}0"}, True),
        ({"Authorization": f"Bearer {token} {token}"}, True),
        ({"Authorization": f"Bearer Bearer {token}"}, True),
        ({"Authorization": "Bearer undefined"}, True),
        ({"X-Authorization": f"Bearer {token}"}, False),
        ({"Proxy-Authorization": f"Bearer {token}"}, False),
        ({"Cookie": f"token={token}; access_token={token}; Authorization=Bearer {token}"}, False),
    )]
    assert [body for body in bodies if body != bodies[0]] == []
    assert requests.get(f"{url}/Users", headers={"Authorization": f"bEARER {token}"}, timeout=30).status_code == 200


@pytest.mark.parametrize(("path", "status"), [("nothing", 404), ("changes", 401), ("oauth/token", 405), ("scim/v2/Schemas", 401)])
def test_b1_basic_with_other_letters_than_ascii_is_no_failure(tenant, path, status):
    url, _ = tenant
    answer = requests.get(url.replace("scim/v2", path), headers={"Authorization": "Basic \xe9"}, timeout=30)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("name", ["access_token", "token", "bearer", "Authorization"])
def test_b1_a_token_in_the_url_or_in_a_form_is_none(tenant, name):
    url, token = tenant
    is_refused(requests.get(f"{url}/Users", params={name: token}, timeout=30), sent=False)
    is_refused(requests.post(f"{url}/Users", data={name: token}, timeout=30), sent=False)


@pytest.mark.parametrize("names", [("Authorization", "Authorization"), ("authorization", "AUTHORIZATION")])
def test_b1_two_headers(tenant, names):
    url, token = tenant
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as line:
        headers = "".join(f"{name}: Bearer {token}\r\n" for name in names)
        line.sendall(f"GET {parts.path}/Users HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n".encode())
        answer = b"".join(iter(lambda: line.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
@pytest.mark.parametrize("path", ["/Users", "/Users/x", "/Nothing", "/Nothing/x/y", "/Bulk", "/Me", "/.search", "/", ""])
def test_b2_401_before_all_else(tenant, method, path):
    url, _ = tenant
    for credential in (None, "Bearer wrong"):
        headers = {"Content-Type": "text/plain"} | ({"Authorization": credential} if credential else {})
        answer = requests.request(method, url + path, headers=headers, data="{broken", timeout=30)
        assert answer.status_code == 401, (method, path)


@pytest.mark.parametrize("path", [
    "//Users", "/./Users", "/x/../Users", "/%55sers", "/Users%2F", "/users", "/USERS", "/Users;x", "/Users?x=/ServiceProviderConfig",
    "/ServiceProviderConfig/../Users", "/Schemas/../Users", "/Users/ServiceProviderConfig", "/ServiceProviderConfig/Users",
    "/ServiceProviderConfig%2F..%2FUsers", "/Users%00", "/Users%0a", "/Users#x", "/%2e%2e/v2/Users", "/.search?x=/Schemas",
])
def test_b3_odd_paths_without_a_token(tenant, path):
    url, _ = tenant
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as line:
        line.sendall(f"GET {parts.path}{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: line.recv(65_536), b""))
    assert answer.split()[1] in (b"400", b"401", b"404"), answer
    assert b"Resources" not in answer


@pytest.mark.parametrize("path", ["/door/SCIM/v2/Users", "/DOOR/scim/v2/Users", "/door/scim/V2/Users", "/door//scim//v2//Users",
                                  "//door/scim/v2/Users", "/door/scim/v2.0/Users", "/door%2fscim/v2/Users", "/scim/v2/Users"])
def test_b3_odd_beginnings_without_a_token(live_server, tenant, path):
    answer = requests.get(live_server.url + path, timeout=30)
    assert answer.status_code in (400, 401, 404)
    assert "Resources" not in answer.text


def test_the_config_is_open_but_not_for_a_wrong_token(tenant):
    url, token = tenant
    assert requests.get(f"{url}/ServiceProviderConfig", timeout=30).status_code == 200
    wrong = requests.get(f"{url}/ServiceProviderConfig", headers={"Authorization": "Bearer x"}, timeout=30)
    is_refused(wrong, sent=True)
    nobody = requests.get(url.replace("/door/", "/nobody/") + "/ServiceProviderConfig", timeout=30)
    assert nobody.status_code == 200
    assert nobody.text.replace("/nobody/", "/door/") == requests.get(f"{url}/ServiceProviderConfig", timeout=30).text


def test_a_reading_token_cannot_write(live_server, tenant):
    url, _ = tenant
    reader = live_server.command("token", "issue", "door", "--scope", "scim.read").strip()
    headers = {"Authorization": f"Bearer {reader}"}
    assert requests.get(f"{url}/Users", headers=headers, timeout=30).status_code == 200
    search = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]}
    assert requests.post(f"{url}/.search", headers=headers, json=search, timeout=30).status_code == 200
    for method, path in (("POST", "/Users"), ("PUT", "/Users/x"), ("PATCH", "/Users/x"), ("DELETE", "/Users/x"), ("POST", "/Bulk"),
                         ("DELETE", "/Users/.search"), ("PUT", "/Users/.search")):
        answer = requests.request(method, url + path, headers=headers, json={"userName": "x"}, timeout=30)
        assert answer.status_code == 403, (method, path)
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="scim.write"'
        assert answer.json()["status"] == "403"


def test_b44_a_revocation_takes_effect_within_five_seconds_on_every_worker(live_server, tenant):
    url, _ = tenant
    issued = json.loads(live_server.command("token", "issue", "door", "--json"))

    def asked():
        # A connection of its own each time, so that every worker gets its share.
        headers = {"Authorization": f"Bearer {issued['token']}", "Connection": "close"}
        return requests.get(f"{url}/Users", headers=headers, timeout=30).status_code

    assert {asked() for _ in range(40)} == {200}
    live_server.command("token", "revoke", issued["id"])
    revoked = time.monotonic()
    while time.monotonic() - revoked < 5:
        asked()
        time.sleep(0.25)
    assert {asked() for _ in range(40)} == {401}


def test_a_suspended_tenant_is_403_and_keeps_its_data(live_server):
    url, token = live_server.create_tenant("sleeper", profile="entra")
    headers = {"Authorization": f"Bearer {token}"}
    created = requests.post(f"{url}/Users", headers=headers, json={
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ann"}, timeout=30)
    assert created.status_code == 201
    live_server.command("tenant", "suspend", "sleeper")

    def send(method, path):
        return requests.request(method, f"{url}{path}", headers=headers, timeout=30)

    for method in ("GET", "POST", "DELETE"):  # each worker remembers a tenant for some seconds, and either may answer
        until(lambda method=method: send(method, "/Users").status_code == 403)
    live_server.command("tenant", "resume", "sleeper")
    path = f"/Users/{created.json()['id']}"
    until(lambda: send("GET", path).status_code == 200)
    until(lambda: send("GET", path).json().get("userName") == "ann")


def test_fa_39_discovery_of_a_suspended_tenant_is_refused_like_all_else(live_server):
    url, token = live_server.create_tenant("rfc-sleeper", profile="rfc")
    paths = ("/Schemas", "/ResourceTypes", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", "/ResourceTypes/User")
    assert all(requests.get(url + path, timeout=30).status_code == 200 for path in paths)
    live_server.command("tenant", "suspend", "rfc-sleeper")
    answers = [requests.get(url + path, timeout=30) for path in paths]
    answers.append(requests.get(f"{url}/Schemas", headers={"Authorization": f"Bearer {token}"}, timeout=30))
    assert {(answer.status_code, answer.text) for answer in answers} == {(403, answers[-1].text)}
    assert requests.get(f"{url}/ServiceProviderConfig", timeout=30).status_code == 200  # the same of every tenant, or of none
    live_server.command("tenant", "resume", "rfc-sleeper")
    assert requests.get(f"{url}/Schemas", timeout=30).status_code == 200


def test_the_operator_learns_why(live_server):
    url, _ = live_server.create_tenant("why")
    issued = json.loads(live_server.command("token", "issue", "why", "--expires", "1s", "--label", "entra-prod", "--json"))
    time.sleep(1.1)
    is_refused(requests.get(f"{url}/Users", headers={"Authorization": f"Bearer {issued['token']}"}, timeout=30), sent=True)
    shown = live_server.command("events", "why", "--failed")
    assert f'(id {issued["id"]}, label "entra-prod")' in shown
    assert "token: expired" in shown
    event = json.loads(live_server.command("events", "why", "--failed", "--json").splitlines()[-1])
    assert event["status"] == 401
    assert event["checks"][-1]["name"] == "expiry"
    assert not event["checks"][-1]["passed"]
    assert "token: expired" in live_server.command("tenant", "show", "why")
    for printed in (shown, json.dumps(event)):
        assert issued["token"] not in printed


def test_the_token_endpoint(live_server, tenant):
    url, _ = tenant
    made = json.loads(live_server.command("client", "create", "door", "--json"))
    grant = {"grant_type": "client_credentials"}
    given = requests.post(made["token_endpoint"], data=grant, auth=(made["client_id"], made["client_secret"]), timeout=30)
    assert (given.status_code, given.headers["Cache-Control"]) == (200, "no-store")
    assert given.headers["Content-Type"] == "application/json"
    headers = {"Authorization": f"Bearer {given.json()['access_token']}"}
    assert requests.get(f"{url}/Users", headers=headers, timeout=30).status_code == 200
    refused = requests.post(made["token_endpoint"], data=grant | {"client_id": made["client_id"], "client_secret": "x"}, timeout=30)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert "client: wrong secret" in live_server.command("events", "door", "--failed")


@pytest.mark.parametrize("where", ["the URL alone", "the URL and the body"])
def test_a_secret_in_the_url_counts_for_nothing(live_server, tenant, where):
    """RFC 6749 section 2.3.1: never in the URI."""
    made = json.loads(live_server.command("client", "create", "door", "--json"))
    credentials = {"client_id": made["client_id"], "client_secret": made["client_secret"]}
    body = {"grant_type": "client_credentials"} | ({"client_id": made["client_id"]} if "body" in where else {})
    answer = requests.post(made["token_endpoint"], params=credentials, data=body, timeout=30)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    only_url = requests.post(made["token_endpoint"], params=credentials | {"grant_type": "client_credentials"}, timeout=30)
    assert only_url.status_code == 400


def test_a_token_request_by_another_method(live_server, tenant):
    answer = requests.get(f"{live_server.url}/door/oauth/token", timeout=30)
    assert (answer.status_code, answer.json()["error"]) == (405, "invalid_request")
    assert "POST" in answer.headers["Allow"]


def test_metadata_at_both_places(live_server, tenant):
    first = requests.get(f"{live_server.url}/.well-known/oauth-authorization-server/door", timeout=30)
    second = requests.get(f"{live_server.url}/door/.well-known/oauth-authorization-server", timeout=30)
    assert first.json() == second.json()
    assert first.json()["token_endpoint"] == f"{live_server.url}/door/oauth/token"


@pytest.fixture(scope="module")
def limited(tmp_path_factory, mongod_uri):
    """A server that takes 25 requests a second of a tenant."""
    server = make_server(tmp_path_factory.mktemp("limited"), SCIMD_RATE_LIMIT="25", SCIMD_MONGODB_URI=new_database(mongod_uri))
    server.start()
    yield server
    assert server.stop() == 0


def test_29_one_tenant_is_limited_and_another_is_not(limited):
    (url, token), (other_url, other_token) = limited.create_tenant(), limited.create_tenant()
    session, headers = requests.Session(), {"Authorization": f"Bearer {token}"}
    tenant = url.split("/")[3]
    spend(limited.database, tenant, ROOM + 100)  # four seconds more than a tenant may
    answers = [session.get(f"{url}/Users?count=0", headers=headers, timeout=30) for _ in range(12)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert refused[0].json()["schemas"] == [SCIM_ERROR]
    assert refused[0].json()["status"] == "429"
    assert int(refused[0].headers["Retry-After"]) >= 1
    lines = [json.loads(line) for line in limited.command("events", tenant, "--failed", "--json").splitlines()]
    assert [line["status"] for line in lines][:1] == [429]
    assert len(lines) <= 2, "one a minute is enough"
    assert "More than 25 requests a second" in lines[0]["detail"]
    other = requests.get(f"{other_url}/Users", headers={"Authorization": f"Bearer {other_token}"}, timeout=30)
    assert other.status_code == 200
    until(lambda: session.get(f"{url}/Users", headers=headers, timeout=30).status_code == 200)


def test_twenty_five_a_second_are_never_refused(limited):
    url, token = limited.create_tenant()
    session, began = requests.Session(), time.monotonic()
    statuses = set()
    for n in range(50):
        time.sleep(max(0.0, began + n / 24 - time.monotonic()))
        statuses.add(session.get(f"{url}/Users?count=0", headers={"Authorization": f"Bearer {token}"}, timeout=30).status_code)
    assert statuses == {200}


def test_api2_wrong_tokens_end_in_429_and_the_good_one_goes_on(limited):
    url, token = limited.create_tenant()
    session = requests.Session()
    statuses = []
    while 429 not in statuses and len(statuses) < 230:  # a 429 is half a second late
        statuses.append(session.get(f"{url}/Users", headers={"Authorization": "Bearer wrong"}, timeout=30).status_code)
    assert statuses[0] == 401
    assert 429 in statuses
    assert session.get(f"{url}/Users", headers={"Authorization": f"Bearer {token}"}, timeout=30).status_code == 200
