"""The good way: an app gets a code, an ID token and an access token, and learns who a person is."""

import time
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from authlib.oidc.discovery import OpenIDProviderMetadata

from app import create_app
from app.advice.explain import explain, plain
from app.sign_on.flow.sign_on import EXTENSION
from app.sign_on.provider import claims
from app.store.accounts.domains import Domains
from app.store.accounts.shared_buckets import SharedBuckets
from app.store.sign_on.signing_keys import ID_TOKEN
from tests.sign_on.provider.world import BASE, CALLBACK, GROUP, PORTAL, SCOPES, World, sent_back

FULL = {
    "nickName": "Annie", "profileUrl": "https://contoso.com/ann", "title": "Engineer", "userType": "Employee",
    "preferredLanguage": "de", "locale": "de-DE", "timezone": "Europe/Berlin",
    "emails": [{"value": "ann@home.example", "type": "home"}, {"value": "ann@contoso.com", "type": "work", "primary": True}],
    "phoneNumbers": [{"value": "+1", "type": "home"}, {"value": "+2", "type": "work"}],
    "photos": [{"value": "https://contoso.com/small.png", "type": "thumbnail"}, {"value": "https://contoso.com/ann.png", "type": "photo"}],
    "addresses": [{"streetAddress": "Way 1", "locality": "Town", "postalCode": "1", "country": "DE", "type": "work"}],
    "roles": [{"value": "admin"}, {"value": "reader"}], "entitlements": [{"value": "e1"}],
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"employeeNumber": "7", "costCenter": "c", "organization": "o", "division": "d", "department": "p"},
}


def test_sso_97_98_99_a_code_becomes_an_id_token_and_an_access_token(world, ann):
    back = sent_back(ann.authorize())
    assert (back["state"], back["iss"], back["from"]) == ("the state", f"{BASE}/contoso", "scimd")
    answer = world.exchange(back["code"], ann.verifier)
    assert (answer.status_code, answer.headers["Cache-Control"], answer.json["token_type"]) == (200, "no-store", "Bearer")
    assert set(answer.json) == {"access_token", "token_type", "expires_in", "scope", "id_token"}
    assert (answer.json["expires_in"], answer.json["scope"]) == (600, " ".join(SCOPES))
    told = world.claims(answer.json["id_token"])
    moment = time.time()
    expected = {
        "iss": f"{BASE}/contoso", "aud": world.portal.id, "sub": ann.user, "nonce": "the nonce", "sid": ann.session.sid,
        "acr": "urn:example:acr", "amr": ["pwd", "mfa"], "auth_time": int(ann.session.auth_time.timestamp()), "tenant": "contoso",
    }
    assert {name: told[name] for name in expected} == expected
    assert told["exp"] - told["iat"] == 300
    assert moment - 30 < told["iat"] <= moment
    assert told["at_hash"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_sso_100_userinfo_says_what_the_id_token_says(world, ann, method):
    tokens = ann.tokens()
    answer = world.userinfo(tokens["access_token"], method=method)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    own = {"iss", "aud", "exp", "iat", "auth_time", "nonce", "sid", "acr", "amr", "at_hash"}
    assert answer.json == {name: value for name, value in world.claims(tokens["id_token"]).items() if name not in own}


def test_sso_110_every_claim_comes_from_its_attribute(world):
    manager = world.provision("bob@contoso.com", displayName="Bob")
    enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    person = world.signed_in(**FULL | {enterprise: FULL[enterprise] | {"manager": {"value": manager}}})
    told = world.userinfo(person.tokens()["access_token"]).json
    assert isinstance(told.pop("updated_at"), int)
    assert told == {
        "sub": person.user, "tenant": "contoso", "name": "Ann", "given_name": "Ann", "family_name": "Lee", "nickname": "Annie",
        "preferred_username": "ann@contoso.com", "profile": "https://contoso.com/ann", "picture": "https://contoso.com/ann.png",
        "locale": "de-DE", "zoneinfo": "Europe/Berlin", "title": "Engineer", "user_type": "Employee", "email": "ann@contoso.com",
        "email_verified": False, "phone_number": "+2",
        "address": {"street_address": "Way 1", "locality": "Town", "postal_code": "1", "country": "DE"},
        "roles": ["admin", "reader"], "entitlements": ["e1"], "employee_number": "7", "cost_center": "c", "organization": "o",
        "division": "d", "department": "p", "manager": {"sub": manager, "name": "Bob"}, "external_id": "ext-ann@contoso.com",
    }


def test_sso_110_only_the_scopes_that_were_granted_give_claims_and_unknown_ones_are_ignored(world):
    world.portal, world.secret = world.register(scopes=("openid", "email"))
    person = world.signed_in(**FULL)
    tokens = person.tokens(scope="openid email profile nonsense")
    assert tokens["scope"] == "openid email"
    assert set(world.userinfo(tokens["access_token"]).json) == {"sub", "tenant", "email", "email_verified"}


def test_sso_110_what_apps_learn_is_read_at_that_moment(world, ann):
    tokens = ann.tokens()
    patch = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{"op": "replace", "path": "displayName", "value": "Anna"}]}
    world.scim("PATCH", f"Users/{ann.user}", patch)
    assert world.userinfo(tokens["access_token"]).json["name"] == "Anna"


