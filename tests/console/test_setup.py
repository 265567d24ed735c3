"""The setup pages: from the link to the proof that Test Connection has arrived, and what an administrator comes back for."""

from __future__ import annotations

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import requests

from app.advice.guides import PROVIDERS
from app.store.accounts.activity import Activity
from app.store.accounts.clients import Clients
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.accounts.trusts import ASSERTION, Conditions, Trusts
from app.store.operators.audit import AuditLog
from app.store.operators.links import Links
from tests.auth.issuer import AUDIENCE, SUBJECT, running_issuer
from tests.console.browsing import Browser
from tests.console.test_log import USER, Customer
from tests.processes import until
from tests.sending import send

TOKEN = re.compile(r"scimd_[0-9a-f]{12}_[0-9a-f]{64}")


@pytest.fixture
def customer(pages) -> Customer:
    return Customer(pages)


@pytest.fixture
def admin(pages, customer) -> Browser:
    browser = Browser(pages, "setup")
    browser.be_in_setup(customer.name)
    return browser


def make_token(admin: Browser, page: str = "/setup/values") -> str:
    form = admin.get(page).form() if page == "/setup/values" else admin.get(page).form() | {"act": "issue"}
    (token,) = set(TOKEN.findall(admin.post(page, form).response.text))
    return token


def ask(customer: Customer, path: str, token: str) -> int:
    query = f"filter=userName eq \"{uuid.uuid4()}\"" if path == "/Users" else f"filter=displayName eq \"{uuid.uuid4()}\""
    return customer.send("GET", f"{path}?{query}", token=token).status_code


def test_co_80_from_the_provider_to_done(admin, customer) -> None:
    shown = admin.get("/setup/provider")
    assert shown.form()["provider"] == "entra"
    values = admin.post("/setup/provider", {"provider": "entra"})
    assert values.heading == "Connect Entra"
    assert customer.url in values.main
    assert Tenants(customer.pages.database).get(customer.name).provider == "entra"
    token = make_token(admin)
    assert ask(customer, "/Users", token) == 200
    (act,) = AuditLog(customer.pages.database).find(tenant=customer.name)[-1:]
    assert (act["act"], act["how"], act["who"][:10]) == ("token issue", "setup", "setup link")
    assert admin.get("/setup/test").response.status_code == 200
    assert "Start provisioning" in admin.get("/setup/done").main


@pytest.mark.parametrize("wrong", ["/Users", pytest.param("", marks=pytest.mark.long)])
def test_a_tenant_url_that_was_pasted_wrongly_arrives_with_its_cure(pages, operator, admin, customer, wrong) -> None:
    """The URL has /Users at its end, or ends before /scim/v2."""
    customer.token, right = make_token(admin), urlsplit(customer.url).path
    customer.url = customer.url + wrong if wrong else customer.url.removesuffix("/scim/v2")
    assert customer.send("GET", "/Users").status_code == 404
    sentence = f"the end of the Tenant URL should be {right}, and is {urlsplit(customer.url).path}."
    shown = admin.get("/setup/test").main
    assert sentence in shown and "Copy the whole Tenant URL again" in shown and "The connection works" not in shown
    (one,) = [link for link in admin.get("/setup/refused").links() if re.search(r"/refused/[\w-]+$", link)]
    assert sentence in admin.get(one).main
    customer.counted()
    state = admin.get("/setup")
    assert f"was refused: {sentence} Copy the whole Tenant URL again" in state.main
    assert "Wrong address" in state.main and "Locked out" not in state.main and "never; the last request was refused" in state.main
    (why,) = state.tree.xpath("//main//a[.='Why']/@href")
    assert admin.get(why).links().count(one) == 1 and admin.get(why).heading.endswith("Wrong address")
    shown = operator.get(customer.page)
    assert "Wrong address" in shown.main and not shown.tree.xpath("//main//a[.='Credentials'][contains(@class, 'button')]")
    (why,) = shown.tree.xpath("//main//a[.='Why']/@href")
    assert "Wrong address" in operator.get(why).texts("//tbody/tr")[0]
    (row,) = operator.get(f"{customer.page}/log?failed=1").texts("//tbody/tr")
    assert f"Wrong address: {urlsplit(customer.url).path}" in row
    customer.url = customer.pages.url + right
    assert customer.send("GET", "/Users").status_code == 200
    customer.counted()
    assert "Healthy" in operator.get(customer.page).main
    assert customer.send("GET", "/Userz").status_code == 404
    customer.counted()
    assert "Wrong address" in operator.get(customer.page).main and "Before that, the connection worked" in admin.get("/setup").main


