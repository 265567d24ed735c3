"""Attacks on the provider, each over HTTP: what must be refused is, and the good way still works afterwards."""

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote, urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from app.advice.explain import explain, plain
from app.auth.limits.rate_limits import Limits
from app.sign_on.flow.sign_on import EXTENSION
from app.sign_on.provider import authorize
from app.sign_on.provider.unanswered import NotAvailable, Unanswered, unknown_redirect_uri
from app.store.accounts.clients import Clients
from app.store.accounts.sealing import Sealer
from app.store.accounts.tenants import Tenants
from app.store.mongo.moments import aware, now
from app.store.sign_on.codes import Codes, Grant
from app.store.sign_on.signing_keys import ID_TOKEN, SigningKeys
from tests.auth.issuer import make_key
from tests.sign_on.provider.world import BASE, CALLBACK, GROUP, LOGGED_OUT, refused_on_a_page, sent_back

BAD_REDIRECTS = {
    "unknown": "https://evil.example.com/", "prefix": CALLBACK[:-1], "suffix": f"{CALLBACK}x", "sub-path": "https://app.example.com/callback/x?from=scimd",
    "dots": "https://app.example.com/x/../callback?from=scimd", "case": CALLBACK.replace("callback", "Callback"), "host case": CALLBACK.replace("app.", "APP."),
    "port": CALLBACK.replace(".com/", ".com:443/"), "fragment": f"{CALLBACK}#x", "user info": CALLBACK.replace("https://", "https://app.example.com@evil.example.com/"),
    "slashes": CALLBACK.replace(".com/", ".com//"), "encoded": CALLBACK.replace("callback", "%63allback"), "relative": "/callback", "javascript": "javascript:alert(1)",
    "http": CALLBACK.replace("https", "http"), "absent": None, "quote": f'{CALLBACK}"', "newline": f"{CALLBACK}\n", "empty": "",
}


def error_of(answer, status=400):
    assert answer.status_code == status, answer.data
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.json["error"]


@pytest.fixture(autouse=True)
def good_way_afterwards(world):
    """After each attack, the next good sign-in works, and nothing failed in the server."""
    yield
    portal = world.apps.get(world.portal.id)
    if portal is None:
        return
    world.portal, world.secret = world.register()
    assert world.signed_in(name="later@contoso.com").tokens()["id_token"]


@pytest.mark.parametrize("more", [{}, {"response_type": "token"}, {"prompt": "none"}, {"scope": None}], ids=["good", "token", "none", "no scope"])
def test_op_01_a_redirect_uri_that_is_not_registered_gets_a_page(world, ann, more):
    for what, uri in BAD_REDIRECTS.items():
        page = refused_on_a_page(ann.authorize(redirect_uri=uri, **more))
        assert "evil" not in page, what
        assert world.database.db.codes.count_documents({}) == 0, what


def test_op_01_a_redirect_uri_that_is_taken_from_the_app_during_a_sign_in_is_not_used(world, ann):
    authorization = world.app.extensions[EXTENSION].provider.authorization
    request = {"tenant": "contoso", "app": world.portal.id, "parameters": ann.parameters()}
    assert authorization.answer(request, ann.session.sid).startswith(CALLBACK)
    assert authorization.refusal_url(request, "access_denied").startswith(CALLBACK)
    world.apps.change(world.portal.id, replace(world.portal.settings, redirect_uris=("https://new.example.com/",)))
    assert authorization.answer(request, ann.session.sid) == authorization.refusal_url(request, "access_denied") == ""
    world.apps.delete(world.portal.id)
    assert authorization.answer(request, ann.session.sid) == authorization.refusal_url(request, "access_denied") == ""


def test_op_01_two_redirect_uris_get_a_page(ann):
    query = urlencode([*ann.parameters().items(), ("redirect_uri", CALLBACK)])
    refused_on_a_page(ann.client.get(f"/contoso/oauth/authorize?{query}"))


