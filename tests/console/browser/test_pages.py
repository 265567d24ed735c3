"""The console in a real browser: from the link to the cure, with and without scripts; by axe; and what it costs."""

from __future__ import annotations

import contextlib
import re
import time

import pytest
import requests

from app.store.accounts.tokens import Tokens
from app.store.log.event import Actor, Event
from app.store.log.events import Events, LogSettings
from tests.console.test_people import pages_of_people
from tests.processes import until

pytestmark = pytest.mark.browser
SCRIPT = pytest.importorskip("axe_playwright_python.base", reason="axe-playwright-python is not installed").AXE_SCRIPT
VIOLATIONS = """async tags => (await axe.run({runOnly: tags, resultTypes: ["violations"]})).violations.map(
  each => [each.id, ...each.nodes.map(node => node.html.slice(0, 120))])"""
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SETUP = ["/setup", "/setup/provider", "/setup/values", "/setup/values?way=trust", "/setup/test", "/setup/done", "/setup/refused",
         "/setup/tokens"]
LAYOUTS = [(width, scheme) for width in (1280, 360) for scheme in ("light", "dark")]


def each_page(customer) -> list[str]:
    """The pages of the console, in the states that the customer gives them."""
    event = customer.pages.database.db.events.find_one({"tenant": customer.name, "failed": True})["_id"]
    here = customer.page
    return [
        "/console", "/console/log", "/console/acts", "/console/customers/new", here, f"{here}/log", f"{here}/log/{event}",
        f"{here}/log?failed=1&person=nobody", f"{here}/credentials", f"{here}/links", f"{here}/state", f"{here}/feed", f"{here}/sign-on",
        *pages_of_people(customer),
        "/console/health", "/console/nothing", f"{here}/log?from=yesterday&cause=required",
    ]