def test_sso_112_an_address_is_verified_only_in_a_domain_of_the_tenant(world, fabrikam):
    person = world.signed_in(**FULL)
    token = person.tokens()["access_token"]
    assert world.userinfo(token).json["email_verified"] is False
    Domains(world.database).add("contoso", "Contoso.com")
    assert world.userinfo(token).json["email_verified"] is True
    Domains(world.database).remove("contoso", "contoso.com")
    Domains(world.database).add("fabrikam", "contoso.com")
    Domains(world.database).add("contoso", "toso.com")
    assert world.userinfo(token).json["email_verified"] is False


def groups(world, person, number):
    schema = "urn:ietf:params:scim:schemas:core:2.0:Group"
    inner = world.scim("POST", "Groups", {"schemas": [schema], "displayName": "Inner", "members": [{"value": person.user}]})["id"]
    world.scim("POST", "Groups", {"schemas": [schema], "displayName": "Outer", "members": [{"value": inner}]})
    for each in range(number - 2):
        world.scim("POST", "Groups", {"schemas": [schema], "displayName": f"G{each:03}", "members": [{"value": person.user}]})
    return inner


@pytest.mark.parametrize(("groups_by", "value"), [("name", "Inner"), ("id", None)])
def test_sso_90_groups_are_told_by_name_or_by_id_direct_and_indirect(world, ann, groups_by, value):
    inner = groups(world, ann, 2)
    world.portal, world.secret = world.register(groups_by=groups_by)
    tokens = ann.tokens()
    told = world.userinfo(tokens["access_token"]).json["groups"]
    assert len(told) == 2
    assert (value or inner) in told
    assert world.claims(tokens["id_token"])["groups"] == told


def test_sso_111_more_than_200_groups_are_not_in_the_id_token(world, ann, monkeypatch):
    assert claims.MOST_IN_TOKEN == 200
    monkeypatch.setattr(claims, "MOST_IN_TOKEN", 20)
    groups(world, ann, 21)
    tokens = ann.tokens()
    told = world.claims(tokens["id_token"])
    assert told["groups_overage"] is True
    assert "groups" not in told
    told = world.userinfo(tokens["access_token"]).json
    assert len(told["groups"]) == 21
    assert "groups_truncated" not in told


def test_sso_111_more_than_5000_groups_are_cut_in_userinfo():
    from app.sign_on.provider.claims import Claims

    told = Claims({"sub": "u"}, "groups", [str(number) for number in range(5_001)]).for_userinfo()
    assert (len(told["groups"]), told["groups_truncated"]) == (5_000, True)


def test_sso_90_a_public_app_needs_no_secret(world, ann):
    world.portal, world.secret = world.register(public=True)
    assert world.claims(ann.tokens()["id_token"])["aud"] == world.portal.id


def test_sso_91_only_members_of_its_group_can_use_an_app(world, ann):
    world.portal, world.secret = world.register(group="outer")
    assert sent_back(ann.authorize())["error"] == "access_denied"
    groups(world, ann, 2)
    assert ann.is_signed_in()


def test_sso_05_d_720_who_is_kept_out_by_the_group_of_an_app_is_in_the_log_once_a_minute(world, ann):
    """The app is told `access_denied` and no more, so that nobody could find out why."""
    world.portal, world.secret = world.register(group="Outer")
    for _ in range(3):
        ann.authorize()
    request = {"tenant": "contoso", "app": world.portal.id, "parameters": ann.parameters()}
    world.app.extensions[EXTENSION].provider.authorization.answer(request, ann.session.sid, "r")
    [line] = world.events(operation="app-sign-on")
    assert (line["status"], line["resource"]["id"], line["resource"]["name"]) == (403, ann.user, "ann@contoso.com")
    assert "not a member of 'Outer'" in line["detail"]
    assert line["signOn"]["app"] == world.portal.id
    assert "Add the person to the group" in plain(explain(line).steps[0])
    world.portal, world.secret = world.register(group="Inner")
    assert "access_denied" in world.app.extensions[EXTENSION].provider.authorization.answer(
        {**request, "app": world.portal.id}, ann.session.sid, "the reference"
    )
    assert [each["request"] for each in world.events(operation="app-sign-on")][1:] == ["the reference"]