def test_op_01_the_developer_finds_the_reason_in_the_log(world, ann):
    ann.authorize(redirect_uri="https://evil.example.com/")
    [event] = world.events(failed=True, operation="app-sign-on")
    assert event["detail"] == (
        f"The redirect_uri is none of those of {world.portal.id} (Portal). "
        f"Expected: {CALLBACK}. Received: https://evil.example.com/."
    )
    assert event["checks"] == [
        {"name": "redirect_uri", "expected": CALLBACK, "received": "https://evil.example.com/", "passed": False}
    ]


def test_op_01_what_came_is_one_short_line_in_the_log(world, ann):
    world.apps.change(world.portal.id, replace(world.portal.settings, redirect_uris=tuple(f"https://{n}.example.com/" for n in range(20))))
    ann.authorize(redirect_uri="https://evil.example.com/\r\nSet-Cookie: x\x1b[2J" + "/x" * 1_000)
    ann.authorize(redirect_uri=None)
    long, none = (event["detail"] for event in world.events(failed=True, operation="app-sign-on"))
    assert long.isprintable()
    assert len(long) < 700
    assert "https://4.example.com/ and 15 more" in long
    assert none.endswith("Received: nothing.")


def test_op_01_without_values_the_log_has_what_is_registered_alone(world):
    unanswered = Unanswered(Limits(world.database, None), "app-sign-on", values=False)
    line = unanswered.line("contoso", "192.0.2.1", unknown_redirect_uri(world.portal, "https://evil.example.com/"))
    assert CALLBACK in line.detail
    assert "evil" not in str(line)


def test_op_02_the_log_says_which_of_them_is_not_known(world, ann, fabrikam):
    other, _ = world.register(tenants=((fabrikam.name, fabrikam.tenant_id),))
    world.tenant("quiet", connected=False)
    ann.authorize(client_id="app_0000000000000000")
    ann.authorize(client_id=other.id)
    assert [event["detail"] for event in world.events(failed=True, operation="app-sign-on")] == [
        "There is no such app. Expected: the id of an app. Received: app_0000000000000000.",
        f"{other.id} (Portal) is not for this tenant. Expected: the id of an app for it. Received: {other.id}.",
    ]
    ann.authorize(tenant="quiet")
    [event] = world.events("quiet", failed=True)
    assert event["detail"] == "not-available: The tenant has no connection that is on."
    assert [plain(step) for step in explain(event | {"tenant": "quiet"}).steps] == [
        "Ask the operator to turn the connection on (scimd sso on quiet)."
    ]
    reference = ann.authorize(tenant="nobody").headers["X-Request-Id"]
    [event] = world.events("-", failed=True, operation="app-sign-on")
    assert (event["detail"], event["resource"]["name"]) == ("There is no tenant with this name.", "nobody")
    assert event["request"] == reference


def test_op_01_02_ten_lines_a_minute_and_the_others_are_counted(world, ann):
    moment = [time.time()]
    unanswered = Unanswered(Limits(world.database, None, lambda: moment[0]), "app-sign-on", values=True)
    found = NotAvailable("It is not known.")
    assert [unanswered.line("contoso", "192.0.2.1", found) is None for _ in range(13)].count(True) == 3
    moment[0] += 61
    again = unanswered.line("contoso", "192.0.2.1", found)
    assert again.detail == "It is not known. At least 3 more requests like it have no line."
    assert unanswered.line("contoso", "192.0.2.1", found).detail == "It is not known."


def test_op_02_the_lines_of_one_address_have_a_limit_whatever_names_it_asks_for(world):
    moment = time.time()
    unanswered = Unanswered(Limits(world.database, None, lambda: moment), "app-sign-on", values=True)
    found = NotAvailable("It is not known.")
    lines = [unanswered.line(f"name-{number}", "192.0.2.1", found) for number in range(70)]
    assert sum(line is not None for line in lines) == 60
    assert unanswered.line("name-0", "192.0.2.2", found) is not None


def test_op_02_an_unknown_app_and_one_of_other_tenants_get_the_same_page(world, ann, fabrikam):
    other, _ = world.register(tenants=((fabrikam.name, fabrikam.tenant_id),))
    world.tenant("quiet", connected=False)
    answers = [
        ann.authorize(client_id=other.id), ann.authorize(client_id="app_0000000000000000"), ann.authorize(client_id=None), ann.authorize(client_id="\x00"),
        ann.authorize(tenant="nobody"), ann.authorize(tenant="quiet"), ann.authorize(tenant="quiet", prompt="none"), ann.authorize(client_id="client_1"),
    ]
    pages = {refused_on_a_page(answer).replace(answer.headers["X-Request-Id"], "") for answer in answers}
    assert len(pages) == 1


