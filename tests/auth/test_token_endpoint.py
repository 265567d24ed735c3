"""The token endpoint: RFC 6749 to the letter (B42), and workload identity federation (B43)."""

import base64
import logging
import time
from datetime import timedelta
from urllib.parse import quote, urlencode

import pytest

from app.auth import TokenEndpoint, TokenRequest, metadata
from app.auth.client_authentication import ASSERTION_TYPE
from app.store.accounts.clients import Clients
from app.store.accounts.tokens import Tokens
from app.store.accounts.trusts import Conditions
from tests.auth.issuer import APP, AUDIENCE, SUBJECT


@pytest.fixture
def clients(database, tenants):
    return Clients(database)


@pytest.fixture
def client(clients):
    """A client and its secret."""
    return clients.create("acme", lifetime=timedelta(days=365), label="entra")


@pytest.fixture
def endpoint(database, tenants, clock):
    return TokenEndpoint(database, clock=clock)


@pytest.fixture
def ask(endpoint):
    def ask(parameters, authorization="", tenant="acme", **changes):
        body = parameters if isinstance(parameters, bytes) else urlencode(parameters).encode()
        return endpoint.answer(TokenRequest(tenant, body, authorization=authorization, **changes))

    return ask


GRANT = {"grant_type": "client_credentials"}


def basic(client_id, secret):
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def in_body(client):
    return {"client_id": client[0].id, "client_secret": client[1]}


def is_error(answer, status, error):
    assert (answer.status, answer.body["error"]) == (status, error)
    assert set(answer.body) == {"error", "error_description"}
    assert answer.body["error_description"].isascii()
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "application/json"
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert answer.refusal or status == 403
    return True


@pytest.mark.parametrize("way", ["header", "body"])
def test_an_access_token(ask, client, way, authenticator):
    given = ask(GRANT, basic(client[0].id, client[1])) if way == "header" else ask(GRANT | in_body(client))
    assert given.status == 200
    token = given.body.pop("access_token")
    assert given.body == {"token_type": "Bearer", "expires_in": 3600, "scope": "scim.read scim.write"}
    assert given.headers == {"Content-Type": "application/json", "Cache-Control": "no-store", "Pragma": "no-cache"}
    principal = authenticator.authenticate("acme", token)
    assert (principal.kind, principal.label) == ("access token", "entra")
    assert len(token) < 100


def test_encoded_in_the_header(ask, client):
    """RFC 6749 section 2.3.1: id and secret are form-encoded before they are joined."""
    encoded = basic(quote(client[0].id, safe=""), client[1].replace("_", "%5F"))
    assert ask(GRANT, encoded).status == 200


def test_scheme_in_any_case_and_charset_in_the_type(ask, client):
    assert ask(GRANT, basic(client[0].id, client[1]).replace("Basic", "bASIC")).status == 200
    for content_type in ("application/x-www-form-urlencoded; charset=utf-8", "Application/X-WWW-Form-URLEncoded"):
        assert ask(GRANT | in_body(client), content_type=content_type).status == 200


def test_unknown_parameters_and_empty_ones_are_ignored(ask, client):
    assert ask(GRANT | in_body(client) | {"resource": "x", "scope": "", "client_assertion": ""}).status == 200


def test_expires_in_as_the_client_is_set_up(ask, clients, clock, authenticator):
    client = clients.create("acme", lifetime=timedelta(days=1), token_lifetime=timedelta(hours=6))
    given = ask(GRANT | in_body(client))
    assert given.body["expires_in"] == 21_600
    clock.forward(21_590)
    assert authenticator.authenticate("acme", given.body["access_token"])
    clock.forward(10)
    with pytest.raises(Exception, match="credential"):
        authenticator.authenticate("acme", given.body["access_token"])


@pytest.mark.parametrize(("asked", "granted"), [
    ("scim.read", "scim.read"), ("scim.write scim.read", "scim.read scim.write"), ("scim.read scim.read", "scim.read"),
])
def test_scope(ask, client, authenticator, asked, granted):
    given = ask(GRANT | in_body(client) | {"scope": asked})
    assert given.body["scope"] == granted
    assert authenticator.authenticate("acme", given.body["access_token"]).scopes == set(granted.split())


@pytest.mark.parametrize("asked", ["scim.admin", "scim.read openid", "SCIM.READ", "https://graph.microsoft.com/.default"])
def test_scope_that_is_not_there(ask, client, asked):
    assert is_error(ask(GRANT | in_body(client) | {"scope": asked}), 400, "invalid_scope")


def test_scope_that_the_client_does_not_have(ask, clients):
    client = clients.create("acme", lifetime=timedelta(days=1), scopes=["scim.read"])
    assert ask(GRANT | in_body(client)).body["scope"] == "scim.read"
    assert is_error(ask(GRANT | in_body(client) | {"scope": "scim.write"}), 400, "invalid_scope")


