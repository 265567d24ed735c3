"""The ways of a person through a real browser, with SAML at the identity provider and OpenID Connect at the apps."""

import pytest

from tests.sign_on.browser.conftest import until
from tests.sign_on.saml.world import Browser

pytestmark = [pytest.mark.browser, pytest.mark.process]


def heading(page):
    return page.locator("h1").inner_text()


def cookie_names(context):
    return {cookie["name"] for cookie in context.cookies()}


def is_signed_in(context, place):
    return f"__Host-scimd-{place.tenant.name}" in cookie_names(context)


def test_sso_146_a_person_opens_the_app_and_is_in(place, page):
    page.goto(place.app_urls[0])
    assert page.url == f"{place.app_urls[0]}/"
    assert heading(page) == "B. Simon"
    assert place.idp.asked == 1


def test_sso_146_a_second_app_shows_no_page(place, page):
    page.goto(place.app_urls[0])
    page.goto(place.app_urls[1])
    assert (page.title(), heading(page)) == ("reports", "B. Simon")
    assert place.idp.asked == 1


def test_sso_146_two_tabs_at_once_both_come_in(place, context):
    one, other = context.new_page(), context.new_page()
    one.goto(place.app_urls[0], wait_until="commit")
    other.goto(place.app_urls[1], wait_until="commit")
    for page, url in ((one, place.app_urls[0]), (other, place.app_urls[1])):
        page.wait_for_url(f"{url}/")
        assert heading(page) == "B. Simon"


def test_sso_37_the_tile_of_my_apps_leads_to_a_page_that_says_who_is_signed_in(place, page, context):
    page.goto(place.tenant.sign_on)
    assert "B. Simon" in page.content() or "b.simon" in page.content()
    assert is_signed_in(context, place)


def test_sso_82_signing_out_ends_the_session_and_tells_the_app(place, page, context):
    page.goto(place.app_urls[0])
    page.goto(f"{place.tenant.sign_on}/out")
    page.locator("button").click()
    page.wait_for_load_state()
    assert not is_signed_in(context, place)
    assert place.tenant.sessions() == 0
    until(lambda: place.apps[0].told)
    page.goto(f"{place.app_urls[0]}/forget")
    page.goto(place.app_urls[0])
    assert place.idp.asked == 2


def test_sso_03_a_person_who_is_disabled_is_out_at_the_next_click_and_the_app_is_told(place, page):
    page.goto(place.app_urls[0])
    place.disable()
    until(lambda: place.apps[0].told)
    page.goto(f"{place.app_urls[0]}/forget")
    page.goto(place.app_urls[0])
    assert page.url.startswith(place.tenant.server.url)
    assert "have no access here at the moment" in page.content()
    assert place.tenant.sessions() == 0
    page.get_by_text("Back to Portal").click()
    assert heading(page) == "error: access_denied"


def test_sa_55_an_unsolicited_response_from_another_site_becomes_a_sign_in_of_ours(place, page, context):
    page.goto(f"{place.idp_url}/unsolicited")
    page.wait_for_url(lambda url: url.startswith(place.tenant.sign_on))
    page.wait_for_load_state()
    assert place.idp.asked == 1, "it was not believed: the identity provider was asked"
    until(lambda: is_signed_in(context, place))


def test_sa_61_an_attacker_cannot_sign_a_victim_in_as_somebody_else(place, page, context):
    place.idp.last = place.tenant.begin(Browser())  # the attacker's own sign-in, in their own browser
    page.goto(f"{place.idp_url}/attack")
    page.wait_for_url(f"{place.tenant.sign_on}/finish*")
    assert "started in another window" in page.content()
    assert not is_signed_in(context, place)
    assert place.tenant.sessions() == 0


def test_sso_103_no_page_can_be_framed(place, chromium):
    context = chromium.new_context()
    messages = []
    context.on("console", lambda message: messages.append(message.text))
    page = context.new_page()
    page.goto(place.tenant.sign_on)
    page.goto(f"{place.idp_url}/frame?src={place.tenant.sign_on}/out")
    until(lambda: page.wait_for_timeout(50) or any("frame-ancestors 'none'" in text for text in messages))
    assert page.frames[1].url == "chrome-error://chromewebdata/"
    context.close()


LAYOUTS = [(width, scheme) for width in (360, 1_280) for scheme in ("light", "dark")]


def fits(page, picture):
    """Check that a page fits a telephone and a desk, in light and dark, and draw each."""
    for width, scheme in LAYOUTS:
        page.set_viewport_size({"width": width, "height": 720})
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=f"{picture}-{width}-{scheme}.png")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (picture, width, scheme)


def test_sso_146_the_pages_fit_a_telephone_and_a_desk_in_light_and_dark(place, page, tmp_path):
    place.idp.name_id = "nobody@contoso.com"
    page.goto(place.app_urls[0])
    assert "have no access here at the moment" in page.content()
    fits(page, tmp_path / "no-access")
    place.idp.name_id = "b.simon@contoso.com"
    for name, path in (("signed-in", ""), ("out", "/out")):
        page.goto(place.tenant.sign_on + path)
        fits(page, tmp_path / name)