def test_op_02_two_ids_get_a_page(ann):
    query = urlencode([("client_id", "app_x"), *ann.parameters().items()])
    refused_on_a_page(ann.client.get(f"/contoso/oauth/authorize?{query}"))


def test_op_03_another_response_type_is_an_error_for_a_good_redirect_uri_alone(ann):
    for response_type in ("token", "id_token", "code id_token", "none", "", None, "code code", "CODE", '"<x>'):
        back = sent_back(ann.authorize(response_type=response_type))
        assert (back["error"], back["state"], back["iss"]) == ("unsupported_response_type", "the state", f"{BASE}/contoso")
        refused_on_a_page(ann.authorize(response_type=response_type, redirect_uri="https://evil.example.com/"))


NO_PKCE = [
    {"code_challenge": None, "code_challenge_method": None}, {"code_challenge": None}, {"code_challenge_method": "plain"}, {"code_challenge_method": None},
    {"code_challenge": "c" * 42}, {"code_challenge": "c" * 42 + "="}, {"code_challenge": "c" * 44}, {"code_challenge": "ü" * 43}, {"code_challenge_method": "s256"},
    {"code_challenge_method": "S512"}, {"code_challenge": ""},
]


@pytest.mark.parametrize("public", [False, True])
def test_op_04_without_pkce_by_s256_no_app_gets_a_code(world, ann, public):
    world.portal, _ = world.register(public=public)
    for changes in NO_PKCE:
        assert sent_back(ann.authorize(**changes))["error"] == "invalid_request", changes


def test_op_04_two_challenges_and_any_other_repeated_parameter_are_refused(ann):
    for name in ("code_challenge", "state", "nonce", "scope", "response_type", "prompt", "anything"):
        query = urlencode([*ann.parameters().items(), (name, "x"), (name, "y")])
        back = sent_back(ann.client.get(f"/contoso/oauth/authorize?{query}"))
        assert back["error"] == "invalid_request"
        assert ("state" in back) is (name != "state")


def test_op_05_a_code_without_its_verifier_is_worthless(world, ann):
    for verifier, error in ((None, "invalid_request"), ("", "invalid_request"), ("v" * 43, "invalid_grant"), ("short", "invalid_request"), ("ü" * 43, "invalid_request")):
        assert error_of(world.exchange(ann.code(), verifier)) == error


def test_op_05_a_verifier_for_a_code_without_a_challenge_is_refused(world, ann):
    code = Codes(world.database).create(Grant(
        tenant="contoso", app=world.portal.id, session=ann.session.sid, user=ann.user, redirect_uri=CALLBACK, scope="openid", challenge="", auth_time=now(),
    ))
    assert error_of(world.exchange(code, ann.verifier)) == "invalid_request"


def test_op_06_a_code_is_good_once_and_its_second_use_ends_what_the_first_brought(world, ann):
    code = ann.code()
    token = world.exchange(code, ann.verifier).json["access_token"]
    assert world.userinfo(token).status_code == 200
    assert error_of(world.exchange(code, ann.verifier)) == "invalid_grant"
    assert world.userinfo(token).status_code == 401


def test_op_06_of_eight_exchanges_at_once_one_at_most_brings_tokens_that_work(world, ann):
    code = ann.code()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: world.exchange(code, ann.verifier), range(8)))
    assert sum(answer.status_code == 200 for answer in answers) <= 1
    for answer in answers:
        if answer.status_code == 200:
            assert world.userinfo(answer.json["access_token"]).status_code == 401
        else:
            assert error_of(answer) == "invalid_grant"


def test_op_07_a_code_is_good_for_its_app_and_tenant_alone_and_is_not_burned_by_others(world, ann, fabrikam):
    other, secret = world.register()
    code = ann.code()
    assert error_of(world.exchange(code, ann.verifier, app=other, secret=secret)) == "invalid_grant"
    assert error_of(world.exchange(code, ann.verifier, tenant="fabrikam")) == "invalid_grant"
    assert world.exchange(code, ann.verifier).status_code == 200