def test_the_group_of_an_app_is_compared_as_names_are_everywhere_else(world, ann):
    """`Straße` and `STRASSE` are two names (D-113), and one name in two Unicode forms is one."""
    for name in ("STRASSE", "Café".replace("é", "e\u0301"), "Inner"):
        group = {"schemas": [GROUP], "displayName": name, "members": [{"value": ann.user}]}
        inner = world.scim("POST", "Groups", group)["id"]
    world.scim("DELETE", f"Groups/{inner}")
    world.scim("POST", "Groups", {"schemas": [GROUP], "displayName": "Outer", "members": [{"value": inner}]})
    for name, lets_in in (("Straße", False), ("Outer", False), ("strasse", True), ("CAFÉ", True)):
        world.portal, world.secret = world.register(group=name)
        assert ("code" in sent_back(ann.authorize())) is lets_in, name


def test_sso_95_post_works_as_get_does(world, ann):
    assert "code" in sent_back(ann.authorize(method="POST"))


def test_sso_118_an_exchange_is_one_line_of_the_log_and_the_session_knows_the_app(world, ann):
    ann.tokens()
    [event] = world.events(operation="app-sign-on")
    assert (event["resource"]["id"], event["resource"]["name"], event["status"]) == (ann.user, "ann@contoso.com", 200)
    assert event["signOn"] == {
        "connection": world.connections["contoso"], "app": world.portal.id, "sid": ann.session.sid, "address": "192.0.2.1",
        "amr": ["pwd", "mfa"],
    }
    assert world.sessions.by_sid("contoso", ann.session.sid).apps == (world.portal.id,)


def test_sso_36_without_a_session_or_with_prompt_login_a_sign_in_starts(world, ann):
    for browser, changes in ((world.browser(), {}), (ann, {"prompt": "login"}), (ann, {"max_age": "0"})):
        answer = browser.authorize(**changes)
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith("https://idp.example.com/sso?")
        [stored] = world.database.db.sign_ins.find()
        assert stored["for"]["request"]["parameters"]["state"] == "the state"
        assert bool(stored.get("forced")) is bool(changes)
        world.database.db.sign_ins.delete_many({})


def test_who_an_id_token_hint_means_is_the_only_one_for_whom_there_is_a_code(world, ann):
    """Somebody else has signed in with the browser: an app that renews silently would get their tokens."""
    hint, bob = ann.tokens()["id_token"], world.signed_in(name="bob@contoso.com")
    assert "code" in sent_back(ann.authorize(id_token_hint=hint, prompt="none"))
    assert sent_back(bob.authorize(id_token_hint=hint, prompt="none"))["error"] == "login_required"
    assert bob.authorize(id_token_hint=hint).headers["Location"].startswith("https://idp.example.com/sso?")
    [stored] = world.database.db.sign_ins.find()
    assert "forced" in stored, "the identity provider knows the other one"
    request, provider = stored["for"]["request"], world.app.extensions[EXTENSION].provider
    assert parse_qs(urlsplit(provider.authorization.answer(request, bob.session.sid)).query)["error"] == ["login_required"]
    assert "code=" in provider.authorization.answer(request, ann.session.sid)
    world.tenant("fabrikam")
    elsewhere = world.signed_in("fabrikam", "eve@fabrikam.com").tokens()["id_token"]
    for no_hint in ("x", elsewhere, hint[:-2]):  # it is not known whom they mean
        assert sent_back(bob.authorize(id_token_hint=no_hint, prompt="none"))["error"] == "login_required"
        assert "code" in sent_back(bob.authorize(id_token_hint=no_hint))


def test_a_hint_whose_key_is_withdrawn_brings_an_app_that_renews_silently_no_tokens_of_another_person(world, ann):
    hint, bob = ann.tokens()["id_token"], world.signed_in(name="bob@contoso.com")
    world.app.extensions[EXTENSION].provider._parts.keys.rotate(ID_TOKEN, at_once=True)
    assert sent_back(bob.authorize(id_token_hint=hint, prompt="none"))["error"] == "login_required"


def test_sso_96_the_other_prompts_are_as_if_absent(world, ann):
    for prompt in ("select_account", "consent"):
        assert "code" in sent_back(ann.authorize(prompt=prompt))