def test_without_a_credential_the_test_shows_what_arrives_from_the_visit_on(admin, customer) -> None:
    tokens = Tokens(customer.pages.database)
    for each in tokens.of_tenant(customer.name):
        tokens.revoke(each.id)
    shown = admin.get("/setup/test")
    (live,) = shown.tree.xpath("//@data-poll")
    assert "since you came in" in shown.main and "since you came in" in admin.get(live).response.text


def test_co_82_the_test_shows_what_arrives_and_when_it_has_passed(admin, customer) -> None:
    token, start = make_token(admin), "/setup/test"
    assert "Nothing has arrived yet" in admin.get(start).main
    assert "since the newest credential was created" in admin.get(start).main
    ask(customer, "/Users", token[:-20])
    customer.counted()
    refused = admin.get(start).main
    assert "Refused" in refused and "Secret Token" in refused
    ask(customer, "/Users", token)
    customer.counted()
    shown = admin.get(start).main
    assert "asked for a user" in shown and "The connection works" in shown and "The test passes once" in shown and "has passed" not in shown
    assert "has not passed" in admin.get("/setup/done").main and "Test" not in ticks(admin)
    ask(customer, "/Groups", token)
    customer.counted()
    assert "The test has passed" in admin.get(start).main
    assert "has not passed" not in admin.get("/setup/done").main and "Test" in ticks(admin)
    (live,) = admin.get(start).tree.xpath("//@data-poll")
    assert "The test has passed" in admin.get(live).response.text
    assert admin.get(live).texts("//h1") == []


def test_co_82_a_test_that_has_passed_stays_so_when_many_requests_follow(admin, customer) -> None:
    token = make_token(admin)
    for path in ("/Groups", *["/Users"] * 21):
        assert ask(customer, path, token) == 200
    customer.counted()
    shown = admin.get("/setup/test")
    assert len(shown.texts("//*[@id='arrivals']//li")) == 21
    assert "The test has passed" in shown.main and shown.main.count("asked for a group") == 1


def test_a_token_that_only_reads_is_the_vendors_and_no_sign_of_the_identity_provider(pages, operator, admin, customer) -> None:
    token, _ = Tokens(pages.database).issue(customer.name, scopes=("scim.read",))
    for path in ("/Users", "/Groups"):
        assert ask(customer, path, token) == 200
    assert customer.send("POST", "/Users", {}, token=token).status_code == 403
    assert ask(customer, "/Userz", token) == 404
    mine = make_token(admin)
    assert ask(customer, "/Users", mine) == 200
    customer.counted(1)
    shown = admin.get("/setup/test").main
    assert "asked for a user" in shown and "asked for a group" not in shown and "has passed" not in shown
    pulse = Activity(pages.database).pulse(customer.name)
    assert "denied" not in pulse and {row["method"] for row in pulse["recent"]} == {"GET"} and len(pulse["recent"]) == 1


def test_a_client_that_gets_no_access_token_is_no_healthy_customer(pages, operator, customer) -> None:
    assert customer.send("GET", "/Users").status_code == 200
    customer.counted()
    assert "Healthy" in operator.get(customer.page).main
    client, _ = Clients(pages.database).create(customer.name, lifetime=timedelta(days=9))
    form, wrong = {"grant_type": "client_credentials"}, (client.id, f"scimd_secret_{'0' * 64}")
    assert send("POST", f"{pages.url}/{customer.name}/oauth/token", data=form, auth=wrong).status_code == 401
    customer.counted(2)
    shown = operator.get(customer.page).main
    assert "Wrong credential" in shown and "The secret is wrong" in shown and "Before that, the connection worked" in shown
    assert customer.send("GET", "/Users").status_code == 200
    customer.counted(3)
    assert "Healthy" in operator.get(customer.page).main