def test_op_07_a_code_is_worthless_after_a_minute(world, ann):
    code = ann.code()
    world.database.db.codes.update_many({}, {"$set": {"expires": now() - timedelta(seconds=1)}})
    assert error_of(world.exchange(code, ann.verifier)) == "invalid_grant"


@pytest.mark.parametrize("uri", [None, "https://evil.example.com/", "https://app.example.com/callback", ""])
def test_op_08_the_redirect_uri_must_be_that_of_the_request(world, ann, uri):
    assert error_of(world.exchange(ann.code(), ann.verifier, redirect_uri=uri)) == "invalid_grant"


def test_op_09_an_app_authenticates_in_one_way_as_what_it_is(world, ann, fabrikam):
    public, _ = world.register(public=True)
    code = ann.code()
    header = "Basic " + base64.b64encode(f"{world.portal.id}:{world.secret}".encode()).decode()
    both = world.app.test_client().post(
        "/contoso/oauth/token", headers={"Authorization": header},
        data={"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": ann.verifier, "client_id": world.portal.id, "client_secret": world.secret},
    )
    foreign, foreign_secret = world.register(tenants=((fabrikam.name, fabrikam.tenant_id),))
    answers = [
        both,
        world.exchange(code, ann.verifier, app=public, secret="scimd_secret_" + "0" * 64, basic=False),
        world.exchange(code, ann.verifier, secret="", basic=False),
        world.exchange(code, ann.verifier, secret="scimd_secret_" + "0" * 64),
        world.exchange(code, ann.verifier, app=foreign, secret=foreign_secret),
        world.exchange(code, ann.verifier, app=replace(world.portal, id="app_0000000000000000")),
        world.exchange(code, ann.verifier, client_id=public.id),
        world.exchange(code, ann.verifier, tenant="nobody"),
    ]
    assert {error_of(answer, 401) for answer in answers} == {"invalid_client"}
    assert len({answer.data for answer in answers}) == 1
    world.database.db.apps.update_one({"_id": world.portal.id}, {"$set": {"secrets.0.expires": now() - timedelta(days=1)}})
    assert error_of(world.exchange(code, ann.verifier), 401) == "invalid_client"
    assert "expired" in world.events(failed=True)[-1]["detail"]
    second, _, secret = world.apps.rotate(world.portal.id, timedelta(days=1))
    assert world.exchange(code, ann.verifier, app=second, secret=secret).status_code == 200


def test_op_09_an_app_that_does_not_authenticate_is_no_sign_of_the_customers_identity_provider(world, ann):
    code = ann.code()
    for app, secret in ((world.portal, "wrong"), (replace(world.portal, id="app_0000000000000000"), "wrong"), (world.portal, "")):
        world.exchange(code, ann.verifier, app=app, secret=secret)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": ann.verifier}
    for headers in ({}, {"Authorization": "Basic x"}):  # only apps have codes
        assert error_of(world.app.test_client().post("/contoso/oauth/token", data=form, headers=headers), 401) == "invalid_client"
    refused = world.events(failed=True)
    assert [event["operation"] for event in refused] == ["app-sign-on"] * 5
    assert "wrong secret" in refused[0]["detail"]
    assert not any("cause" in event for event in refused)  # only a refusal with a cause changes the state of the customer


def test_op_10_apps_and_clients_of_scim_can_do_what_is_theirs_alone(world, ann):
    client, secret = Clients(world.database).create("contoso", lifetime=timedelta(days=1))
    refused_on_a_page(ann.authorize(client_id=client.id))
    assert error_of(world.exchange(None, None, grant_type="client_credentials", redirect_uri=None)) == "unauthorized_client"
    for grant in ("refresh_token", "password", "urn:ietf:params:oauth:grant-type:device_code", "implicit", "authorization_code "):
        assert error_of(world.exchange("x", None, grant_type=grant, refresh_token="x")) == "unsupported_grant_type"
    form = {"grant_type": "authorization_code", "code": ann.code(), "redirect_uri": CALLBACK, "code_verifier": ann.verifier, "client_id": client.id, "client_secret": secret}
    assert world.app.test_client().post("/contoso/oauth/token", data=form).status_code == 400


