"""Apps: what an operator may say about one, and for which tenants it is."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.errors import InvalidValue, NotFound
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import is_secret
from app.store.sign_on.apps import Apps, Settings
from tests.tenants import delete_for_good

DAY = timedelta(days=1)
GOOD = Settings(name="Portal", redirect_uris=("https://app.example.com/callback",))
BAD_URIS = [
    "http://app.example.com/callback", "https://*.example.com/callback", "https://app.example.com/%2A", "/callback",
    "https://me@app.example.com/", "https://app.example.com/#", "https://app.example.com/#x", "custom:/callback",
    "https://app.example.com/a b", "https://app.example.com\\@evil.example.com/", "https://", "javascript:alert(1)",
    "https://app.example.com/a/../b", "https://app.example.com/ü", "https://app.example.com/" + "a" * 2_048,
]


@pytest.fixture
def apps(database):
    return Apps(database)


@pytest.mark.parametrize("field", ["redirect_uris", "logout_uris", "backchannel_logout_uri", "initiate_login_uri"])
def test_sso_92_a_uri_that_would_be_dangerous_is_refused(apps, field):
    for uri in BAD_URIS:
        value = (uri,) if field.endswith("uris") else uri
        with pytest.raises(InvalidValue):
            apps.create(replace(GOOD, **{field: value}), lifetime=DAY)
        assert apps.all() == [], uri


@pytest.mark.parametrize("uri", ["https://app.example.com:8443/cb?a=b", "http://localhost:3000/cb", "http://[::1]/cb", "http://127.0.0.1:1/"])
def test_sso_92_https_and_plain_http_on_this_machine_are_accepted(apps, uri):
    app, _ = apps.create(replace(GOOD, redirect_uris=(uri,)), lifetime=DAY)
    assert apps.get(app.id).settings.redirect_uris == (uri,)


@pytest.mark.parametrize("change", [
    {"redirect_uris": ()}, {"redirect_uris": tuple(f"https://a.example.com/{n}" for n in range(21))},
    {"name": ""}, {"name": "a\nb"}, {"scopes": ("profile",)}, {"scopes": ("openid", "Not a scope")},
])
def test_sso_92_an_app_that_makes_no_sense_is_refused(apps, change):
    with pytest.raises(InvalidValue):
        apps.create(replace(GOOD, **change), lifetime=DAY)


def test_sso_90_a_secret_is_stored_as_a_hash_and_can_be_replaced_without_a_gap(apps):
    app, first = apps.create(GOOD, lifetime=DAY)
    app, row, second = apps.rotate(app.id, DAY)
    assert [is_secret(first, each.hash) for each in app.secrets] == [True, False]
    assert row == app.secrets[1]
    assert is_secret(second, row.hash)
    assert [each.id for each in apps.delete_secret(app.id, app.secrets[0].id).secrets] == [row.id]
    with pytest.raises(NotFound):
        apps.delete_secret(app.id, app.secrets[0].id)


def test_sso_90_a_public_app_has_no_secret(apps):
    app, secret = apps.create(replace(GOOD, public=True), lifetime=DAY)
    assert (secret, app.secrets) == ("", ())
    with pytest.raises(InvalidValue, match="public"):
        apps.rotate(app.id, DAY)
    with pytest.raises(InvalidValue, match="public or confidential"):
        apps.change(app.id, GOOD)


def test_sso_90_what_is_said_about_an_app_can_be_changed(apps):
    whole = replace(
        GOOD, initiate_login_uri="https://app.example.com/login", backchannel_logout_uri="https://app.example.com/out",
        group="Staff", groups_by="id", tenants=(("contoso", "1"),), logout_uris=("https://app.example.com/",),
    )
    app, _ = apps.create(whole, lifetime=DAY)
    assert apps.get(app.id).settings == whole
    assert apps.change(app.id, GOOD).settings == apps.get(app.id).settings == GOOD
    assert apps.get(app.id).secrets == app.secrets


def test_sso_91_an_app_is_for_its_tenants_and_not_for_a_new_one_with_the_name_of_a_deleted_one(apps, database):
    first = Tenants(database).create("contoso", "gallery")
    other = Tenants(database).create("fabrikam", "gallery")
    mine, _ = apps.create(replace(GOOD, tenants=((first.name, first.tenant_id),)), lifetime=DAY)
    every, _ = apps.create(GOOD, lifetime=DAY)
    assert {each.id for each in apps.for_tenant(first)} == {mine.id, every.id}
    assert [each.id for each in apps.for_tenant(other)] == [every.id]
    delete_for_good(database, "contoso")
    again = Tenants(database).create("contoso", "gallery")
    assert [each.id for each in apps.for_tenant(again)] == [every.id]


def test_sso_90_a_deleted_app_is_gone(apps):
    app, _ = apps.create(GOOD, lifetime=DAY)
    assert apps.delete(app.id) == app
    assert apps.get(app.id) is None
    for gone in (lambda: apps.delete(app.id), lambda: apps.require(app.id), lambda: apps.change(app.id, GOOD), lambda: apps.rotate(app.id, DAY)):
        with pytest.raises(NotFound):
            gone()