def test_co_02_121_from_the_link_to_a_token_that_works(either_window, customer) -> None:
    page = either_window.enter()
    either_window.go(f"/console?after={customer.name[:-1]}")  # the server has more customers than a page shows
    page.get_by_role("link", name=customer.name).first.click()
    page.get_by_role("navigation", name=customer.name).get_by_role("link", name="Credentials").click()
    page.locator("#issue-label").fill("entra")
    page.get_by_role("button", name="Create a Secret Token").click()
    token = page.locator("#made-1").inner_text().strip()
    assert re.fullmatch(r"scimd_[0-9a-f]{12}_[0-9a-f]{64}", token)
    answer = requests.get(f"{customer.url}/Users", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert answer.status_code == 200


def test_co_121_from_a_refusal_to_its_cure_in_two_clicks(either_window, customer) -> None:
    page = either_window.enter()
    either_window.go(customer.page)
    either_window.go(f"{customer.page}/log?failed=1")
    page.get_by_role("link", name=re.compile("^Why")).first.click()
    page.wait_for_load_state()
    assert page.get_by_role("heading", level=1).inner_text() == "Why was this user refused?"
    assert page.locator("ol li").count() >= 2


def test_co_121_a_customer_is_set_up_with_a_token_that_was_cut_first(either_window, customer) -> None:
    page = either_window.enter_setup(customer.name)
    page.get_by_role("link", name="Connect", exact=True).click()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Create a Secret Token").click()
    token = page.locator("#value-2").inner_text().strip()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("link", name="Continue to the test").click()
    for given, path in ((token[:-20], "/Users"), (token, "/Users"), (token, "/Groups")):
        requests.get(f"{customer.url}{path}?count=1", headers={"Authorization": f"Bearer {given}"}, timeout=30)
    deadline = time.monotonic() + 20
    while not page.locator("text=The test has passed").count():
        assert time.monotonic() < deadline
        if page.get_by_role("link", name="Refresh").count():
            page.get_by_role("link", name="Refresh").click()
        page.wait_for_timeout(300)
    page.locator("text=Refused").first.wait_for()
    page.get_by_role("link", name="Continue", exact=True).click()
    page.wait_for_load_state()
    assert page.locator("text=Start provisioning").count() == 1


def test_co_13_times_are_local_and_values_are_copied(window, customer) -> None:
    page = window.enter()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    window.go(f"{customer.page}/log")
    time = page.locator("time").first
    assert "UTC" in time.get_attribute("title")
    assert time.inner_text() == time.get_attribute("title"), "the browser is in UTC"
    window.go(f"{customer.page}/credentials")
    page.get_by_role("button", name="Create a Secret Token").click()
    page.locator("[data-copy=made-1]").click()
    page.wait_for_function("document.querySelector('[data-copy=made-1]').textContent === 'Copied'")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#made-1").inner_text().strip()


@pytest.mark.parametrize(("zone", "end"), [("Asia/Kolkata", " UTC+5:30"), ("America/New_York", r" UTC-[45]"), ("Europe/London", r" UTC(\+1)?")])
def test_co_45_a_local_time_says_how_far_it_is_from_utc(chromium, window, customer, zone, end) -> None:
    window.enter()
    context = chromium.new_context(timezone_id=zone, storage_state=window.context.storage_state())
    page = context.new_page()
    page.goto(f"{window.server.url}{customer.page}/log")
    assert re.fullmatch(rf"\d+ \w+ \d{{4}}, \d\d:\d\d:\d\d{end}".replace("+5", r"\+5"), page.locator("time").first.inner_text())
    context.close()


def test_co_46_the_log_is_live_and_holds_still_while_one_reads(window, customer) -> None:
    page = window.enter()
    window.go(f"{customer.page}/log")
    customer.user("new@x.org")
    page.wait_for_selector("text=new@x.org")
    page.locator("#rows a").first.focus()
    customer.user("later@x.org")
    page.wait_for_selector("text=1 newer")
    assert page.locator("text=later@x.org").count() == 0
    page.evaluate("document.activeElement.blur()")
    page.wait_for_selector("text=later@x.org")


def test_co_13_a_secret_that_was_not_copied_is_not_left_by_mistake(window, customer) -> None:
    page = window.enter()
    window.go(f"{customer.page}/credentials")
    page.get_by_role("button", name="Create a Secret Token").click()
    page.wait_for_selector("#made-1")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.get_by_role("link", name="Customers").first.click()
    page.wait_for_url("**/console")
    assert asked == ["beforeunload"]
    with contextlib.suppress(Exception):  # chromium does not show the answer to a form again
        page.go_back()
    text = page.locator("body").inner_text()
    assert not re.search(r"scimd_[0-9a-f]{12}_[0-9a-f]{64}", text)
    window.wrong = [text for text in window.wrong if "chrome-error" not in text]


@pytest.mark.parametrize("kind", ["console", "setup"])
def test_co_90_92_122_axe_finds_nothing(window, customer, kind) -> None:
    page = window.enter() if kind == "console" else window.enter_setup(customer.name)
    found = []
    for path in each_page(customer) if kind == "console" else SETUP:
        window.go(path)
        page.evaluate(SCRIPT)
        for width, scheme in LAYOUTS:
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=scheme)
            found += [(path, width, scheme, *each) for each in page.evaluate(VIOLATIONS, TAGS)]
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                found.append((path, width, scheme, "scrolls sideways"))
    window.wrong = [text for text in window.wrong if "404" not in text and "422" not in text]
    assert found == []


def shifts(page) -> list[str]:
    """Return the texts that have moved while the page was loading."""
    return page.evaluate(
        "new Promise(done => { const moved = []; const note = source => moved.push(source.node && source.node.textContent);"
        "new PerformanceObserver(list => list.getEntries().forEach(entry => entry.sources.forEach(note)))"
        ".observe({type: 'layout-shift', buffered: true}); setTimeout(() => done(moved), 100); })"
    )