def disable(world, person):
    world.disable(person.user)


def delete(world, person):
    world.app.test_client().delete(f"/contoso/scim/v2/Users/{person.user}", headers={"Authorization": f"Bearer {world.tokens['contoso']}"})


def end(world, person):
    world.database.db.sessions.update_many({"sid": person.session.sid}, {"$set": {"ended": now()}})


def suspend(world, person):
    Tenants(world.database).suspend("contoso")


def remove_app(world, person):
    world.apps.delete(world.portal.id)


@pytest.mark.parametrize("act", [disable, delete, end, suspend])
def test_sso_72_op_11_who_is_out_between_code_and_token_gets_none(world, ann, act):
    code = ann.code()
    act(world, ann)
    assert error_of(world.exchange(code, ann.verifier)) == "invalid_grant"
    Tenants(world.database).resume("contoso")


@pytest.mark.parametrize("of_app", [True, False])
def test_sso_65_72_91_who_has_left_the_group_gets_no_more_by_what_there_was_before(world, of_app):
    if of_app:
        world.portal, world.secret = world.register(group="Staff")
    person = world.signed_in(group="" if of_app else "Staff")
    body = {"schemas": [GROUP], "displayName": "Staff", "members": [{"value": person.user}]}
    group = world.scim("POST", "Groups", body)["id"]
    code, token = person.code(), person.tokens()["access_token"]
    assert world.userinfo(token).status_code == 200
    world.scim("PUT", f"Groups/{group}", body | {"members": []})
    assert error_of(world.exchange(code, person.verifier)) == "invalid_grant"
    assert world.userinfo(token).status_code == 401
    assert not person.is_signed_in()
    ended = world.database.db.sessions.find_one({"sid": person.session.sid}).get("reason")
    assert ended == (None if of_app else "not-in-group"), "an app's group is about that app alone"


def test_op_12_no_token_opens_another_door(world, ann):
    tokens = ann.tokens()
    client = world.app.test_client()
    for token in (tokens["access_token"], tokens["id_token"]):
        for path in ("/contoso/scim/v2/Users", "/contoso/changes", "/contoso/snapshot"):
            assert client.get(path, headers={"Authorization": f"Bearer {token}"}).status_code == 401
    for token in (world.tokens["contoso"], tokens["id_token"], "", "x", "scimd_at_000000000000_" + "0" * 64, ann.code()):
        answer = world.userinfo(token)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
        assert answer.json["error"] == "invalid_token"
    token = tokens["access_token"]
    assert client.get(f"/contoso/oauth/userinfo?access_token={token}").status_code == 401
    assert client.post("/contoso/oauth/userinfo", data={"access_token": token}).status_code == 401
    assert client.get("/contoso/oauth/userinfo", headers={"Authorization": f"Basic {token}"}).status_code == 401


def test_op_13_a_token_is_good_in_its_tenant_alone(world, ann, fabrikam):
    token = ann.tokens()["access_token"]
    assert world.userinfo(token, tenant="fabrikam").status_code == 401
    assert world.userinfo(token).status_code == 200


@pytest.mark.parametrize("act", [disable, delete, end, suspend, remove_app])
def test_sso_72_op_14_userinfo_says_nothing_about_who_is_out(world, ann, act):
    token = ann.tokens()["access_token"]
    act(world, ann)
    assert world.userinfo(token).status_code == 401
    Tenants(world.database).resume("contoso")


def test_op_14_userinfo_says_nothing_after_a_logout_and_after_ten_minutes(world, ann):
    tokens = ann.tokens()
    world.database.db.app_tokens.update_many({}, {"$set": {"expires": now() - timedelta(seconds=1)}})
    assert world.userinfo(tokens["access_token"]).status_code == 401
    tokens = ann.tokens()
    ann.logout(id_token_hint=tokens["id_token"])
    assert world.userinfo(tokens["access_token"]).status_code == 401


