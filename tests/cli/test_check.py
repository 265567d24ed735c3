"""`scimd check` against a real server, and against servers that are wrong on purpose."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from app.check import CLIENTS
from tests.conftest import Server


@pytest.mark.parametrize("profile", ["gallery", "interop", "rfc"])
def test_our_own_server_is_good_in_the_eyes_of_entra(live_server: Server, profile: str) -> None:
    """In `rfc` too: it is to the letter, and the text "False" is read as the boolean all the same."""
    url, token = live_server.create_tenant(profile=profile)
    report = json.loads(live_server.command("check", url, "--token", token, "--json"))
    assert (report["url"], report["client"], report["ok"]) == (url, "entra", True)
    assert len(report["steps"]) >= 15


@pytest.mark.parametrize("client", CLIENTS)
def test_our_own_server_is_good_in_the_eyes_of_each_client(live_server: Server, client: str) -> None:
    url, token = live_server.create_tenant(profile="interop")
    said = live_server.command("check", url, "--as", client, "--token", token, "--json")
    report = json.loads(said)
    assert [row for row in report["steps"] if row["result"] != "ok"] == []
    assert report["client"] == client
    assert {row["method"] for step in report["steps"] for row in step["requests"]} >= {"GET", "POST", "PATCH", "DELETE"}
    assert all(row["status"] for step in report["steps"] for row in step["requests"])
    assert token not in said
    for path in ("Users", "Groups"):
        left = requests.get(f"{url}/{path}", headers={"Authorization": f"Bearer {token}"}, timeout=30).json()
        assert left["totalResults"] == 0


def test_each_client_is_asked_for_in_the_readme() -> None:
    options = "\\|".join(CLIENTS)
    assert f"[--as {options}]" in (Path(__file__).parents[2] / "README.md").read_text()


def test_a_wrong_token_is_told_in_words(live_server: Server) -> None:
    url, _ = live_server.create_tenant()
    said = live_server.command("check", url, "--token", "wrong", status=1)
    assert "The token is refused" in said


def test_a_wrong_url_is_told_in_words(live_server: Server) -> None:
    url, token = live_server.create_tenant()

    def said(of: str) -> str:
        return live_server.command("check", of, "--token", token, status=1)

    for wrong in (url.removesuffix("/scim/v2"), f"{url}/Users"):
        assert "does not exist. Is this the whole SCIM URL, and nothing else?" in said(wrong)
    for wrong in (url.removeprefix("http://"), "localhost:8000/acme/scim/v2", "ftp://localhost/", "https:///acme"):
        assert "This is not a whole URL: it begins with https://" in said(wrong)
    assert "does the server speak plain HTTP at this port?" in said(url.replace("http://", "https://"))


def test_nobody_there_is_told_in_words(live_server: Server) -> None:
    assert "Nothing answers" in live_server.command("check", "http://127.0.0.1:9", "--token", "x", status=1)
    assert "https" in live_server.command("check", "http://example.com/scim", "--token", "x", status=1)
    assert "This is not a URL" in live_server.command("check", "https://[", "--token", "x", status=1)


class Broken(BaseHTTPRequestHandler):
    """A SCIM server that is wrong: a user gets no id, nothing is ever found, groups are a page of HTML."""

    def do_GET(self) -> None:
        if self.headers["Authorization"].startswith("Bearer wrong"):
            self._answer(401, {"detail": "No."})
        elif self.path.startswith("/Groups"):
            self._answer(200, "<html>", "text/html")
        else:
            self._answer(200, {"totalResults": 0, "Resources": [], "startIndex": 1})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(201, {"displayName": body["displayName"]} | ({"id": "g"} if "members" in body else {}))

    def _refuse(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(501, {"detail": "PATCH is not implemented."})

    do_PATCH = do_PUT = do_DELETE = _refuse

    def _answer(self, status: int, body: object, kind: str = "application/scim+json") -> None:
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def broken_server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Broken)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def test_what_is_wrong_is_told_step_by_step(live_server: Server, broken_server: str) -> None:
    """A step that needs what could not be made is skipped; the exit status says that something is wrong."""
    said = live_server.command("check", broken_server, "--as", "okta", "--token", "x", "--json", status=1)
    report = json.loads(said)
    assert report["ok"] is False
    told = {row["step"]: (row["result"], row["detail"]) for row in report["steps"]}
    assert told["A user is created, with a password and no groups"] == (
        "wrong", "POST /Users must answer with the resource and its id.")
    assert told["The user is found by its userName"] == ("skipped", "There is no user to try this with.")
    assert told["The group is renamed (PATCH without a path, with the id)"] == (
        "wrong", "The response to PATCH /Groups/g is 501: PATCH is not implemented.")
    assert told["What was made for the check is deleted: Groups"] == (
        "wrong", "The response to DELETE is 501; /Groups/g may be left on the server.")
    pages = live_server.command("check", broken_server, "--as", "onelogin", "--token", "x", status=1)
    assert "WRONG  The groups are read\n       The media type of the response is text/html; it must be application/scim+json." in pages


@pytest.fixture
def html_server() -> Iterator[str]:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def test_a_page_is_no_scim_server(live_server: Server, html_server: str) -> None:
    assert "application/scim+json" in live_server.command("check", html_server, "--token", "x", status=1)
