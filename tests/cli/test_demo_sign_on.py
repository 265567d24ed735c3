"""The sign-on of `scimd serve --demo`: a newcomer signs in to an app as a provisioned person."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests

from app.demo.people import PEOPLE, Person
from tests.conftest import Server, make_server

ADA, GRACE, NIKLAUS, EDSGER = PEOPLE


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = make_server(tmp_path_factory.mktemp("demo"), SCIMD_WORKERS="2")
    server.start("--demo")
    yield server
    if server.process and server.process.poll() is None:
        server.stop()


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


def test_a_newcomer_signs_in(server: Server) -> None:
    browser, app = Browser(), app_of(server)
    assert "Sign in" in browser.get(app).text
    home = browser.sign_in(app, ADA)
    assert (home.status_code, home.url) == (200, app)
    assert "Hello, Ada Lovelace" in home.text
    assert ADA.login in home.text


def test_a_second_visit_asks_nobody(server: Server) -> None:
    browser, app = Browser(), app_of(server)
    assert "Hello, Grace" in browser.sign_in(app, GRACE).text
    assert "Hello, Grace" in browser.get(f"{app}login").text


@pytest.mark.parametrize("person", [NIKLAUS, EDSGER])
def test_who_is_disabled_or_not_provisioned_is_refused(server: Server, person: Person) -> None:
    browser, app = Browser(), app_of(server)
    refused = browser.sign_in(app, person)
    assert refused.status_code == 403
    assert refused.url.startswith(server.url)
    assert "have no access" in refused.text
    assert "Sign in" in browser.get(app).text


def test_a_person_signs_out_of_both(server: Server) -> None:
    browser, app = Browser(), app_of(server)
    assert "Hello, Ada" in browser.sign_in(app, ADA).text
    assert "Demo app" in browser.get(f"{app}logout").text
    assert "asks for no password" in browser.get(f"{app}login").text  # scimd asks the identity provider again


def test_the_sign_on_address_leads_to_the_app(server: Server) -> None:
    browser, app = Browser(), app_of(server)
    choice = browser.get(f"{server.url}/demo/sign-on")
    assert browser.get(choice.url, "POST", {"person": ADA.id}).url == app


def test_each_start_connects_anew_and_the_servers_end_with_scimd(server: Server) -> None:
    app = app_of(server)
    assert server.stop() == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(app, timeout=5)
    server.start("--demo")
    assert "Hello, Ada" in Browser().sign_in(app_of(server), ADA).text
    assert server.stop() == 0


def test_a_service_that_is_not_on_this_machine_gets_none(tmp_path: Path) -> None:
    server = make_server(tmp_path, SCIMD_PUBLIC_URL="https://scim.example.com", SCIMD_WORKERS="1")
    try:
        server.start("--demo")
        assert "Secret Token" in server.page.read_text()
        assert "Sign in as" not in server.page.read_text()
        assert server.command("app", "list").startswith("There are no apps")
    finally:
        server.stop()