def test_op_15_prompt_none_never_shows_a_page(world, ann):
    assert sent_back(world.browser().authorize(prompt="none"))["error"] == "login_required"
    assert sent_back(ann.authorize(prompt="none", max_age="0"))["error"] == "login_required"
    assert sent_back(ann.authorize(prompt="none login"))["error"] == "invalid_request"
    for age in ("-1", "soon", "1.5", "1e3", "٣", "9" * 30):
        assert sent_back(ann.authorize(max_age=age))["error"] == "invalid_request"
    assert "code" in sent_back(ann.authorize(max_age="9" * 20))
    world.disable(ann.user)
    assert sent_back(ann.authorize(prompt="none"))["error"] == "login_required"


def test_op_15_a_moment_that_the_identity_provider_has_not_said_meets_no_max_age_and_is_no_claim(world):
    person = world.browser(world.session(world.provision(), undated=True)[0])
    assert "auth_time" not in world.claims(person.tokens()["id_token"])
    assert sent_back(person.authorize(prompt="none", max_age="999999999999"))["error"] == "login_required"


def test_op_15_a_max_age_of_0_asks_for_a_sign_in_in_the_millisecond_of_the_last_one_too(world, ann, monkeypatch):
    (row,) = world.database.db.sessions.find({"tenant": "contoso", "user": ann.user})
    monkeypatch.setattr(authorize, "now", lambda: aware(row["authTime"]))
    assert sent_back(ann.authorize(prompt="none", max_age="0"))["error"] == "login_required"
    assert "code" in sent_back(ann.authorize(prompt="none", max_age="1"))


@pytest.mark.parametrize(("name", "error"), [
    ("request", "request_not_supported"), ("request_uri", "request_uri_not_supported"), ("registration", "registration_not_supported"), ("claims", "invalid_request"),
])
def test_op_16_what_is_not_supported_is_refused_and_nothing_is_fetched(ann, issuer_that_counts, name, error):
    assert sent_back(ann.authorize(**{name: issuer_that_counts.url}))["error"] == error
    assert issuer_that_counts.fetches == 0


@pytest.fixture
def issuer_that_counts():
    from tests.auth.issuer import running_issuer

    with running_issuer() as running:
        yield running


def test_op_17_state_and_nonce_come_back_exactly_as_they_were(world, ann):
    for text in ("a\r\nSet-Cookie: x=y", '"><script>alert(1)</script>', "ü☃", "&code=x&iss=y#", "%0d%0a", "a b+c", "\x00", "x" * 2_048):
        answer = ann.authorize(state=text, nonce=text)
        back = sent_back(answer)
        assert back["state"] == text
        assert "Set-Cookie" not in answer.headers
        assert world.claims(world.exchange(back["code"], ann.verifier).json["id_token"])["nonce"] == text


def test_op_17_a_state_or_nonce_of_ten_kilobytes_is_refused(ann):
    for name in ("state", "nonce", "scope", "login_hint"):
        assert sent_back(ann.authorize(**{name: "openid " + "x" * 10_240}))["error"] == "invalid_request"


def test_op_17_what_cannot_be_read_gets_a_page(ann):
    refused_on_a_page(ann.client.get("/contoso/oauth/authorize?state=%FF"))
    refused_on_a_page(ann.client.post("/contoso/oauth/authorize", data="{}", content_type="application/json"))
    refused_on_a_page(ann.client.get("/contoso/oauth/authorize?" + "&".join(f"a{number}=1" for number in range(100))))


def forged(token, key=None, header=None, **claims):
    """Return an ID token with other claims, signed by a key of somebody else or by the given one."""
    given = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    kid = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))["kid"]
    return jwt.encode({"alg": "RS256", "kid": kid, "typ": "JWT"} | (header or {}), given | claims, key or make_key(kid))


def headed(header):
    """Return a token with any header, whose signature does not hold."""
    return base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=") + ".e30.AA"


def our_key(world):
    return SigningKeys(world.database, Sealer(world.database)).current(ID_TOKEN).jwk


