"""The sign-on of `scimd serve --demo`: a newcomer signs in to an app as a provisioned person."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests

from app.demo.people import PEOPLE, Person
from app.store.sign_on.apps import Apps
from app.store.sign_on.connections import Connections
from tests.conftest import SCIMD, Server, make_server, new_database

ADA, GRACE, NIKLAUS, EDSGER = PEOPLE


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, mongod_uri: str) -> Iterator[Server]:
    server = make_server(tmp_path_factory.mktemp("demo"), SCIMD_WORKERS="2", SCIMD_MONGODB_URI=new_database(mongod_uri))
    yield server
    if server.process and server.process.poll() is None:
        server.stop()


@pytest.fixture
def server(demo: Server) -> Server:
    """Start the demo, unless it runs."""
    if demo.process is None or demo.process.poll() == 0:  # one that has failed is not covered up
        demo.start("--demo")
    return demo


def app_of(server: Server) -> str:
    return re.findall(r"App +(http://127\.0\.0\.1:\d+/)", server.page.read_text())[-1]


class Browser:
    """A browser that follows redirects; all ports of this machine share its cookies, and `Secure` ones are sent."""

    def __init__(self) -> None:
        self.cookies: dict[str, str] = {}

    def get(self, url: str, method: str = "GET", form: dict[str, str] | None = None) -> requests.Response:
        for _ in range(20):
            sent = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            headers = {"Cookie": sent} if sent else {}
            answer = requests.request(method, url, data=form, headers=headers, allow_redirects=False, timeout=30)
            for cookie in answer.cookies:
                self.cookies[cookie.name] = str(cookie.value)
            if not answer.is_redirect:
                return answer
            url, method, form = urljoin(url, answer.headers["Location"]), "GET", None
        raise AssertionError("it goes in circles")

    def sign_in(self, app: str, person: Person) -> requests.Response:
        """Go to the app, and be the person whom the identity provider asks for."""
        choice = self.get(f"{app}login")
        assert person.login in choice.text
        return self.get(choice.url, "POST", {"person": person.id})


@pytest.mark.long
def test_a_newcomer_signs_in(server: Server) -> None:
    browser, app = Browser(), app_of(server)
    assert "Sign in" in browser.get(app).text
    home = browser.sign_in(app, ADA)
    assert (home.status_code, home.url) == (200, app)
    assert "Hello, Ada Lovelace" in home.text
    assert ADA.login in home.text


@pytest.mark.long
def test_a_second_visit_asks_nobody(server: Server) -> None:
    browser, app = Browser(), app_of(server)
    assert "Hello, Grace" in browser.sign_in(app, GRACE).text
    assert "Hello, Grace" in browser.get(f"{app}login").text


@pytest.mark.long
@pytest.mark.parametrize("person", [NIKLAUS, EDSGER])
def test_who_is_disabled_or_not_provisioned_is_refused(server: Server, person: Person) -> None:
    browser, app = Browser(), app_of(server)
    refused = browser.sign_in(app, person)
    assert refused.status_code == 403
    assert refused.url.startswith(server.url)
    assert "have no access" in refused.text
    assert "Sign in" in browser.get(app).text


@pytest.mark.long
def test_a_person_signs_out_of_both(server: Server) -> None:
    browser, app = Browser(), app_of(server)
    assert "Hello, Ada" in browser.sign_in(app, ADA).text
    assert "Demo app" in browser.get(f"{app}logout").text
    assert "asks for no password" in browser.get(f"{app}login").text  # scimd asks the identity provider again


@pytest.mark.long
def test_the_sign_on_address_leads_to_the_app(server: Server) -> None:
    browser, app = Browser(), app_of(server)
    choice = browser.get(f"{server.url}/demo/sign-on")
    assert browser.get(choice.url, "POST", {"person": ADA.id}).url == app


@pytest.mark.long
def test_each_start_connects_anew_and_the_servers_end_with_scimd(server: Server) -> None:
    app = app_of(server)
    assert server.stop() == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(app, timeout=5)
    server.start("--demo")
    assert "Hello, Ada" in Browser().sign_in(app_of(server), ADA).text


@pytest.mark.long
def test_a_later_start_registers_nothing_anew(tmp_path: Path, mongod_uri: str) -> None:
    server = make_server(tmp_path, SCIMD_WORKERS="1", SCIMD_MONGODB_URI=new_database(mongod_uri))
    seen = []
    for _ in range(3):
        server.start("--demo")
        try:
            assert "Hello, Ada" in Browser().sign_in(app_of(server), ADA).text
            (app,) = Apps(server.database).all()
            (connection,) = Connections(server.database).of_tenant("demo")
            lines = server.database.db.events.find({"tenant": "demo", "resource.type": {"$in": ["app", "sso"]}})
            operations = sorted(line["operation"] for line in lines)
            seen.append((app.settings.redirect_uris, app.id, connection.id, connection.saved, operations))
        finally:
            assert server.stop() == 0
    if len({row[0] for row in seen}) > 1:
        pytest.skip("another process has taken a port of the demo between two starts")
    assert seen == [seen[0]] * 3
    assert seen[0][-1] == ["create", "on"]


@pytest.mark.long
def test_a_second_start_at_the_same_address_leaves_the_first_alone(server: Server) -> None:
    before = Apps(server.database).all()
    done = subprocess.run(
        [SCIMD, "serve", "--demo"], env=server.environ, cwd=server.folder, capture_output=True, text=True, timeout=60, check=False,
    )
    assert done.returncode == 1
    assert "set SCIMD_BIND to another address" in done.stderr
    assert Apps(server.database).all() == before
    assert "Hello, Ada" in Browser().sign_in(app_of(server), ADA).text


@pytest.mark.long
def test_the_identity_provider_says_that_it_serves_the_demo_alone(server: Server) -> None:
    choice = Browser().get(f"{app_of(server)}login")
    assert "serves the tenant <em>demo</em> alone" in choice.text
    other = requests.get(choice.url.replace("demo%2Fsign-on", "contoso%2Fsign-on"), timeout=30)
    assert other.status_code == 400
    assert "this is another one" in other.text
    assert "serves the tenant demo alone" in server.page.read_text()


@pytest.mark.long
def test_a_service_that_is_not_on_this_machine_gets_none(tmp_path: Path, mongod_uri: str) -> None:
    server = make_server(
        tmp_path, SCIMD_PUBLIC_URL="https://scim.example.com", SCIMD_WORKERS="1", SCIMD_MONGODB_URI=new_database(mongod_uri),
    )
    try:
        server.start("--demo")
        assert "Secret Token" in server.page.read_text()
        assert "Sign in as" not in server.page.read_text()
        assert server.command("app", "list").startswith("There are no apps")
    finally:
        server.stop()