def test_sso_116_discovery_is_complete_true_and_the_same_for_every_name(world):
    client = world.app.test_client()
    paths = ("/{}/.well-known/openid-configuration", "/{}/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server/{}")
    told = [client.get(path.format(name)) for path in paths for name in ("contoso", "nobody")]
    assert {(answer.status_code, answer.headers["Cache-Control"], answer.headers["Access-Control-Allow-Origin"]) for answer in told} == {(200, "public, max-age=3600", "*")}
    metadata = told[0].json
    assert [answer.json for answer in told[2::2]] == [metadata] * 2
    assert told[1].get_data(as_text=True).replace("nobody", "contoso") == told[0].get_data(as_text=True)
    OpenIDProviderMetadata(metadata).validate()
    expected = {
        "issuer": f"{BASE}/contoso", "code_challenge_methods_supported": ["S256"], "response_types_supported": ["code"],
        "response_modes_supported": ["query"], "id_token_signing_alg_values_supported": ["RS256"], "subject_types_supported": ["public"],
        "backchannel_logout_supported": True, "backchannel_logout_session_supported": True, "request_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True, "end_session_endpoint": f"{BASE}/contoso/oauth/logout",
    }
    assert {name: metadata[name] for name in expected} == expected
    assert {*SCOPES, "scim.read"} <= {*metadata["scopes_supported"]}
    assert {"sub", "email", "manager", "groups", "tenant"} <= {*metadata["claims_supported"]}
    assert metadata["grant_types_supported"] == ["authorization_code", "client_credentials"]


def test_sso_115_the_keys_are_public_and_the_same_for_every_name(world, ann):
    ann.tokens()
    answers = [world.app.test_client().get(f"/{name}/oauth/jwks") for name in ("contoso", "nobody")]
    assert answers[0].json == answers[1].json
    [key] = answers[0].json["keys"]
    assert set(key) == {"kty", "n", "e", "kid", "use", "alg"}


def test_sso_106_head_starts_nothing(world):
    browser = world.browser()
    answer = browser.client.head("/contoso/oauth/authorize", query_string=browser.parameters())
    assert answer.status_code == 200
    assert browser.client.head("/nobody/oauth/authorize").status_code == 404
    assert world.database.db.sign_ins.count_documents({}) == 0


def test_sso_103_redirects_and_pages_have_their_headers(world, ann):
    for answer in (ann.authorize(), ann.authorize(client_id="app_x"), ann.logout()):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_a_custom_attribute_is_told_under_its_claim(reused_database, tmp_path):
    (tmp_path / "badge.json").write_text(
        '{"id": "urn:example:acme:2.0:User", "attributes": [{"name": "badge", "claim": "badge_number", "scope": "badge"}, '
        '{"name": "doors", "multiValued": true, "claim": "doors", "scope": "badge"}]}'
    )
    world = World(reused_database, SCIMD_SCHEMAS_DIR=str(tmp_path))
    world.portal, world.secret = world.register(replace(PORTAL, scopes=("openid", "badge")))
    badge = {"badge": "B7", "doors": ["north", "south"]}
    person = world.signed_in(schemas=["urn:ietf:params:scim:schemas:core:2.0:User", "urn:example:acme:2.0:User"], **{"urn:example:acme:2.0:User": badge})
    claims = world.userinfo(person.tokens(scope="openid badge")["access_token"]).json
    assert claims == {"sub": person.user, "tenant": "contoso", "badge_number": "B7", "doors": ["north", "south"]}
    assert "badge" in world.app.test_client().get("/contoso/.well-known/openid-configuration").json["scopes_supported"]


def test_the_callback_may_have_a_query_of_its_own(ann):
    assert ann.authorize().headers["Location"].startswith(f"{CALLBACK}&code=")


def test_sso_107_exchanges_and_userinfo_are_limited_apart_from_clients_of_scim(reused_database):
    world = World(reused_database, SCIMD_RATE_LIMIT="100")
    ann = world.signed_in()
    buckets = SharedBuckets(world.database)
    buckets.add("tokens:contoso", 100_000, 5, time.time())  # clients of SCIM have used up theirs
    token = ann.tokens()["access_token"]
    code = ann.code()
    buckets.add("apps:contoso", 100_000, 100, time.time())
    world.app = create_app(world.config, world.database)  # another worker, which asks for the shared bucket
    for answer in (world.exchange(code, ann.verifier), world.userinfo(token)):
        assert (answer.status_code, "Retry-After" in answer.headers) == (429, True)


@pytest.mark.parametrize("path", ["authorize", "logout"])
def test_sso_106_a_method_that_people_do_not_use_gets_a_page(world, path):
    answer = world.app.test_client().put(f"/contoso/oauth/{path}")
    assert (answer.status_code, answer.mimetype, answer.headers["Allow"]) == (405, "text/html", "GET, HEAD, OPTIONS, POST")
