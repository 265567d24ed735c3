"""What all pages share: the frame, headers, the way values are shown, and what is left out by the settings."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from lxml import html

from app.assembly import assemble
from app.auth.limits import console_limits
from app.config import Config
from app.console.frame import shown
from app.errors import Unavailable
from app.store.mongo.database import Database
from app.store.operators.links import Links
from app.store.operators.visits import Visits
from tests.console.browsing import Browser
from tests.console.test_costs import World, pages, world  # noqa: F401 - a fixture

CONSOLE = Path(__file__).parents[2] / "app" / "console"
TEMPLATES = sorted((CONSOLE / "templates").rglob("*.html"))


def client(database: Database, **settings: str) -> Flask:
    return assemble(Config.from_environment(settings), database).test_client()


def text_of(world: World, path: str) -> str:  # noqa: F811 - a fixture
    with world.app.test_client(use_cookies=False) as browser:
        return browser.get(path, headers={"Cookie": world.cookie}, base_url="http://127.0.0.1:8000").text


def test_co_40_95_120_each_page_has_the_frame_and_nothing_that_the_policy_forbids(world: World) -> None:  # noqa: F811
    for path in pages(world):
        text = text_of(world, path)
        if not text.startswith("<!DOCTYPE"):
            continue  # an export, or a redirect
        tree = html.fromstring(text)
        assert len(tree.xpath("//h1")) == 1, path
        assert tree.xpath("//a[@class='skip' and @href='#main']"), path
        assert len(tree.xpath("//*[contains(@class, 'primary')]")) <= 1, path
        assert tree.xpath("//@style | //style | //script[not(@src)] | //@*[starts-with(name(), 'on')]") == [], path
        assert {each.get("src") for each in tree.xpath("//script")} == {tree.xpath("//script/@src")[0]}
        assert all(link.startswith(("/", "#")) for link in tree.xpath("//a/@href | //form/@action | //link/@href")), path
        ids = tree.xpath("//@id")
        assert len(ids) == len(set(ids)), path


def test_co_31_setup_pages_have_no_tenant_in_their_addresses(world: World) -> None:  # noqa: F811
    rules = [rule.rule for rule in world.app.url_map.iter_rules() if rule.rule.startswith("/setup")]
    assert rules
    assert not [rule for rule in rules if "tenant" in rule or "customer" in rule]


def test_co_43_no_template_turns_escaping_off() -> None:
    for path in [*TEMPLATES, *CONSOLE.rglob("*.py")]:
        text = path.read_text()
        assert not re.search(r"\|\s*safe\b|\bMarkup\b|autoescape", text), path
        if path.suffix == ".html":
            assert not re.search(r"=\{\{", text), f"{path} has an attribute without quotes"


@pytest.mark.parametrize(("text", "expected"), [
    ("Ada", "Ada"), ("a\u202egpj.exe", "a\\u202egpj.exe"), ("a\u2028b", "a\\u2028b"), ("a\u200cb\u200d", "a\u200cb\u200d"),
    ("a\x00\x1b[0m", "a\\x00\\x1b[0m"), ("\ud800", "\\ud800"), (7, "7"), ("<b>", "<b>"), ("تست", "تست"), ("a\tb", "a\\tb"),
])
def test_co_43_what_cannot_be_seen_is_shown_as_an_escape(text, expected) -> None:
    assert shown.shown(text) == expected


def test_co_45_ages_are_those_of_the_present(monkeypatch) -> None:
    moment = datetime(2026, 11, 8, 6, 4, 7, tzinfo=UTC)
    monkeypatch.setattr(shown, "now", lambda: moment)
    assert [shown.ago(moment - timedelta(hours=hours)) for hours in (0, 5, -3)] == ["just now", "5 hours ago", "in 3 hours"]


def test_co_94_pages_say_customer_and_do_not_shout() -> None:
    for path in TEMPLATES:
        text = re.sub(r"\{[{%#].*?[%#}]\}|<[^>]*>", " ", path.read_text(), flags=re.DOTALL)
        assert "!" not in text, path
        words = re.sub(r"Tenant URL|scimd tenant create NAME", "", text)
        assert not re.search(r"tenants?\b", words, re.IGNORECASE), path


def test_co_96_only_the_static_files_are_scripts(world: World) -> None:  # noqa: F811
    with world.app.test_client() as browser:
        page = browser.get("/console", base_url="http://127.0.0.1:8000").text
        (script,) = re.findall(r'src="(/static/[^"]+\.js)"', page)
        answer = browser.get(script)
        assert answer.mimetype == "text/javascript"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        for wrong in (script.replace(script.split("/")[2], "0" * 12), script.replace("console.js", "..%2finstall.py")):
            assert browser.get(wrong).status_code == 404


def test_a_view_has_at_most_eight_lines(application: Flask) -> None:
    views, long = set(), []
    for path in CONSOLE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and any("Need." in ast.unparse(each) for each in node.decorator_list):
                views.add(node.name)
                first, last = node.body[bool(ast.get_docstring(node))], node.body[-1]
                if (last.end_lineno or 0) - first.lineno + 1 > 8:
                    long.append((path.name, node.name))
    assert long == []
    declared = {view.__name__ for endpoint, view in application.view_functions.items() if hasattr(view, "needs")}
    assert views == declared - {"unknown"}


@pytest.mark.parametrize(("setting", "there", "gone"), [
    ("off", (), ("/console", "/console/log", "/setup", "/setup/values")), ("setup", ("/setup",), ("/console", "/console/log")),
])
def test_co_06_ca_16_what_is_left_out_is_not_there(mongod: Database, setting, there, gone) -> None:
    browser = client(mongod, SCIMD_CONSOLE=setting)
    for path in gone:
        answer = browser.get(path, base_url="http://127.0.0.1:8000")
        assert (answer.status_code, answer.mimetype) == (404, "application/scim+json")
    assert browser.get("/", headers={"Accept": "text/html"}).status_code == 404
    for path in there:
        assert browser.get(path, base_url="http://127.0.0.1:8000").mimetype == "text/html"


def test_co_27_a_setup_link_never_opens_itself(pages, tenant) -> None:  # noqa: F811 - another fixture
    secret, _ = Links(pages.database).make_setup(tenant, "setup", "alice", timedelta(hours=1))
    asked = Browser(pages, "setup").get(f"/setup/enter/{secret}")
    assert asked.tree.xpath("//form[@data-submit]") == []
    own = Links(pages.database).make_console("operator", "alice")
    assert len(Browser(pages).get(f"/console/enter/{own}").tree.xpath("//form[@data-submit]")) == 1, "CO-13 (5)"
    assert tenant in asked.main
    assert Links(pages.database).get(secret, "setup").opened == 0


def test_co_28_over_http_from_elsewhere_nobody_signs_in(mongod: Database) -> None:
    browser = client(mongod, SCIMD_PUBLIC_URL="http://scim.example.com")
    secret = Links(mongod).make_console("operator", "alice")
    headers = {"Sec-Fetch-Site": "same-origin"}
    for answer in (
        browser.get(f"/console/enter/{secret}", base_url="http://scim.example.com"),
        browser.post(f"/console/enter/{secret}", base_url="http://scim.example.com", headers=headers),
    ):
        assert "SCIMD_PUBLIC_URL" in answer.text
        assert "Set-Cookie" not in answer.headers
    assert Links(mongod).get(secret, "console")


def test_co_35_a_visit_that_asks_too_fast_waits(world: World, monkeypatch) -> None:  # noqa: F811
    # However slowly this machine asks, it is too fast.
    monkeypatch.setattr(console_limits, "REQUESTS", replace(console_limits.REQUESTS, per_second=0.01))
    found = [world.get("/console/acts")[0] for _ in range(80)]
    assert found[0] == 200
    assert 429 in found


def test_co_41_without_the_database_there_is_a_page_that_says_so(world: World, monkeypatch) -> None:  # noqa: F811
    def away(*_, **__):
        raise Unavailable("The database does not answer.", retry_after=5)

    monkeypatch.setattr(Visits, "get", away)
    with world.app.test_client() as browser:
        answer = browser.get("/console/acts", base_url="http://127.0.0.1:8000")
    assert (answer.status_code, answer.mimetype, answer.headers["Retry-After"]) == (503, "text/html", "5")
    assert "is not answering" in answer.text


def test_ca_05_a_viewer_does_nothing(pages, viewer, tenant) -> None:  # noqa: F811
    before = pages.database.db.acts.count_documents({"tenant": tenant})
    for path in ("credentials", "links", "state", "feed"):
        assert viewer.post(f"/console/customers/{tenant}/{path}", {"act": "suspend"}).status == 403
        assert viewer.get(f"/console/customers/{tenant}/{path}").tree.xpath("//main//form[@method='post']") == []
    assert pages.database.db.acts.count_documents({"tenant": tenant}) == before