def test_b42_wrong_secret_unknown_client_and_foreign_client_look_alike(ask, client, clients):
    foreign = clients.create("globex", lifetime=timedelta(days=1))
    answers = [
        ask(GRANT, basic(client[0].id, client[1][:-1])),
        ask(GRANT | {"client_id": client[0].id, "client_secret": "x"}),
        ask(GRANT | {"client_id": client[0].id}),
        ask(GRANT | {"client_secret": client[1]}),
        ask(GRANT, basic("client_0000000000000000", client[1])),
        ask(GRANT | in_body(foreign)),
        ask(GRANT | in_body(client), tenant="globex"),
        ask(GRANT | in_body(client), tenant="nobody"),
        ask(GRANT),
        ask(GRANT, "Bearer x"),
        ask(GRANT, "Basic !!"),
        ask(GRANT, "Basic"),
        ask(GRANT, "Basic " + base64.b64encode(b"\xff:\xff").decode()),
        ask(GRANT, "Basic " + base64.b64encode(b"nocolon").decode()),
        ask(GRANT, basic(client[0].id, "")),
    ]
    assert all(is_error(answer, 401, "invalid_client") for answer in answers)
    assert len({repr((answer.body, answer.headers)) for answer in answers}) == 1


def test_the_operator_learns_why(ask, client, clients):
    foreign = clients.create("globex", lifetime=timedelta(days=1))
    for given, reason in (
        ({"client_id": client[0].id, "client_secret": "x"}, f'client: wrong secret (id {client[0].id}, label "entra")'),
        ({"client_id": "who", "client_secret": "x"}, "client: unknown"),
        (in_body(foreign), f"client: of another tenant (id {foreign[0].id})"),
        ({}, "client: id or secret was not sent"),
    ):
        assert str(ask(GRANT | given).refusal) == reason
    swapped = ask(GRANT | {"client_id": client[1], "client_secret": client[0].id})
    assert client[1] not in repr(swapped.refusal)


@pytest.mark.parametrize(("parameters", "error"), [
    ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
    ({"grant_type": "password"}, "unsupported_grant_type"),
    ({"grant_type": "CLIENT_CREDENTIALS"}, "unsupported_grant_type"),
    ({"grant_type": "grünt\n\"\\"}, "unsupported_grant_type"),
    ({}, "invalid_request"),
    ({"grant_type": ""}, "invalid_request"),
])
def test_b42_grants(ask, client, parameters, error):
    assert is_error(ask(parameters | in_body(client)), 400, error)


@pytest.mark.parametrize("body", [
    b"grant_type=client_credentials&grant_type=client_credentials", b"grant_type=client_credentials&scope=&scope=",
    b"grant_type=client_credentials&client_id=a&client_id=b", b"\xff\xfe", b"grant_type=%ff", b"", b"&".join([b"a=b"] * 100),
    b'{"grant_type": "client_credentials"}',
])
def test_b42_bodies_that_cannot_be_read(ask, body):
    assert is_error(ask(body), 400, "invalid_request")


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data", ""])
def test_b42_other_media_types(ask, client, content_type):
    assert is_error(ask(GRANT | in_body(client), content_type=content_type), 400, "invalid_request")


def test_b42_credentials_twice(ask, client):
    header = basic(client[0].id, client[1])
    assert is_error(ask(GRANT | {"client_assertion": "x"}, header), 400, "invalid_request")
    assert is_error(ask(GRANT | in_body(client) | {"client_assertion": "x"}), 400, "invalid_request")


@pytest.mark.parametrize("parts", [("client_id", "client_secret"), ("client_id",), ("client_secret",)])
def test_n_01_credentials_sent_both_ways(ask, client, parts):
    form = {name: value for name, value in in_body(client).items() if name in parts}
    assert ask(GRANT | form, basic(client[0].id, client[1])).status == 200


def test_n_01_credentials_that_differ_are_refused(ask, client, clients):
    _, _, second = clients.rotate(client[0].id, timedelta(days=30))
    other = clients.create("acme", lifetime=timedelta(days=1))
    header = basic(client[0].id, client[1])
    for form in (in_body(other), {"client_id": client[0].id, "client_secret": second}, {"client_id": "other"}):
        answer = ask(GRANT | form, header)
        assert is_error(answer, 401, "invalid_client")
        assert str(answer.refusal) == "client: the Authorization header and the form have different credentials"
    assert is_error(ask(GRANT | in_body(client), "Bearer x"), 401, "invalid_client")


