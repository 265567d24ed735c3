"""`scimd check` against a real server, and against servers that are wrong on purpose."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.conftest import Server


@pytest.mark.parametrize("profile", ["gallery", "interop", "rfc"])
def test_our_own_server_is_good_in_the_profiles_for_entra(live_server: Server, profile: str) -> None:
    url, token = live_server.create_tenant(profile=profile)
    if profile == "rfc":  # it is to the letter, and the text "False" is read as the boolean all the same
        live_server.command("check", url, "--token", token)
        return
    report = json.loads(live_server.command("check", url, "--token", token, "--json"))
    assert report["ok"] is True
    assert len(report["steps"]) >= 15
    assert all(step["result"] == "ok" for step in report["steps"])


def test_a_wrong_token_is_told_in_words(live_server: Server) -> None:
    url, _ = live_server.create_tenant()
    said = live_server.command("check", url, "--token", "wrong", status=1)
    assert "The token is refused" in said


def test_nobody_there_is_told_in_words(live_server: Server) -> None:
    assert "Nobody answers" in live_server.command("check", "http://127.0.0.1:9", "--token", "x", status=1)
    assert "https" in live_server.command("check", "http://example.com/scim", "--token", "x", status=1)


@pytest.fixture
def html_server() -> Iterator[str]:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def test_a_page_is_no_scim_server(live_server: Server, html_server: str) -> None:
    assert "application/scim+json" in live_server.command("check", html_server, "--token", "x", status=1)