def test_co_03_104_122_a_page_is_small_and_asks_nobody_else(window, customer) -> None:
    customer.pages.database.db.acts.delete_many({})  # those with the attacks of other tests in them
    page = window.enter()
    window.loaded.clear()
    page.context.clear_cookies()
    page = window.enter()
    for path in each_page(customer)[:-2]:
        window.loaded.clear()
        window.go(path)
        own = [size for url, size in window.loaded if "/static/" not in url]
        assert own[0] < 60_000, (path, own)
        assert page.locator("*").count() < 1_500, path
        if shifts(page):  # a busy machine may paint a page of which a part has not arrived
            window.go(path)
            assert shifts(page) == [], path


HEIGHT = "[...document.querySelectorAll('header, .tabs')].map(each => each.getBoundingClientRect().height).reduce((a, b) => a + b)"
BESIDE = """(() => { const box = [...document.querySelectorAll("header form button")].pop().getBoundingClientRect();
  return [...document.querySelectorAll("header a, header input")].map(each => each.getBoundingClientRect()).filter(
    each => each.top < box.bottom && box.top < each.bottom).length; })()"""
"""How many links and fields are beside the last button of the header."""


def test_on_a_phone_header_and_tabs_take_a_third_of_the_first_screen_at_most(window, customer) -> None:
    page = window.enter()
    page.set_viewport_size({"width": 360, "height": 640})
    for path in (customer.page, "/console", "/setup"):
        if path == "/setup":
            window.enter_setup(customer.name)
        window.go(path)
        assert page.evaluate(HEIGHT) <= 640 / 3, path
        assert page.evaluate(BESIDE) > 0, path


def test_co_91_on_a_phone_no_page_of_the_setup_scrolls_sideways(window, customer) -> None:
    """The longest state, "It has worked, but the last request was refused", is wider than a phone."""
    customer.send("GET", "/Users", token="scimd_cut")
    window.enter_setup(customer.name)
    window.page.set_viewport_size({"width": 360, "height": 740})
    until(lambda: "the last request was refused" in window.go("/setup/test").locator("main").inner_text())
    for path in ("/setup/test", "/setup", "/setup/values", "/setup/tokens", "/setup/refused"):
        window.go(path)
        assert window.page.evaluate("document.documentElement.scrollWidth") == 360, path


def test_co_91_a_day_that_has_the_focus_shows_it(window, customer) -> None:
    window.enter()
    window.go(f"{customer.page}/log")
    window.page.locator("#credential").focus()
    window.page.keyboard.press("Tab")
    assert window.page.evaluate("document.activeElement.id") == "from"
    assert window.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


BROKEN = """[...document.querySelectorAll("td bdi, td code")].filter(
  each => each.textContent && !/[\\s-]/.test(each.textContent) && each.getBoundingClientRect().height > 30).map(each => each.textContent)"""
"""Words in tables that are on two lines."""


def test_on_a_phone_a_line_about_no_resource_says_what_it_is(window, customer) -> None:
    customer.send("GET", "/Users", token="scimd_cut")
    window.enter()
    window.page.set_viewport_size({"width": 360, "height": 640})
    window.go(f"{customer.page}/log?operation=authenticate")
    assert window.page.locator("td", has_text="authenticate").first.is_visible()


ROOM = """(selector => [...document.querySelectorAll(selector)].map(each => {
  const range = document.createRange(); range.selectNodeContents(each);
  return Math.round(each.getBoundingClientRect().width - range.getBoundingClientRect().width); }))"""
"""How much wider elements are than their text."""


def test_on_a_phone_what_belongs_together_is_on_one_line(window, customer) -> None:
    """Who did something beside "By:", the bars beside what they count, and a text after its time."""
    window.enter_setup(customer.name)
    page = window.enter()
    page.set_viewport_size({"width": 360, "height": 740})
    for path, column in ((f"{customer.page}/log", "By"), ("/console", "Changes, 7 days")):
        window.go(path)
        heights = page.locator(f"td[data-label='{column}']").evaluate_all("found => found.map(each => each.clientHeight)")
        assert heights and max(heights) < 40, path
    window.go("/setup/test")
    page.locator("#arrivals li time").first.wait_for()
    assert set(page.evaluate(f"{ROOM}('#arrivals li time')")) == {0}