def test_rotation(ask, client, clients):
    _, row, second = clients.rotate(client[0].id, timedelta(days=30))
    assert ask(GRANT | in_body(client)).status == 200
    assert ask(GRANT | {"client_id": client[0].id, "client_secret": second}).status == 200
    clients.delete_secret(client[0].id, client[0].secrets[0].id)
    assert is_error(ask(GRANT | in_body(client)), 401, "invalid_client")
    assert ask(GRANT | {"client_id": client[0].id, "client_secret": second}).status == 200
    assert row.id != client[0].secrets[0].id


def test_b44_an_expired_secret(ask, client, clock):
    clock.forward(365 * 86_400 + 1)
    answer = ask(GRANT | in_body(client))
    assert is_error(answer, 401, "invalid_client")
    assert "expired 1 second ago" in str(answer.refusal)


def test_b44_a_deleted_clients_tokens_are_worthless(ask, client, clients, authenticator, clock):
    token = ask(GRANT | in_body(client)).body["access_token"]
    assert authenticator.authenticate("acme", token)
    clients.delete(client[0].id)
    clock.forward(5)
    with pytest.raises(Exception, match="credential"):
        authenticator.authenticate("acme", token)
    assert is_error(ask(GRANT | in_body(client)), 401, "invalid_client")


def test_an_access_token_is_of_one_tenant(ask, client, authenticator):
    token = ask(GRANT | in_body(client)).body["access_token"]
    with pytest.raises(Exception, match="credential"):
        authenticator.authenticate("globex", token)


def test_suspended_is_403_for_those_inside(ask, client, tenants):
    tenants.suspend("acme")
    assert is_error(ask(GRANT | in_body(client)), 403, "unauthorized_client")
    assert is_error(ask(GRANT | in_body(client) | {"client_secret": "x"}), 401, "invalid_client")


def test_no_token_and_no_secret_in_any_log(ask, client, caplog):
    with caplog.at_level(logging.DEBUG):
        token = ask(GRANT | in_body(client)).body["access_token"]
        ask(GRANT | in_body(client) | {"client_secret": "wrong-secret"})
    assert token not in caplog.text
    assert client[1] not in caplog.text
    assert "wrong-secret" not in caplog.text


def test_metadata():
    found = metadata("https://scim.example.com/acme")
    assert found["issuer"] == "https://scim.example.com/acme"
    assert found["token_endpoint"] == "https://scim.example.com/acme/oauth/token"
    assert found["grant_types_supported"] == ["client_credentials"]
    assert found["response_types_supported"] == []


# Workload identity federation.


@pytest.fixture
def trust(trusts, tenants, issuer):
    return trusts.add(
        "acme", Conditions("assertion", issuer=issuer.url, audiences=[f"api://{APP}", AUDIENCE], subject=SUBJECT), label="wif",
    )


def assertion(trust, token, **changes):
    given = GRANT | {"client_id": trust.id, "client_assertion_type": ASSERTION_TYPE, "client_assertion": token}
    return {name: value for name, value in (given | changes).items() if value is not ...}


@pytest.mark.parametrize("client_id", ["sent", "left out"])
def test_an_assertion_is_exchanged(ask, trust, issuer, authenticator, client_id):
    changes = {} if client_id == "sent" else {"client_id": ...}
    given = ask(assertion(trust, issuer.token(), **changes))
    assert given.status == 200
    assert given.body["expires_in"] == 3600
    principal = authenticator.authenticate("acme", given.body["access_token"])
    assert (principal.kind, principal.label) == ("access token", "wif")


@pytest.mark.parametrize("audience", [f"api://{APP}", AUDIENCE, [f"api://{APP}"]])
def test_one_of_the_audiences(ask, trust, issuer, audience):
    assert ask(assertion(trust, issuer.token(aud=audience))).status == 200


@pytest.mark.parametrize("given", [APP, f"api://{APP}", f"api://{APP}/.default", "api://scim"])
def test_n_02_one_audience_stands_for_its_three_forms(ask, trusts, tenants, issuer, given):
    name = "scim" if given == "api://scim" else APP
    trust = trusts.add("acme", Conditions("assertion", issuer=issuer.url, audiences=[given], subject=SUBJECT))
    for came in (f"api://{name}/.default", f"api://{name}", name, ["x", f"api://{name}"]):
        assert ask(assertion(trust, issuer.token(aud=came))).status == 200
        [stored] = trusts.of_tenant("acme")
        assert stored.audiences == (given,)
        assert stored.last_audience == (came if isinstance(came, str) else came[1])
    for came in (f"{name}/.default", f"api://{name}/", f"api://api://{name}", f"API://{name}", "", ["x"]):
        assert is_error(ask(assertion(trust, issuer.token(aud=came))), 401, "invalid_client")
    assert trusts.of_tenant("acme")[0].last_audience == f"api://{name}"


