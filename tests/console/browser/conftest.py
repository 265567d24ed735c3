"""A browser at a real server that has a customer with people, refusals and a timeline."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from app.store.operators.links import Links
from tests.conftest import Server
from tests.console.test_log import Customer


@dataclass
class Window:
    """A window of a browser that notes what must not be: messages, requests elsewhere, broken layouts."""

    context: Any
    server: Server
    wrong: list[str] = field(default_factory=list)
    loaded: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.page.on("console", lambda message: self.wrong.append(message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("response", self._note)

    def _note(self, response: Any) -> None:
        if not response.url.startswith(self.server.url):
            self.wrong.append(f"a request to {response.url}")
        self.loaded.append((response.url, int(response.headers.get("content-length", 0))))

    def go(self, path: str) -> Any:
        self.page.goto(f"{self.server.url}{path}")
        return self.page

    def enter(self, role: str = "operator") -> Any:
        """Come into the console by a link, which the page's script uses by itself where scripts run."""
        secret = Links(self.server.database).make_console(role, "alice")
        self.go(f"/console/enter/{secret}")
        if "/enter/" in self.page.url and self.page.get_by_role("button", name="Sign in as alice").count():
            self.page.get_by_role("button", name="Sign in as alice").click()
        self.page.wait_for_url(f"{self.server.url}/console")
        return self.page


    def enter_setup(self, tenant: str) -> Any:
        """Come to the setup pages of a tenant by a link."""
        secret, _ = Links(self.server.database).make_setup(tenant, "setup", "alice", timedelta(hours=1))
        self.go(f"/setup/enter/{secret}").get_by_role("button", name="Continue").click()
        self.page.wait_for_url(re.compile("/setup(/[a-z]+)?$"))  # the step at which the customer stands
        return self.page


@pytest.fixture(params=["with scripts", "without scripts"])
def scripts(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "with scripts")


@pytest.fixture
def window(chromium: Any, pages: Server) -> Iterator[Window]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, timezone_id="UTC")
    yield (made := Window(context, pages))
    context.close()
    assert made.wrong == []


@pytest.fixture
def either_window(chromium: Any, pages: Server, scripts: bool) -> Iterator[Window]:
    context = chromium.new_context(java_script_enabled=scripts)
    yield (made := Window(context, pages))
    context.close()
    assert made.wrong == []


@pytest.fixture
def customer(pages: Server) -> Customer:
    """A customer with two people and a refusal."""
    made = Customer(pages)
    made.user("ada@x.org")
    made.user("bo@x.org")
    made.user("svc@x.org", name={"familyName": "Backup"})
    made.moved(3)
    return made
