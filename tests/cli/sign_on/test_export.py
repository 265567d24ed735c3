"""scimd export: what signs people in is not exported, and the command says so."""

import json
from datetime import timedelta

import pytest

from app.config import Config
from app.store.accounts.tenants import Tenants
from app.store.mongo.moments import now
from app.store.open import collections
from app.store.sign_on.connection import SAML, Connection, SamlPart
from app.store.sign_on.connections import Connections
from app.store.sign_on.sessions import Session, Sessions
from tests.sign_on.people import create_group, create_user

SAID = "Not exported: the connection to the identity provider, sessions and apps. A backup has them."


@pytest.fixture(autouse=True)
def prepared(database):
    database.prepare(collections(Config.from_environment({})))
    Tenants(database).create("contoso", "gallery")


def test_sso_122_an_export_leaves_sign_on_out_and_says_so(scimd, database):
    user = create_user(database, "contoso", "ann@contoso.com")
    before = scimd("export", "contoso")
    assert SAID not in before.err
    part = SamlPart(entity_id="https://idp.example.com/", sso_url="https://idp.example.com/sso", certificates=())
    saved = Connections(database).save(Connection(tenant="contoso", kind=SAML, match_attribute="userName", match_source="NameID", saml=part))
    moment = now()
    Sessions(database).open(Session(tenant="contoso", user=user, connection=saved.id, auth_time=moment, expires=moment + timedelta(hours=8)))
    after = scimd("export", "contoso")
    assert SAID in after.err
    kinds = [{*json.loads(line)} for line in after.out.splitlines()]
    assert kinds == [{*json.loads(line)} for line in before.out.splitlines()]
    assert saved.id not in after.out and "idp.example.com" not in after.out


def test_what_else_a_tenant_has_is_named(scimd, database):
    create_group(database, "contoso", "Admins")
    assert "Not exported" not in scimd("export", "contoso").err
    scimd("role", "map", "contoso", "Admins", "admin")
    scimd("tenant", "domain", "add", "contoso", "contoso.com")
    scimd("stream", "create", "contoso", "--poll", "--audience", "https://app.example.com")
    said = "Not exported: roles by groups, mail domains, webhooks and streams. A backup has them."
    assert said in scimd("export", "contoso").err