def test_a_client_that_asks_for_me_makes_no_failing_customer(operator, customer) -> None:
    assert customer.send("GET", "/Users").status_code == 200
    assert customer.send("GET", "/Me").status_code == 501
    customer.counted(2)
    assert "Healthy" in operator.get(customer.page).main
    assert customer.send("PATCH", "/Me", {}).status_code == 501
    customer.counted(3)
    shown = operator.get(customer.page).main
    assert "Failing" not in shown and "server error" not in shown


def test_a_refusal_after_the_first_good_request_is_not_below_a_connection_that_works(admin, customer) -> None:
    customer.token, right = make_token(admin), customer.url
    assert "The test has not passed" in admin.get("/setup/done").main
    assert customer.send("GET", "/Users").status_code == 200
    customer.counted()
    assert "The connection works" in admin.get("/setup/test").main
    customer.url = f"{right}/Users"
    assert customer.send("GET", "/Users").status_code == 404
    shown = admin.get("/setup/test").main
    assert "The connection works" not in shown
    assert "It has worked, but the last request was refused" in shown
    assert "Test" not in ticks(admin) and "has not passed" in admin.get("/setup/done").main
    customer.url = right
    assert customer.send("GET", "/Users").status_code == 200
    customer.counted()
    assert "The connection works" in admin.get("/setup/test").main


def test_a_person_who_was_refused_is_named_and_the_connection_works(admin, customer) -> None:
    customer.token = make_token(admin)
    assert customer.send("GET", "/Users").status_code == 200
    assert customer.user("svc@x.org", name={"familyName": "Backup"}).status_code == 400
    customer.counted()
    shown = admin.get("/setup/test").main
    assert "svc@x.org: The user has no name.formatted or name.givenName" in shown and "The connection works" in shown


@pytest.mark.parametrize("key", PROVIDERS)
def test_co_81_each_way_of_each_provider_shows_its_fields_and_makes_its_secret(admin, customer, key) -> None:
    admin.post("/setup/provider", {"provider": key})
    for way in PROVIDERS[key].ways:
        page = f"/setup/values?way={way.key}"
        shown = admin.get(page)
        names = shown.texts("//section//h3")
        assert names == [name for name, _ in way.fields]
        assert "userName" in shown.main or "{identifier}" not in str(way.fields)
        form = shown.form()
        if way.kind == "trust":
            form |= {"issuer": "https://login.example.com/v2.0", "audience": "api://scimd", "subject": "subject-1"}
        made = admin.post(page, form)
        assert made.status == 200, made.main
        assert len(made.texts("//section//div[contains(@class, 'value')]")) == len(way.fields)
    assert admin.get("/setup/test").status == 200


def test_co_82_what_came_before_the_page_was_opened_counts_from_the_newest_credential_on(admin, customer) -> None:
    token = make_token(admin)
    for path in ("/Users", "/Groups"):
        ask(customer, path, token)
    customer.counted()
    assert "The test has passed" in admin.get("/setup/test").main
    make_token(admin)
    assert "The test has passed" not in admin.get("/setup/test").main


def ticks(admin: Browser) -> list[str]:
    """The steps that have a tick, on the page of each step."""
    (found,) = {tuple(admin.get(f"/setup/{step}").texts("//ol[@class='steps']/li[@class='done']")) for step in ("values", "test", "done")}
    return list(found)


def test_co_80_a_step_that_was_not_done_has_no_tick(pages) -> None:
    name = f"t-{uuid.uuid4().hex[:12]}"
    Tenants(pages.database).create(name, "gallery")
    admin = Browser(pages, "setup")
    admin.be_in_setup(name)
    assert ticks(admin) == []
    for step in ("test", "done"):
        assert "no valid credential" in admin.get(f"/setup/{step}").main, step
    admin.post("/setup/provider", {"provider": "entra"})
    assert ticks(admin) == ["Provider"]
    make_token(admin)
    assert ticks(admin) == ["Provider", "Values"]
    assert "There is 1 credential already" in admin.get("/setup/values").main


