"""The ways of a person through a real browser, with OpenID Connect at the identity provider and at the apps."""

from contextlib import ExitStack

import pytest
import requests

from app.demo.serving import Place
from tests.sign_on.browser.conftest import PATCH, running_apps, until
from tests.sign_on.oidc.provider import ADA
from tests.sign_on.oidc.world import World

pytestmark = [pytest.mark.browser, pytest.mark.process]


@pytest.fixture
def world(server):
    """Yield a tenant whose identity provider and apps run, with `apps`, `app_urls` and the id of ADA's `user_id`."""
    place = Place()
    world = World(server, place)
    with ExitStack() as stack:
        stack.enter_context(place.serving(world.provider.app))
        world.connect()
        world.user_id = world.user(ADA.login, active=True)
        world.apps, world.app_urls = running_apps(stack, server, world.tenant)
        yield world


def open_app(world, page):
    """Open the first app, and choose ADA at the identity provider."""
    page.goto(world.app_urls[0])
    page.wait_for_url(f"{world.provider.url}/**")
    page.locator(f'button[value="{ADA.id}"]').click()
    page.wait_for_url(f"{world.app_urls[0]}/")


def test_sso_146_a_person_opens_the_app_signs_in_by_openid_connect_and_is_in(world, page):
    open_app(world, page)
    assert page.locator("h1").inner_text() == ADA.login
    assert world.provider.asked["token"] == 1


def test_sso_146_a_second_app_asks_no_identity_provider(world, page):
    open_app(world, page)
    page.goto(world.app_urls[1])
    assert (page.title(), page.locator("h1").inner_text()) == ("reports", ADA.login)
    assert world.provider.asked["token"] == 1


def test_sso_03_a_person_who_is_disabled_is_out_at_the_next_click_and_the_app_is_told(world, page):
    open_app(world, page)
    body = {"schemas": [PATCH], "Operations": [{"op": "Replace", "path": "active", "value": "False"}]}
    url = f"{world.scim}/Users/{world.user_id}"
    assert requests.patch(url, json=body, headers={"Authorization": f"Bearer {world.token}"}, timeout=30).status_code < 300
    until(lambda: world.apps[0].told)
    page.goto(f"{world.app_urls[0]}/forget")
    page.goto(world.app_urls[0])
    page.locator(f'button[value="{ADA.id}"]').click()
    page.wait_for_url(f"{world.server.url}/**")
    assert "have no access here at the moment" in page.content()
    assert world.sessions() == []


def test_oi_01_the_answer_to_another_browser_signs_nobody_in(world, page, context):
    page.goto(world.browser().answered())
    assert "started in another window" in page.content()
    assert not [cookie for cookie in context.cookies() if world.tenant in cookie["name"]]
    assert world.provider.asked["token"] == 0