def test_a_word_in_a_table_is_on_one_line(window, customer) -> None:
    name, shown = "christopher.montgomery@contoso.com", "Featherstonehaugh"
    customer.user(name, displayName=shown)
    user = customer.user(f"x{name}", displayName=f"Cholmondeley {shown}").json()["id"]
    operation = {"op": "replace", "path": "displayName", "value": shown}
    message = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]}
    customer.send("PATCH", f"/Users/{user}", message)
    customer.moved(6)
    changed = customer.pages.database.db.events.find_one({"tenant": customer.name, "operation": "patch"})["_id"]
    refused = customer.pages.database.db.events.find_one({"tenant": customer.name, "failed": True})["_id"]
    page = window.enter()
    for path in ("log", "people", f"people/{user}", f"log/{changed}", f"log/{refused}"):
        window.go(f"{customer.page}/{path}")
        assert page.locator("td bdi").count() > 0, path
        assert page.evaluate(BROKEN) == [], path
        assert page.evaluate("[...document.querySelectorAll('.scroll')].filter(each => each.scrollWidth > each.clientWidth).length") == 0, path


def test_what_was_done_is_on_one_line_beside_a_long_value(window, customer) -> None:
    detail = f"unknown-certificate: Certificate: expected {'A' * 64}, received {'B' * 64}."
    log = Events(customer.pages.database, customer.name, LogSettings(90))
    log.append(Event("sign-on-test", "User", status=403, detail=detail), Actor())
    page = window.enter()
    window.go(f"{customer.page}/log?operation=sign-on-test")
    height = "cell => { const range = document.createRange(); range.selectNodeContents(cell); return range.getBoundingClientRect().height; }"
    assert 0 < page.locator("td", has_text="sign-on-test").first.evaluate(height) < 30


def test_who_did_something_takes_two_lines_at_most_with_the_rest_in_the_title(window, customer) -> None:
    label = "The token that the administrator of Contoso pasted into Entra in 2026"
    customer.token = Tokens(customer.pages.database).issue(customer.name, label=label)[0]
    customer.user("cy@x.org")
    customer.pages.command("tenant", "suspend", customer.name)
    customer.pages.command("tenant", "resume", customer.name)
    customer.moved(6)
    page = window.enter()
    window.go(f"{customer.page}/log")
    cells = page.locator("td[data-label=By]")
    assert label in cells.all_inner_texts()
    assert [height for height in cells.evaluate_all("found => found.map(each => each.firstElementChild.clientHeight)") if not 0 < height < 50] == []
    command = cells.locator("code", has_text="command line").first
    assert command.get_attribute("title") == command.inner_text()


def test_co_91_by_keyboard_alone(window, customer) -> None:
    page = window.enter()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    window.go(f"{customer.page}/credentials")
    page.locator("#issue-label").focus()
    page.keyboard.type("by keyboard")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#made-1")
    page.locator("summary", has_text="Revoke").first.focus()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.on("dialog", lambda dialog: dialog.accept())
    assert not page.get_by_role("button", name=re.compile("Revoke for good")).count(), "a second step is needed"
    page.keyboard.press("Enter")
    page.get_by_role("button", name=re.compile("Revoke for good")).first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("text=it lets no one in")


def test_ca_03_no_page_is_shown_in_a_frame(window, customer) -> None:
    page = window.enter()
    window.go("/readyz")
    page.evaluate("url => { const f = document.createElement('iframe'); f.src = url; document.body.append(f); }", f"{window.server.url}/console")
    page.wait_for_timeout(500)
    inner = [frame for frame in page.frames if frame != page.main_frame]
    assert all("Customers" not in frame.content() for frame in inner)
    assert any("frame" in text.lower() for text in window.wrong)
    window.wrong = []
