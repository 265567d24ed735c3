"""People and groups in a real browser, with and without scripts."""

from __future__ import annotations

import uuid

import pytest

pytestmark = pytest.mark.browser


def test_co_121_what_was_deleted_is_restored(either_window, customer) -> None:
    gone = customer.user("gone@x.org").json()["id"]
    customer.send("DELETE", f"/Users/{gone}")
    page = either_window.enter()
    either_window.go(customer.page)
    page.get_by_role("navigation", name=customer.name).get_by_role("link", name="Deleted").click()
    page.get_by_role("button", name="Restore gone@x.org").click()
    page.get_by_text("Restored, with its memberships.").wait_for()
    assert customer.send("GET", f"/Users/{gone}").status_code == 200


def test_co_121_somebody_is_found_by_the_box_at_the_top(either_window, customer) -> None:
    name = f"{uuid.uuid4().hex}@x.org"
    customer.user(name)
    page = either_window.enter()
    page.get_by_role("search").get_by_role("textbox").fill(name)
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name=name).click()
    assert page.get_by_role("heading", level=1).inner_text() == name


@pytest.mark.parametrize("width", [1280, 360])
def test_co_91_a_long_name_wraps_and_covers_nothing(window, customer, width) -> None:
    name = "x" * 290
    customer.user(name, name={"familyName": "Backup"})
    customer.user(name)
    customer.moved(5)
    page = window.enter()
    page.set_viewport_size({"width": width, "height": 800})
    for path in ("log", "people", "log?failed=1"):
        window.go(f"{customer.page}/{path}")
        assert page.locator("tbody tr").count() >= 1
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), path
        boxes = page.evaluate("[...document.querySelectorAll('main *')].filter(each => each.closest('thead') === null)"
                              ".map(each => each.getBoundingClientRect()).filter(box => box.left < 0 || box.right > innerWidth).length")
        assert boxes == 0, path