def test_co_80_a_link_leads_to_the_step_at_which_the_customer_stands(pages) -> None:
    name = f"t-{uuid.uuid4().hex[:12]}"
    Tenants(pages.database).create(name, "gallery")
    url = f"{pages.url}/{name}/scim/v2"
    secret, _ = Links(pages.database).make_setup(name, "setup", "alice", timedelta(hours=1))
    admin = Browser(pages, "setup")

    def heading() -> str:
        return admin.post(f"/setup/enter/{secret}").heading

    assert heading() == "Connect your identity provider"
    (on,) = [link for link in admin.get("/setup").links() if "begin" in link]
    assert admin.get(on).heading == "Connect your identity provider"
    admin.post("/setup/provider", {"provider": "okta"})
    assert heading() == "Connect Okta"
    token = {"Authorization": f"Bearer {make_token(admin)}"}
    assert heading() == "Test the connection"
    assert requests.get(f"{url}/Users", headers=token, timeout=30).status_code == 200
    until(lambda: heading() == "What is left to do", pause=0.4)
    user = {"schemas": [USER], "userName": "a", "displayName": "a", "emails": [{"value": "a@x.org", "type": "work", "primary": True}],
            "name": {"givenName": "a", "familyName": "a", "formatted": "a"}, "externalId": "a", "active": True}
    assert requests.post(f"{url}/Users", json=user, headers=token, timeout=30).status_code == 201
    until(lambda: heading() == "State", pause=0.4)


def test_co_80_a_link_that_only_shows_and_a_suspended_customer_lead_to_the_state(pages, admin, customer) -> None:
    status = Browser(pages, "setup")
    assert status.enter_setup(customer.name, "status").response.headers["Location"] == "/setup/begin"
    assert status.get("/setup/begin").heading == "State"
    Tenants(pages.database).suspend(customer.name)
    assert admin.get("/setup/begin").heading == "State"


def test_leaving_says_what_is_kept_and_how_to_come_back(pages, admin, operator) -> None:
    assert admin.get("/setup/out").status == 200 and admin.get("/setup").status == 200, "a GET ends nothing"
    left = admin.post("/setup/out")
    assert (left.status, left.heading) == (200, "You have left the setup pages")
    assert "is kept" in left.main and "Open the setup link" in left.main
    assert admin.cookies == {} and admin.get("/setup").status == 401
    out = operator.post("/console/out")
    assert (out.status, out.heading) == (200, "You have signed out")
    assert "scimd console link" in out.main


def test_co_81_each_text_is_filled_in(admin, customer) -> None:
    for key in (*(each for each in PROVIDERS if each != "entra"), "entra"):
        admin.be_in_setup(customer.name)  # a visit may ask twenty times a second
        admin.post("/setup/provider", {"provider": key})
        for step in ("values", "test", "done"):
            shown = admin.get(f"/setup/{step}")
            assert (shown.status, re.findall(r"\{\w+\}", shown.response.text)) == (200, []), (key, step)
    assert "userName, displayName" in admin.get("/setup/done").main


def test_co_81_a_way_that_the_provider_does_not_have_is_not_another_one(admin, customer) -> None:
    form = admin.get("/setup/values").form()
    admin.post("/setup/provider", {"provider": "okta"})
    before = Tokens(customer.pages.database).of_tenant(customer.name)
    assert [admin.get("/setup/values?way=client").status, admin.post("/setup/values?way=client", form).status] == [404, 404]
    assert Tokens(customer.pages.database).of_tenant(customer.name) == before


def test_the_values_say_what_each_user_needs_and_that_entra_does_not_reach_this_address(pages, operator) -> None:
    """The address is that of this machine; other identity providers may run there, too."""
    name, far = f"t-{uuid.uuid4().hex[:12]}", "Entra connects to public HTTPS addresses only"
    Tenants(pages.database).create(name, "gallery")
    admin = Browser(pages, "setup")
    admin.be_in_setup(name)
    shown = admin.get("/setup/values").main
    assert "Each user needs userName, displayName, " in shown and ", or is refused." in shown and "name.givenName" in shown and far in shown
    assert far in operator.get(f"/console/customers/{name}").main
    admin.post("/setup/provider", {"provider": "other"})
    assert far not in admin.get("/setup/values").main


