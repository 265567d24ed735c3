"""What Authlib does not do by itself, row by row: each is kept by a test of ours, whatever the next version does."""

from concurrent.futures import ThreadPoolExecutor
from configparser import ConfigParser
from pathlib import Path

import pytest
from authlib import __version__
from joserfc import jws

from app.sign_on.provider.claims import Claims, ClaimsReader
from tests.sign_on.provider.test_attacks import error_of, forged, our_key
from tests.sign_on.provider.world import BASE, LOGGED_OUT, sent_back


def test_the_version_is_one_without_the_known_flaws():
    config = ConfigParser()
    config.read(Path(__file__).parents[3] / "setup.cfg")
    assert "authlib >= 1.9, < 2" in config["options"]["install_requires"]
    assert tuple(map(int, __version__.split(".")[:2])) >= (1, 9)


@pytest.mark.parametrize("public", [True, False])
def test_au_1_pkce_is_required_of_confidential_apps_too(world, ann, public):
    world.portal, _ = world.register(public=public)
    assert sent_back(ann.authorize(code_challenge=None, code_challenge_method=None))["error"] == "invalid_request"


@pytest.mark.parametrize("method", ["plain", None])
def test_au_2_plain_is_not_supported_and_no_method_is_not_plain(ann, method):
    assert sent_back(ann.authorize(code_challenge=ann.verifier, code_challenge_method=method))["error"] == "invalid_request"


def test_au_3_of_two_exchanges_at_once_never_do_both_bring_tokens(world, ann):
    for _ in range(5):
        code = ann.code()
        with ThreadPoolExecutor(2) as pool:
            answers = [*pool.map(lambda _, code=code: world.exchange(code, ann.verifier).status_code, range(2))]
        assert sorted(answers) in ([200, 400], [400, 400])


def test_au_4_a_foreign_app_neither_gets_the_code_nor_burns_it(world, ann):
    other, secret = world.register()
    code = ann.code()
    assert error_of(world.exchange(code, ann.verifier, app=other, secret=secret)) == "invalid_grant"
    assert world.exchange(code, ann.verifier).status_code == 200


def test_au_5_a_hint_of_another_tenant_ends_nothing_though_the_keys_are_the_same(world, ann, fabrikam):
    token = forged(ann.tokens()["id_token"], our_key(world), iss=f"{BASE}/fabrikam")
    answer = ann.logout(id_token_hint=token, post_logout_redirect_uri=LOGGED_OUT)
    assert answer.headers["Location"] == f"{BASE}/contoso/sign-on/out"
    assert ann.is_signed_in()


def test_au_6_no_claim_from_the_directory_replaces_what_the_server_says(world, ann, monkeypatch):
    own = dict.fromkeys(("iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid"), "forged")
    monkeypatch.setattr(ClaimsReader, "read", lambda *_: Claims({"sub": ann.user} | own))
    claims = world.claims(ann.tokens()["id_token"])
    assert "forged" not in claims.values()


def test_au_7_no_code_token_or_client_is_logged_at_any_level(world, ann, caplog):
    caplog.set_level("DEBUG")
    caplog.set_level("WARNING", "pymongo")
    code = ann.code()
    tokens = world.exchange(code, ann.verifier).json
    for secret in (code, tokens["access_token"], tokens["id_token"], world.secret, world.portal.secrets[0].hash):
        assert secret not in caplog.text


def test_au_8_errors_and_codes_name_the_issuer_once(ann):
    for changes in ({}, {"response_type": "token"}, {"scope": "profile"}, {"code_challenge": None}, {"prompt": "none", "max_age": "0"}):
        assert sent_back(ann.authorize(**changes))["iss"] == f"{BASE}/contoso"


def test_au_9_a_nonce_may_come_again_or_not_at_all(world, ann):
    for nonce in ("same", "same", None):
        claims = world.claims(ann.tokens(nonce=nonce)["id_token"])
        assert claims.get("nonce") == nonce


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_au_10_redirects_are_followed_with_a_get(world, ann, method):
    assert ann.authorize(method=method).status_code == 303
    assert world.browser().authorize(method=method).status_code == 303


def test_the_header_of_an_id_token_names_type_and_key(world, ann):
    token = ann.tokens()["id_token"]
    header = jws.extract_compact(token.encode()).headers()
    [key] = world.app.test_client().get("/contoso/oauth/jwks").json["keys"]
    assert header == {"alg": "RS256", "kid": key["kid"], "typ": "JWT"}