def test_n_02_an_audience_that_is_no_app_id_stands_for_itself(ask, trusts, tenants, issuer):
    trust = trusts.add(
        "acme", Conditions("assertion", issuer=issuer.url, audiences=["https://scim.example.com"], subject=SUBJECT),
    )
    assert ask(assertion(trust, issuer.token(aud="https://scim.example.com"))).status == 200
    assert ask(assertion(trust, issuer.token(aud="api://https://scim.example.com"))).status == 401


def test_n_02_the_last_audience_is_written_when_it_changes(ask, trust, issuer, database, monkeypatch):
    written = []
    update = type(database.db.trusts).update_one
    monkeypatch.setattr(type(database.db.trusts), "update_one", lambda self, *given, **more: (
        written.append(given[1]) if self.name == "trusts" and "lastAudience" in str(given) else None,
        update(self, *given, **more))[1])
    for _ in range(3):
        assert ask(assertion(trust, issuer.token())).status == 200
    assert written == [{"$set": {"lastAudience": AUDIENCE}}]


NOW = int(time.time())
WRONG = {
    "iss": {"iss": "https://login.microsoftonline.com/x/v2.0"},
    "aud": {"aud": f"api://{APP}/extra"},
    "no aud": {"aud": ...},
    "sub": {"sub": "another"},
    "no sub": {"sub": ...},
    "tid": {"tid": "99999999-2222-3333-4444-555555555555"},
    "exp": {"exp": NOW - 100},
    "no exp": {"exp": ...},
    "nbf": {"nbf": NOW + 86_400},  # collected long before it runs
    "kid": {"header": {"kid": "stranger"}},
    "no kid": {"header": {"kid": ...}},
    "foreign key": {"key": "stranger", "header": {"kid": "a"}},
    "RS384": {"header": {"alg": "RS384"}},
    "ID token": {"nonce": "x"},
}


@pytest.mark.parametrize("fault", WRONG)
def test_b43_wrong_assertions(ask, trust, issuer, fault):
    answer = ask(assertion(trust, issuer.token(**WRONG[fault])))
    assert is_error(answer, 401, "invalid_client")
    assert answer.refusal.kind == "assertion"


@pytest.mark.parametrize("changes", [
    {"client_id": "trust_0000000000000000"}, {"client_assertion_type": ...}, {"client_assertion": ...},
    {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"}, {"client_assertion": "x"},
    {"client_assertion": "x.y.z"},
])
def test_b43_incomplete_assertions(ask, trust, issuer, changes):
    assert is_error(ask(assertion(trust, issuer.token(), **changes)), 401, "invalid_client")


def test_another_tenants_trust(ask, trust, issuer):
    assert is_error(ask(assertion(trust, issuer.token()), tenant="globex"), 401, "invalid_client")


def test_a_bearers_trust_exchanges_nothing(ask, trusts, tenants, issuer):
    trust = trusts.add("acme", Conditions("bearer", issuer=issuer.url, audiences=[AUDIENCE]))
    assert is_error(ask(assertion(trust, issuer.token())), 401, "invalid_client")


def test_an_assertion_is_no_bearer_token(trust, issuer, authenticator):
    with pytest.raises(Exception, match="credential"):
        authenticator.authenticate("acme", issuer.token())


def test_b43_an_assertion_is_worthless_after_its_end(ask, trust, issuer, clock):
    token = issuer.token()
    assert ask(assertion(trust, token)).status == 200
    clock.forward(3_700)
    assert is_error(ask(assertion(trust, token)), 401, "invalid_client")


def test_a_deleted_trusts_tokens_are_worthless(ask, trust, trusts, issuer, authenticator, clock):
    token = ask(assertion(trust, issuer.token())).body["access_token"]
    assert authenticator.authenticate("acme", token)
    trusts.delete(trust.id)
    clock.forward(5)
    with pytest.raises(Exception, match="credential"):
        authenticator.authenticate("acme", token)


@pytest.mark.parametrize("last_secret", [False, True])
def test_fa_03_a_client_that_is_deleted_while_it_gets_a_token_leaves_none_behind(ask, client, clients, database, monkeypatch, last_secret):
    """The deletion comes between the check of the secret and the writing of the token, which it so does not revoke."""
    issue = Tokens.issue

    def after_the_deletion(self, *arguments, **more):
        if last_secret:
            clients.delete_secret(client[0].id, client[0].secrets[0].id)
        else:
            clients.delete(client[0].id)
        return issue(self, *arguments, **more)

    monkeypatch.setattr(Tokens, "issue", after_the_deletion)
    answer = ask(GRANT | in_body(client))
    assert (answer.status, answer.body["error"]) == (401, "invalid_client")
    assert database.db.tokens.count_documents({"revoked": {"$exists": False}}) == 0