def test_co_81_opening_the_page_makes_nothing(admin, customer) -> None:
    before = Tokens(customer.pages.database).of_tenant(customer.name)
    for _ in range(3):
        admin.get("/setup/values")
    assert Tokens(customer.pages.database).of_tenant(customer.name) == before


def test_co_34_a_secret_is_in_one_answer(admin) -> None:
    form = admin.get("/setup/values").form()
    assert TOKEN.search(admin.post("/setup/values", form).response.text)
    again = admin.post("/setup/values", form)
    assert (again.status, TOKEN.search(again.response.text)) == (422, None)
    assert "shown already" in again.main


def test_co_83_three_secrets_and_a_rotation_without_a_gap(admin, customer) -> None:
    first = make_token(admin)
    assert ask(customer, "/Users", first) == 200
    until(lambda: "in use" in admin.get("/setup/tokens").main, pause=0.2)
    assert admin.get("/setup/tokens").tree.xpath("//@data-poll") == [], "nothing is waited for"
    (warning,) = [text for text in admin.get("/setup/tokens").texts("//details/p") if "In use" in text]
    assert warning.startswith("In use: it was last used just now.") and "will lock out the identity provider until it gets another one." in warning
    form = admin.get("/setup/tokens").tree.xpath("//form[.//input[@value='issue']]")[0]
    second = TOKEN.search(admin.post("/setup/tokens", dict(form.form_values())).response.text).group()
    (live,) = admin.get("/setup/tokens").tree.xpath("//@data-poll")
    assert not admin.get(live).response.headers.get("X-Done")
    assert ask(customer, "/Users", second) == 200
    until(lambda: admin.get(live).response.headers.get("X-Done"), pause=0.2)
    shown = admin.post("/setup/tokens", {"act": "revoke", "kind": "token", "id": first.split("_")[1]})
    assert "it lets no one in" in shown.main
    until(lambda: ask(customer, "/Users", first) == 401, 10, pause=0.2)
    assert admin.get("/setup/tokens").texts("//td[2]") == ["in use", "valid"]
    assert "Revoked." not in admin.post("/setup/tokens?done=revoked", {"act": "issue", "days": "1"}).main
    assert ask(customer, "/Users", second) == 200
    for _ in range(2):
        page = admin.get("/setup/tokens").tree.xpath("//form[.//input[@value='issue']]")[0]
        assert admin.post("/setup/tokens", dict(page.form_values())).status == 200
    page = admin.get("/setup/tokens").tree.xpath("//form[.//input[@value='issue']]")[0]
    full = admin.post("/setup/tokens", dict(page.form_values()))
    assert (full.status, "revoke one first" in full.main) == (422, True)


def test_co_83_eight_posts_at_once_make_no_more_than_three(admin, customer) -> None:
    def post(_):
        form = admin.get("/setup/tokens").tree.xpath("//form[.//input[@value='issue']]")[0]
        return admin.post("/setup/tokens", dict(form.form_values())).status

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(post, range(8))) == [200] * 3 + [422] * 5


def test_co_84_the_state_has_no_directory(admin, customer) -> None:
    customer.user("ada@x.org")
    customer.user("svc@x.org", name={"familyName": "Backup", "formatted": "x"})
    customer.counted()
    assert "name.givenName is missing" in admin.get("/setup").main
    assert "ada@x.org" not in admin.get("/setup").main + admin.get("/setup/refused").main
    (why,) = [link for link in admin.get("/setup/refused").links() if "/refused/" in link]
    shown = admin.get(why)
    assert shown.heading == "Why was this user refused?"
    assert "Attribute Mapping" in shown.main
    assert "svc@x.org" in shown.texts("//pre")[0]


def test_ca_04_what_is_anothers_is_not_shown_nor_changed(pages, admin, customer) -> None:
    other = Customer(pages)
    other.user("secret", name={})
    event = pages.database.db.events.find_one({"tenant": other.name, "failed": True})["_id"]
    assert admin.get(f"/setup/refused/{event}").status == 404
    (token,) = Tokens(pages.database).of_tenant(other.name)
    assert admin.post("/setup/tokens", {"act": "revoke", "kind": "token", "id": token.id}).status == 422
    assert Tokens(pages.database).find(token.id) == token
    assert other.name not in admin.get(f"/setup?tenant={other.name}&customer={other.name}").main