def test_sso_80_op_18_a_hint_that_is_not_of_this_tenant_app_and_session_ends_nothing(world, ann, fabrikam):
    token, ours = ann.tokens()["id_token"], our_key(world)
    elsewhere = world.signed_in("fabrikam", "bob@fabrikam.com")
    other = world.signed_in(name="bob@contoso.com")
    foreign, _ = world.register()
    unsigned = ".".join([base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("="), token.split(".")[1], ""])
    hints = {
        "tenant": elsewhere.tokens()["id_token"], "session": other.tokens()["id_token"], "forged": forged(token), "none": unsigned, "text": "x", "empty": "",
        "logout token": forged(token, ours, {"typ": "logout+jwt"}), "access token": forged(token, ours, {"typ": "at+jwt"}), "issuer": forged(token, ours, iss=BASE),
        "app": forged(token, ours, aud="app_0000000000000000"), "audiences": forged(token, ours, aud=[world.portal.id, foreign.id]), "no sid": forged(token, ours, sid=7),
        "hmac": jwt.encode({"alg": "HS256", "typ": "JWT"}, {"iss": f"{BASE}/contoso", "aud": world.portal.id, "sid": ann.session.sid}, OctKey.generate_key(256)),
        "long": token + "x" * 20_000,
        **{f"critical {each}": headed({"alg": "RS256", "typ": "JWT", "crit": each}) for each in (1, None, {}, ["x"])},
    }
    for name, hint in hints.items():
        answer = ann.logout("POST", {"Sec-Fetch-Site": "cross-site"}, id_token_hint=hint, post_logout_redirect_uri=LOGGED_OUT)
        assert answer.status_code == 403, name
        answer = ann.logout(id_token_hint=hint[:8_000], post_logout_redirect_uri=LOGGED_OUT)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"{BASE}/contoso/sign-on/out"), name
    assert ann.logout(id_token_hint=token, client_id=foreign.id, post_logout_redirect_uri=LOGGED_OUT).headers["Location"] == f"{BASE}/contoso/sign-on/out"
    assert [person.is_signed_in() for person in (ann, other)] == [True, True]


def test_sso_80_op_18_a_valid_hint_signs_out_and_goes_to_the_registered_address_alone(world, ann):
    token = ann.tokens()["id_token"]
    answer = ann.logout(id_token_hint=token, post_logout_redirect_uri=LOGGED_OUT, state="s&t")
    assert answer.headers["Location"] == f"{LOGGED_OUT}?state=s%26t"
    assert "__Host-scimd-contoso=;" in answer.headers["Set-Cookie"]
    assert not ann.is_signed_in()
    [event] = world.events(operation="sign-off")
    assert event["detail"] == "app"
    for uri in ("https://evil.example.com/", f"{LOGGED_OUT}/", LOGGED_OUT.upper(), None, CALLBACK):
        again = world.signed_in(name=f"u{time.monotonic_ns()}@contoso.com")
        given = {"post_logout_redirect_uri": uri} if uri else {}
        answer = again.logout(id_token_hint=again.tokens()["id_token"], **given)
        assert (answer.status_code, answer.mimetype) == (200, "text/html")
        assert not again.is_signed_in()


def test_op_18_an_expired_hint_and_a_post_without_cookies_are_good(world, ann):
    expired = forged(ann.tokens()["id_token"], our_key(world), exp=1, iat=0)
    assert world.browser().logout("POST", {"Origin": "https://app.example.com"}, id_token_hint=expired, post_logout_redirect_uri=LOGGED_OUT).headers["Location"] == LOGGED_OUT
    assert not ann.is_signed_in()


def test_op_18_other_apps_of_the_session_are_told(world, ann):
    told, secret = world.register(backchannel_logout_uri="https://other.example.com/out")
    token = ann.tokens()["id_token"]
    world.portal, world.secret = told, secret
    ann.tokens()
    ann.logout(id_token_hint=token)
    assert told.id in {row["app"] for row in world.database.db.logouts.find()}


def test_op_19_without_a_hint_a_page_asks_and_a_foreign_post_is_refused(world, ann):
    assert ann.logout(headers={"Sec-Fetch-Site": "cross-site"}).headers["Location"] == f"{BASE}/contoso/sign-on/out"
    for headers in ({"Origin": "https://evil.example.com", "Sec-Fetch-Site": "cross-site"}, {}, {"Origin": "null"}):
        refused_on_a_page(ann.logout("POST", headers), 403)
    assert ann.is_signed_in()


