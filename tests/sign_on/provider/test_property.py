"""Whatever is sent to the provider's endpoints is answered, and never by a failure of the server."""

import random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.examples import examples

NAMES = (
    "client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "prompt", "max_age", "login_hint", "code_challenge",
    "code_challenge_method", "request", "claims", "grant_type", "code", "code_verifier", "client_secret", "id_token_hint", "post_logout_redirect_uri", "x",
)
TEXTS = st.one_of(
    st.text(max_size=60), st.sampled_from(["", "code", "query", "openid", "openid profile", "none", "login", "S256", "authorization_code", "\x00", "ü" * 43, "1" * 43, "$ne", "{}"]),
)
PARAMETERS = st.lists(st.tuples(st.sampled_from(NAMES), TEXTS), max_size=12)
ROUTES = [("GET", "authorize"), ("POST", "authorize"), ("POST", "token"), ("GET", "userinfo"), ("GET", "logout"), ("POST", "logout"), ("GET", "jwks")]


@pytest.mark.parametrize(("method", "name"), ROUTES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None, max_examples=examples(20))
@given(PARAMETERS, st.booleans(), st.one_of(st.none(), st.text(alphabet=st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=40)))
@example([("client_id", "\ud800"), ("state", "\udfff")], True, "Bearer \xff")
def test_no_input_makes_the_server_fail(world, ann, method, name, parameters, known, header):
    random.seed()  # Hypothesis seeds it for each example, and ids of requests and events would come again
    given_names = {each for each, _ in parameters}
    if known:
        parameters = [*parameters, *((key, value) for key, value in ann.parameters().items() if key not in given_names)]
    pairs = [(key, value.encode("utf-8", "surrogatepass").decode("latin-1")) for key, value in parameters]
    headers = {"Authorization": header} if header else {}
    sent = {"query_string": dict(pairs)} if method == "GET" else {"data": dict(pairs)}
    answer = ann.client.open(f"/contoso/oauth/{name}", method=method, headers=headers, **sent)
    assert answer.status_code < 500, answer.data
    if answer.status_code == 303:
        allowed = ("https://app.example.com/callback?from=scimd&", "https://idp.example.com/sso?", "https://scim.example.com/contoso/sign-on/out")
        assert answer.headers["Location"].startswith(allowed)