def test_ca_04_a_token_of_another_customer_does_not_name_it(pages, admin, customer) -> None:
    other = Customer(pages)
    start = "/setup/test"
    ask(customer, "/Users", other.token)
    customer.counted()
    assert "Refused" in admin.get(start).main
    (why,) = [link for link in admin.get("/setup/refused").links() if "/refused/" in link]
    for shown in (admin.get(start), admin.get(why), admin.get("/setup/refused"), admin.get("/setup")):
        assert other.name not in shown.response.text


def test_co_83_a_trust_is_revoked_as_a_token_is_and_makes_room_for_another(admin, customer) -> None:
    page = "/setup/values?way=trust"

    def trusted(subject: str) -> int:
        values = {"issuer": "https://login.example.com/v2.0", "audience": "api://scimd", "subject": subject}
        return admin.post(page, admin.get(page).form() | values).status

    assert [trusted(f"subject-{number}") for number in range(4)] == [200] * 3 + [422]
    trusts = Trusts(customer.pages.database)
    first, *others = trusts.of_tenant(customer.name)
    (form,) = admin.get("/setup/tokens").tree.xpath(f"//form[.//input[@value='{first.id}']]")
    (warning,) = form.xpath("preceding-sibling::p/text()")
    assert warning == "Never used. It cannot be restored."
    assert "Revoked." in admin.post("/setup/tokens", dict(form.form_values())).main
    assert trusts.of_tenant(customer.name) == others
    (act,) = AuditLog(customer.pages.database).find(tenant=customer.name)[-1:]
    assert (act["act"], act["how"], act["object"]) == ("trust delete", "setup", first.id)
    assert trusted("subject-9") == 200


def test_ca_04_a_trust_of_another_customer_or_one_that_only_reads_is_not_revoked(admin, customer) -> None:
    trusts, conditions = Trusts(customer.pages.database), Conditions(ASSERTION, "https://idp.example", ("a",))
    kept = [
        trusts.add(Customer(customer.pages).name, conditions), trusts.add(customer.name, conditions, scopes=("scim.read",))
    ]
    for each in kept:
        assert admin.post("/setup/tokens", {"act": "revoke", "kind": "trust", "id": each.id}).status == 422
        assert trusts.find(each.id) == each


def test_a_trust_that_cannot_be_is_said(admin, customer) -> None:
    page = "/setup/values?way=trust"
    form = admin.get(page).form() | {"issuer": "http://evil.example", "audience": "a", "subject": "s"}
    shown = admin.post(page, form)
    assert (shown.status, "https" in shown.main) == (422, True)
    assert Trusts(customer.pages.database).of_tenant(customer.name) == []


@pytest.mark.parametrize("field", ["issuer", "audience", "subject"])
@pytest.mark.parametrize("text", ["", "https://idp.example/" + "a" * 2_000, "https://idp.example/\0"])
def test_a_trust_names_whom_it_trusts(admin, customer, field, text) -> None:
    page = "/setup/values?way=trust"
    form = admin.get(page).form() | {"issuer": "https://idp.example", "audience": "a", "subject": "s", field: text}
    assert admin.post(page, form).status == 422
    assert Trusts(customer.pages.database).of_tenant(customer.name) == []


def test_setup_pages_make_three_trusts_and_still_three_secrets(admin, customer) -> None:
    page = "/setup/values?way=trust"
    form = admin.get(page).form() | {"issuer": "https://idp.example", "audience": "a"}
    assert [admin.post(page, form | {"subject": f"s{number}"}).status for number in range(4)] == [200, 200, 200, 422]
    assert len(Trusts(customer.pages.database).of_tenant(customer.name)) == 3
    assert make_token(admin)


