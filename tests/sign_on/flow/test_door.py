"""What every visitor meets: cookies, headers, methods, limits, and answers that do not tell who is a tenant."""

import base64
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
import requests

from app import create_app
from app.auth.limits.sign_on_limits import REFUSALS_OF_ADDRESS, STARTS_OF_ADDRESS
from app.config import Config
from app.sign_on.reasons import SHOWN, Reason
from app.store.mongo.database import Database
from app.store.sign_on.tickets import Tickets
from tests.served import served
from tests.sign_on.flow.world import World

LAX = {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"}
STATE = "s" * 43


def parts_of(cookie: str) -> tuple[str, set[str]]:
    value, *attributes = cookie.split("; ")
    return value, {each for each in attributes if not each.startswith("Expires=")}


def cookies_of(response: requests.Response) -> list[tuple[str, set[str]]]:
    return [parts_of(row) for row in response.raw.headers.getlist("Set-Cookie")]


def test_sso_101_a_tenant_may_be_called_browser(live_server):
    world = World(live_server, "browser")
    world.user()
    browser = world.browser()
    begun = browser.begin()
    known = browser.cookies["__Host-scimd-browser"]
    finished = browser.get(browser.answer(begun).headers["Location"])
    assert finished.status_code == 303
    assert browser.cookies["__Host-scimd-browser"] == known
    assert browser.is_signed_in()
    browser.send("POST", f"{world.url}/out", {"Sec-Fetch-Site": "same-origin"})
    assert browser.cookies == {"__Host-scimd-browser": known}


def test_sso_101_the_cookie_of_the_browser(world):
    browser = world.browser()
    ((cookie, attributes),) = cookies_of(browser.begin().response)
    assert re.fullmatch(r"__Host-scimd-browser=[\w-]{43}", cookie)
    assert attributes == LAX | {"Max-Age=3600"}
    before = browser.cookies["__Host-scimd-browser"]
    browser.begin()
    assert browser.cookies["__Host-scimd-browser"] == before


def test_sso_101_a_cookie_that_is_none_of_ours_is_replaced(world):
    browser = world.browser()
    browser.cookies["__Host-scimd-browser"] = "short"
    browser.begin()
    assert len(browser.cookies["__Host-scimd-browser"]) == 43


def test_sso_101_the_cookie_of_the_session_lasts_as_long_as_the_browser(world):
    browser = world.browser()
    finished = browser.get(browser.answer(browser.begin()).headers["Location"])
    ((cookie, attributes),) = cookies_of(finished)
    assert re.fullmatch(rf"__Host-scimd-{world.tenant}=[\w-]{{43}}", cookie)
    assert attributes == LAX
    assert browser.session not in str(world.database.db.sessions.find_one({"tenant": world.tenant}))


def test_sso_102_there_is_no_other_cookie(world):
    browser = world.browser()
    browser.sign_in()
    assert browser.cookies.keys() == {"__Host-scimd-browser", browser.session_name}
    for path in ("", "/out", "/saml/metadata", "/nothing"):
        assert cookies_of(browser.get(world.url + path)) == []


def test_op_21_the_cookie_of_one_tenant_opens_no_other(world):
    other = World(world.server)
    other.user()
    browser = world.browser()
    browser.sign_in()
    browser.cookies[f"__Host-scimd-{other.tenant}"] = browser.session
    assert browser.get(other.url).status_code == 303
    assert browser.is_signed_in()


HTML = {
    "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
}


def test_sso_103_every_page_and_every_redirect_has_the_headers(world):
    browser = world.browser()
    begun = browser.begin()
    answered = browser.answer(begun)
    finished = browser.get(answered.headers["Location"])
    pages = [browser.get(f"{world.url}{path}") for path in ("", "/out", "/finish", "/finish?state=x", "/nothing", "/test/x")]
    refused = browser.post("<x/>", browser.begin(f"{world.url}/test/{made_ticket(world)}").state)
    wrong = browser.send("PUT", world.url)
    for response in (begun.response, answered, finished, refused, wrong, *pages):
        assert {name: response.headers[name] for name in HTML} == HTML
        assert "Strict-Transport-Security" not in response.headers  # this server has no https
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "form-action 'self'; frame-ancestors 'none'; base-uri 'none'" in policy
        assert "'unsafe-inline'" not in policy
        if response.status_code != 303:
            assert response.headers["Content-Type"] == "text/html; charset=utf-8"
            assert "<script" not in response.text


def made_ticket(world):
    return Tickets(world.database).create(world.tenant, world.connection.id)


def test_sso_103_the_policy_allows_exactly_the_style_of_the_page(world):
    response = world.browser().get(f"{world.url}/nothing")
    (style,) = re.findall(r"<style>(.*?)</style>", response.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in response.headers["Content-Security-Policy"]


def test_sso_103_with_https_the_browser_stays_with_it(fresh_database):
    config = Config.from_environment({"SCIMD_PUBLIC_URL": "https://scim.example.com"})
    response = create_app(config, fresh_database).test_client().get("/contoso/sign-on/nothing")
    assert response.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_sso_105_no_other_origin_may_read_anything(world):
    for path in ("", "/saml/metadata", "/out"):
        response = requests.get(world.url + path, headers={"Origin": "https://evil.example.com"}, allow_redirects=False)
        assert not [name for name in response.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize(("method", "path", "status", "allow"), [
    ("GET", "/nothing", 404, ""), ("GET", "/saml/acs/more", 404, ""), ("POST", "/nothing", 404, ""),
    ("GET", "/saml/acs", 405, "OPTIONS, POST"), ("POST", "", 405, "GET, HEAD, OPTIONS"), ("DELETE", "/out", 405, "GET, HEAD, OPTIONS, POST"),
])
def test_sso_106_what_does_not_exist_is_a_page(world, method, path, status, allow):
    response = world.browser().send(method, world.url + path)
    assert (response.status_code, response.headers.get("Allow", "")) == (status, allow)
    assert response.text.startswith("<!DOCTYPE html>")
    assert response.headers["X-Request-Id"] in response.text


def test_sso_106_errors_of_scim_stay_those_of_scim(world):
    assert world.request("GET", "/Users/nobody").json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]


def test_sso_106_head_starts_nothing(world):
    ticket = made_ticket(world)
    browser = world.browser()
    where = browser.answer(browser.begin()).headers["Location"]
    count = world.database.db.sign_ins.count_documents({"tenant": world.tenant})
    for url in (world.url, f"{world.url}/test/{ticket}", where):
        response = browser.send("HEAD", url)
        assert (response.status_code, response.content, cookies_of(response)) == (200, b"", [])
    assert world.database.db.sign_ins.count_documents({"tenant": world.tenant}) == count
    assert browser.get(where).status_code == 303
    assert browser.get(f"{world.url}/test/{ticket}").status_code == 303


def shape(response: requests.Response) -> tuple[object, ...]:
    """Return what can be seen of a response, but for its request id and its moment."""
    own = {"x-request-id", "date"}
    headers = {name.lower(): value for name, value in response.headers.items()}
    text = response.text.replace(response.headers["X-Request-Id"], "")
    return response.status_code, {name: value for name, value in headers.items() if name not in own}, text


@pytest.mark.parametrize(("method", "path"), [
    ("GET", ""), ("GET", "?unsolicited"), ("HEAD", ""), ("GET", "/out"), ("GET", f"/finish?state={STATE}"), ("GET", f"/test/{STATE}"),
    ("POST", "/saml/acs"), ("GET", "/saml/metadata"), ("GET", "/nothing"), ("PUT", ""),
])
def test_sso_07_109_an_unknown_tenant_and_one_without_a_connection_look_the_same(live_server, method, path):
    known = World(live_server)
    known.database.db.connections.delete_many({"tenant": known.tenant})
    unknown = "x" * len(known.tenant)
    seen = []
    for tenant in (known.tenant, unknown):
        form = {"data": {"SAMLResponse": "eA==", "RelayState": STATE}} if method == "POST" else {}
        response = requests.request(method, f"{live_server.url}/{tenant}/sign-on{path}", allow_redirects=False, timeout=30, **form)
        text = shape(response)
        seen.append(str(text).replace(tenant, "T"))
    assert seen[0] == seen[1]
    if path != "/saml/metadata" and method != "PUT":
        assert "404" in seen[0]
    assert known.events() == []


def test_sso_08_no_url_comes_from_the_host_header(world):
    browser = world.browser()
    for headers in ({"Host": "evil.example.com"}, {"X-Forwarded-Host": "evil.example.com"}):
        for path in ("", "/saml/metadata", "/nothing", "/out"):
            response = browser.send("GET", world.url + path, headers)
            assert "evil" not in response.text + str(response.headers)


def test_sso_21_our_metadata_is_the_same_for_every_name(world):
    response = requests.get(f"{world.url}/saml/metadata", timeout=30)
    assert response.headers["Content-Type"] == "application/samlmetadata+xml; charset=utf-8"
    assert "public" in response.headers["Cache-Control"]
    assert f'entityID="{world.url}/saml/metadata"' in response.text
    assert f'Location="{world.url}/saml/acs"' in response.text
    other = requests.get(f"{world.server.url}/no-such-tenant/sign-on/saml/metadata", timeout=30)
    assert other.text.replace("no-such-tenant", world.tenant) == response.text
    download = requests.get(f"{world.url}/saml/metadata?download", timeout=30)
    assert download.headers["Content-Disposition"] == f'attachment; filename="scimd-{world.tenant}.xml"'
    assert requests.get(f"{world.server.url}/No%20Name/sign-on/saml/metadata", timeout=30).status_code == 404


def test_sso_119_no_log_has_a_state_a_cookie_or_an_assertion(world):
    browser = world.browser()
    begun = browser.begin()
    answered = browser.answer(begun)
    browser.get(answered.headers["Location"])
    browser.get(answered.headers["Location"])
    browser.post("<x/>", begun.state)
    secrets = {begun.state, browser.session, *browser.cookies.values()}
    everything = world.server.log.read_text() + str(list(world.database.db.events.find({"tenant": world.tenant})))
    assert [secret for secret in secrets if secret in everything] == []
    assert "SAMLResponse" not in world.server.log.read_text()


@pytest.fixture
def limited(reused_database: Database) -> Iterator[World]:
    """Yield a tenant of a server with limits, behind one proxy, that logs no values."""
    settings = {"SCIMD_RATE_LIMIT": "25", "SCIMD_PROXIES": "1", "SCIMD_LOG_VALUES": "off", "SCIMD_SESSION_HOURS": "1"}
    with served(reused_database, **settings) as server:
        world = World(server)
        world.user_id = world.user()
        yield world


def test_sso_107_an_address_starts_so_many_sign_ins_a_minute(limited):
    browser, address = limited.browser(), {"X-Forwarded-For": "203.0.113.7"}
    responses = [browser.get(limited.url, headers=address) for _ in range(STARTS_OF_ADDRESS + 20)]
    refused = [response for response in responses if response.status_code != 303]
    assert STARTS_OF_ADDRESS <= len(responses) - len(refused) <= STARTS_OF_ADDRESS + 10
    # Not the last response: another start is let in each second.
    assert (refused[0].status_code, int(refused[0].headers["Retry-After"]) >= 1) == (429, True)
    assert "Please try again in a minute." in refused[0].text
    assert browser.get(limited.url, headers={"X-Forwarded-For": "203.0.113.8"}).status_code == 303


def test_sso_107_so_many_refusals_of_an_address_are_logged_a_minute(limited):
    browser = limited.browser()
    address = {"X-Forwarded-For": "203.0.113.9"}
    statuses = [
        browser.get(f"{limited.url}/finish?state=x", headers=address).status_code for _ in range(REFUSALS_OF_ADDRESS + 20)
    ]
    assert set(statuses) == {400, 429}
    assert REFUSALS_OF_ADDRESS <= len(limited.events()) == statuses.count(400) <= REFUSALS_OF_ADDRESS + 10


def test_sso_108_118_behind_a_proxy_the_address_is_the_persons_and_without_values_it_is_not_logged(limited):
    browser = limited.browser()
    where = browser.answer(browser.begin()).headers["Location"]
    browser.send("GET", where, {"X-Forwarded-For": "198.51.100.1, 198.51.100.2"})
    assert [row["address"] for row in limited.sessions()] == ["198.51.100.2"]
    limited.browser().sign_in(name_id="nobody@contoso.com")
    text = str(limited.events())
    assert "address" not in text
    assert "nobody" not in text
    (session,) = limited.sessions()
    assert (session["expires"] - session["created"]).total_seconds() == pytest.approx(3_600, abs=60)


@pytest.mark.long
def test_sso_07_a_server_without_sign_on_does_not_load_what_reads_xml(mongod_uri):
    code = (
        "import sys; from app import create_app; client = create_app().test_client(); client.get('/contoso/scim/v2/Users');"
        "print([name for name in ('lxml', 'signxml') if name in sys.modules])"
    )
    environ = {**os.environ, "SCIMD_MONGODB_URI": mongod_uri.replace("/scimd?", "/sso-07?")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, timeout=120)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stdout + done.stderr


def test_every_reason_has_a_page():
    assert SHOWN.keys() == set(Reason)
    assert {shown.page for shown in SHOWN.values()} == set("ABCDEF")
