"""A browser without a screen: it keeps the cookie, sends what a browser sends, and reads pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import requests
from lxml import html

from app.store.operators.links import Links
from app.store.operators.visits import CONSOLE, SETUP, Visits
from tests.conftest import Server
from tests.sending import send
from tests.served import Served

LINE = "\n"


class Shown:
    """A page."""

    def __init__(self, response: requests.Response) -> None:
        self.response = response
        self.status = response.status_code
        self.tree = html.fromstring(response.text) if response.text else None

    def texts(self, path: str) -> list[str]:
        """The texts of the elements at an XPath, without the spaces between words."""
        assert self.tree is not None
        return [" ".join(each.text_content().split()) for each in self.tree.xpath(path)]

    @property
    def heading(self) -> str:
        (heading,) = self.texts("//h1")
        return heading

    @property
    def main(self) -> str:
        (main,) = self.texts("//main")
        return main

    def links(self) -> list[str]:
        assert self.tree is not None
        return [each.get("href") for each in self.tree.xpath("//main//a[@href]")]

    def form(self, action: str | None = None) -> dict[str, str]:
        """The fields of a form with their values, as a browser would send it."""
        assert self.tree is not None
        path = "//main//form[@method='post']" if action is None else f"//form[@action='{action}']"
        (form,) = self.tree.xpath(path)
        return {name: value or "" for name, value in form.form_values()}


@dataclass
class Browser:
    """A browser at a server; `kind` is console or setup."""

    server: Server | Served
    kind: str = "console"
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Shown:
        return self._send("GET", path, headers)

    def post(self, path: str, data: Any = None, **headers: str) -> Shown:
        return self._send("POST", path, {"Sec-Fetch-Site": "same-origin"} | headers, data=data or {})

    def enter(self, role: str = "operator", who: str = "alice") -> Shown:
        """Come into the console by a new link."""
        secret = Links(self.server.database).make_console(role, who)
        return self.post(f"/console/enter/{secret}", follow="no")

    def enter_setup(self, tenant: str, may: str = "setup", *, lifetime: timedelta = timedelta(hours=1)) -> Shown:
        """Come to the setup pages by a new link."""
        secret, _ = Links(self.server.database).make_setup(tenant, may, "alice", lifetime)
        return self.post(f"/setup/enter/{secret}", follow="no")

    def be_in(self, role: str = "operator", who: str = "alice") -> None:
        """Be in the console without entering it, which takes 0.01 s of processor time."""
        self._visit(CONSOLE, who=who, role=role)

    def be_in_setup(self, tenant: str, may: str = "setup") -> None:
        """Be on the setup pages without entering them; there is no act of a sign-in."""
        links = Links(self.server.database)
        link = links.get(links.make_setup(tenant, may, "alice", timedelta(hours=1))[0], SETUP)
        assert link
        self._visit(SETUP, who=link.visitor, role=link.role, tenant=tenant, link=link.id)

    def _visit(self, kind: str, **parts: str) -> None:
        self.cookies[f"__Host-scimd-{kind}"], _ = Visits(self.server.database).open(kind=kind, **parts)

    def _send(self, method: str, path: str, headers: dict[str, str], **rest: Any) -> Shown:
        follow = headers.pop("follow", "yes") == "yes"
        given = {key.replace("_", "-"): value for key, value in headers.items()}
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = self.headers | given | ({"Cookie": cookie} if cookie else {})
        response = send(method, self.server.url + path, headers=sent, allow_redirects=False, **rest)
        for name, value in response.cookies.items():
            self.cookies[name] = value
        for name in list(self.cookies):
            if f"{name}=;" in response.headers.get("Set-Cookie", ""):
                del self.cookies[name]
        if follow and response.status_code == 303:
            return self._send("GET", response.headers["Location"], {})
        return Shown(response)