def test_d_688_a_form_of_a_trust_that_is_sent_again_makes_no_other(admin, customer) -> None:
    """As by loading its page again: who revokes the first would leave the second, which lets in whom the first did."""
    page, trusts = "/setup/values?way=trust", Trusts(customer.pages.database)
    form = admin.get(page).form() | {"issuer": "https://idp.example", "audience": "a"}
    trusts.add(customer.name, Conditions(ASSERTION, form["issuer"], ("a",), "s", only_public=True), scopes=("scim.read",))
    for number in range(3):
        first, again = (admin.post(page, form | {"subject": f"s{number or ''}"}) for _ in range(2))
        made = trusts.of_tenant(customer.name)
        assert len(made) == number + 2
        assert made[-1].id in first.main and made[-1].id in again.main


@pytest.mark.parametrize("scope", ["scim.read", "events.read"])
def test_the_vendors_own_tokens_are_not_shown_nor_revoked(admin, operator, customer, scope) -> None:
    tokens = Tokens(customer.pages.database)
    _, own = tokens.issue(customer.name, scopes=(scope,), label="our app")
    assert "our app" not in admin.get("/setup/tokens").main + admin.get("/setup").main
    assert "our app" in operator.get(customer.page).main or scope == "events.read"
    assert admin.post("/setup/tokens", {"act": "revoke", "kind": "token", "id": own.id}).status == 422
    assert tokens.find(own.id) == own


def test_ca_15_a_suspended_customer_makes_and_revokes_nothing(admin, customer) -> None:
    page = "/setup/values?way=trust"
    trust = admin.get(page).form() | {"issuer": "https://idp.example", "audience": "a", "subject": "s"}
    token = {"act": "issue", "days": "90", "once": "x"}
    before = Tokens(customer.pages.database).of_tenant(customer.name)
    Tenants(customer.pages.database).suspend(customer.name)
    answers = [
        admin.post(page, trust), admin.post("/setup/tokens", token), admin.post("/setup/provider", {"provider": "okta"}),
        admin.post("/setup/tokens", {"act": "revoke", "kind": "token", "id": before[0].id}),
    ]
    assert [each.status for each in answers] == [403] * 4
    assert Tokens(customer.pages.database).of_tenant(customer.name) == before
    assert Trusts(customer.pages.database).of_tenant(customer.name) == []
    assert admin.get("/setup").status == 200
    assert admin.post("/setup/out", follow="no").status == 303


def test_co_24_status_alone_shows_no_buttons(pages, customer) -> None:
    browser = Browser(pages, "setup")
    browser.be_in_setup(customer.name, "status")
    assert browser.get("/setup").status == 200
    assert browser.get("/setup/tokens").tree.xpath("//main//button") == []
    assert browser.get("/setup/values").status == 404
    assert browser.post("/setup/tokens", {"act": "issue", "days": "90"}).status == 404


def test_co_84_curl_of_the_page_for_others_works(pages, admin, customer) -> None:
    """What the page tells an unknown provider to try is tried."""
    admin.post("/setup/provider", {"provider": "other"})
    token = make_token(admin)
    answer = requests.get(
        f"{customer.url}/Users?count=1", headers={"Authorization": f"Bearer {token}"}, timeout=30
    )
    assert answer.status_code == 200


def test_the_issuer_of_a_trust_is_not_asked_for_keys_inside(admin, customer) -> None:
    """A trust that an operator has made may lead to this machine; one of the setup pages leads to public addresses."""
    page = "/setup/values?way=trust"
    with running_issuer() as issuer:
        form = admin.get(page).form() | {"issuer": issuer.url, "audience": AUDIENCE, "subject": SUBJECT}
        assert admin.post(page, form).status == 200
        trusts = Trusts(customer.pages.database)
        (theirs,) = trusts.of_tenant(customer.name)
        ours = trusts.add(customer.name, Conditions(ASSERTION, issuer.url, (AUDIENCE,), SUBJECT))
        for trust, status, fetches in ((theirs, 401, 0), (ours, 200, 1)):
            answer = requests.post(f"{customer.pages.url}/{customer.name}/oauth/token", timeout=30, data={
                "grant_type": "client_credentials", "client_id": trust.id, "client_assertion": issuer.token(),
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            })
            assert (answer.status_code, issuer.fetches) == (status, fetches), answer.text
        assert "not a public address" in trusts.find(theirs.id).fault or "https only" in trusts.find(theirs.id).fault