def test_sso_06_op_20_an_id_token_names_its_tenant_and_its_app(world, ann, fabrikam):
    elsewhere = world.signed_in("fabrikam", "bob@fabrikam.com")
    mine, theirs = (world.claims(person.tokens()["id_token"]) for person in (ann, elsewhere))
    assert mine["iss"] != theirs["iss"]
    other, secret = world.register()
    world.portal, world.secret = other, secret
    assert world.claims(ann.tokens()["id_token"])["aud"] == other.id != mine["aud"]


def test_op_21_a_cookie_that_is_not_of_a_running_session_here_signs_nobody_in(world, ann, fabrikam):
    elsewhere = world.signed_in("fabrikam", "bob@fabrikam.com")
    foreign = elsewhere.client.get_cookie("__Host-scimd-fabrikam", domain="localhost").value
    ended, session = world.session(ann.user)
    world.database.db.sessions.update_many({"sid": session.sid}, {"$set": {"ended": now()}})
    run_out, _ = world.session(ann.user, expires=now() - timedelta(seconds=1))
    for cookie in ("x" * 43, "", foreign, ended, run_out, "x" * 5_000, '{"$ne": ""}', world.database.db.sessions.find_one()["_id"]):
        browser = world.browser(cookie)
        assert sent_back(browser.authorize(prompt="none"))["error"] == "login_required"
        assert browser.authorize().headers["Location"].startswith("https://idp.example.com/sso?")


def test_op_21_the_tenant_s_cookie_of_another_name_counts_for_nothing(world, ann, fabrikam):
    cookie = ann.client.get_cookie("__Host-scimd-contoso", domain="localhost").value
    client = world.app.test_client()
    for name in ("scimd-contoso", "__Host-scimd-", "__Host-scimd-fabrikam", "__Secure-scimd-contoso"):
        client.set_cookie(name, cookie, domain="localhost")
    query = urlencode(ann.parameters(prompt="none"))
    assert sent_back(client.get(f"/contoso/oauth/authorize?{query}"))["error"] == "login_required"


def test_op_22_no_answer_can_be_framed(world, ann):
    for answer in (ann.authorize(), world.browser().authorize(), ann.authorize(client_id="app_x"), ann.logout("POST")):
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_op_23_names_with_markup_are_in_json_as_they_are_and_on_no_page(world):
    name = '"><script>alert(1)</script>\n\x1b[31m\u202eü'
    person = world.signed_in(displayName=name)
    tokens = person.tokens()
    assert world.userinfo(tokens["access_token"]).json["name"] == name
    assert world.claims(tokens["id_token"])["name"] == name
    assert "<script>" not in person.client.get("/contoso/sign-on").get_data(as_text=True)


def test_sso_119_no_code_token_or_secret_is_in_what_a_refusal_logs(world, ann, caplog):
    caplog.set_level("DEBUG")
    caplog.set_level("WARNING", "pymongo")
    code = ann.code()
    tokens = world.exchange(code, ann.verifier).json
    world.exchange(code, ann.verifier)
    world.exchange("x", ann.verifier, secret="scimd_secret_" + "1" * 64)
    world.exchange(code, ann.verifier, app=replace(world.portal, id=f"app_{code}"))
    world.userinfo(tokens["access_token"] + "0")
    logged = caplog.text + str(world.events()) + str(list(world.database.db.pulses.find()))
    for secret in (code, tokens["access_token"], tokens["id_token"], world.secret, "1" * 64, ann.verifier):
        assert secret not in logged


def test_what_is_quoted_in_a_path_is_no_tenant(world, ann):
    for name in (quote("contoso\n"), "CONTOSO", "contoso%00", "..", "contoso%0d%0aX:", "contoso%3B"):
        assert ann.client.get(f"/{name}/oauth/authorize?{urlencode(ann.parameters())}").status_code in (404, 405)
        assert ann.client.get(f"/{name}/oauth/logout").status_code in (404, 405)
        left = ann.client.post(f"/{name}/sign-on/out", headers={"Sec-Fetch-Site": "same-origin"})
        assert left.status_code in (404, 405)
        assert "Set-Cookie" not in left.headers


