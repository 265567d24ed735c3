"""What fails at the endpoints that apps ask by themselves is told in the form of OAuth, whatever it is."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from app.store.accounts.clients import Clients
from app.store.accounts.shared_buckets import SharedBuckets
from tests.sign_on.provider.world import World

ENDPOINTS = ("/oauth/token", "/oauth/userinfo", "/oauth/jwks", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")
FORM = "application/x-www-form-urlencoded"


def oauth_error(answer, status):
    """Check that an answer is an error in the form of RFC 6749 section 5.2, and return its code."""
    assert answer.status_code == status, answer.data
    assert answer.mimetype == "application/json"
    assert set(answer.json) == {"error", "error_description"}
    assert all(isinstance(text, str) and text for text in answer.json.values())
    assert "no-store" in answer.headers["Cache-Control"]
    return answer.json["error"]


@pytest.mark.parametrize("path", [
    "/oauth", "/oauth/", "/oauth/introspect", "/oauth/token/more", "/oauth/jwks.json", "/oauth/authorize/x", "/oauth/x%0Ay",
])
def test_sso_106_an_unknown_path_of_oauth_is_no_error_of_scim(world, path):
    for tenant in ("contoso", "nobody", "No%20Name"):
        for method in ("GET", "POST", "DELETE", "OPTIONS"):
            answer = world.app.test_client().open(f"/{tenant}{path}", method=method)
            assert oauth_error(answer, 404) == "invalid_request"


@pytest.mark.parametrize("path", ENDPOINTS)
def test_sso_106_a_method_that_an_endpoint_does_not_have(world, path):
    for method in ("PUT", "PATCH", "DELETE", "TRACE", "X"):
        answer = world.app.test_client().open(f"/contoso{path}", method=method)
        assert oauth_error(answer, 405) == "invalid_request"
        assert ("POST" if path == "/oauth/token" else "GET") in answer.headers["Allow"]


def test_sso_106_the_token_endpoint_has_only_post(world):
    answer = world.app.test_client().get("/contoso/oauth/token")
    assert (oauth_error(answer, 405), answer.headers["Allow"]) == ("invalid_request", "OPTIONS, POST")


def test_sso_106_options_needs_no_credential_and_names_the_methods(world):
    answer = world.app.test_client().options("/contoso/oauth/token")
    assert (answer.status_code, answer.headers["Allow"], answer.data) == (204, "OPTIONS, POST", b"")


def test_sso_106_a_token_request_that_is_too_long(world):
    answer = world.app.test_client().post("/contoso/oauth/token", data=b"x" * 70_000, content_type=FORM)
    assert oauth_error(answer, 413) == "invalid_request"


@pytest.mark.parametrize("path", ENDPOINTS[:3])
def test_sso_106_without_a_database_the_answer_is_503(world, fault, path):
    world.app.test_client().get("/contoso/oauth/jwks")
    form = {"grant_type": "authorization_code", "client_id": world.portal.id, "client_secret": world.secret, "code": "x"}
    token = f"scimd_at_{'0' * 12}_{'0' * 64}"
    with fault(["find", "aggregate"], "alwaysOn", errorCode=11600), world.database.budget(0.5):  # a request has 20 seconds
        client = world.app.test_client()
        answer = client.post(f"/contoso{path}", data=form) if path == "/oauth/token" else client.get(
            f"/contoso{path}", headers={"Authorization": f"Bearer {token}"})
    assert oauth_error(answer, 503) == "temporarily_unavailable"
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(("bucket", "request_of"), [
    ("wrong:127.0.0.1", lambda world, client: {"client_id": world.portal.id, "client_secret": "wrong"}),
    ("tokens:contoso", lambda world, client: client),
    ("apps:contoso", lambda world, client: {"client_id": world.portal.id, "client_secret": world.secret}),
])
def test_sso_106_too_many_token_requests(reused_database, bucket, request_of):
    world = World(reused_database, SCIMD_RATE_LIMIT="100")
    client, secret = Clients(world.database).create("contoso", lifetime=timedelta(days=1))[:2]
    SharedBuckets(world.database).add(bucket, 1_000_000, 1.0, time.time())
    form = {"grant_type": "client_credentials"} | request_of(world, {"client_id": client.id, "client_secret": secret})
    answer = world.app.test_client().post("/contoso/oauth/token", data=form)
    assert oauth_error(answer, 429) == "temporarily_unavailable"
    assert int(answer.headers["Retry-After"]) > 0


def test_sso_106_a_bug_has_a_reference_and_nothing_else(world, monkeypatch, caplog):
    service = world.app.extensions["scimd"]
    monkeypatch.setitem(world.app.extensions, "scimd", replace(service, token=lambda request: 1 / 0))
    answer = world.app.test_client().post("/contoso/oauth/token", data={"grant_type": "x"})
    assert oauth_error(answer, 500) == "server_error"
    assert answer.headers["X-Request-Id"] in answer.json["error_description"]
    assert "ZeroDivisionError" in caplog.text and "division" not in answer.text
