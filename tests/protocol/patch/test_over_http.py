"""PA-06, PA-07, PA-08 and PA-25: what only a whole request and its response can show."""

import uuid

import pytest
import requests

from tests.protocol.patch.patching import CORE, ENT, body, both, op


class Tenant:
    """One tenant of the running server, with one user."""

    def __init__(self, url, token):
        self.url = url
        self.session = requests.Session()
        self.session.headers.update({"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json"})
        self.user = self.create("bjensen")

    def create(self, name):
        sent = {
            "schemas": [CORE], "userName": name, "displayName": name, "title": "Tour Guide",
            "name": {"formatted": "F", "familyName": "F", "givenName": "G"},
        }
        answer = self.session.post(f"{self.url}/Users", json=sent)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def get(self):
        return self.session.get(f"{self.url}/Users/{self.user['id']}").json()

    def patch(self, *operations, resource=None, query="", headers=None):
        url = f"{self.url}/{resource or 'Users/' + self.user['id']}{query}"
        return self.session.patch(url, json=body(*operations), headers=headers)


@pytest.fixture
def tenant(live_server, profile):
    return Tenant(*live_server.create_tenant(f"pa-{uuid.uuid4().hex[:12]}", profile))


@both
def test_pa_05_a_failure_changes_nothing(tenant, profile):
    answer = tenant.patch(op("replace", "title", "x"), op("add", f"{ENT}:department", "D"), op("replace", "id", "y"))
    assert (answer.status_code, answer.json()["scimType"]) == (400, "mutability")
    assert tenant.get() == tenant.user


@both
def test_pa_06_200_with_the_resource_or_204(tenant, profile):
    answer = tenant.patch(op("replace", "title", "x"))
    assert (answer.status_code, answer.json()["title"]) == (200, "x")
    assert answer.json() == tenant.get()
    some = tenant.patch(op("replace", "title", "y"), query="?attributes=title")
    assert some.status_code == 200 and some.json().keys() == {"schemas", "id", "title"}
    none = tenant.patch(op("replace", "title", "z"), headers={"Prefer": "return=minimal"})
    assert (none.status_code, none.content) == (204, b"")
    assert tenant.get()["title"] == "z"


@both
def test_pa_07_a_change_that_changes_nothing_keeps_version_and_time(tenant, profile):
    once = tenant.patch(op("replace", "title", "x"), op("add", "emails", {"value": "a@x", "type": "work"}))
    assert once.json()["meta"]["version"] != tenant.user["meta"]["version"]
    again = tenant.patch(op("replace", "title", "x"), op("add", "emails", {"value": "A@X", "type": "work"}))
    assert again.status_code == 200 and again.json() == once.json()
    assert again.headers["ETag"] == once.headers["ETag"] == tenant.get()["meta"]["version"]


@both
def test_pa_08_an_unknown_id(tenant, profile):
    answer = tenant.patch(op("replace", "title", "x"), resource=f"Users/{uuid.uuid4()}")
    assert (answer.status_code, answer.json()["status"]) == (404, "404")


@both
def test_pa_25_another_ones_name(tenant, profile):
    tenant.create("taken")
    answer = tenant.patch(op("replace", "title", "x"), op("replace", "userName", "TAKEN"))
    assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")
    assert tenant.get() == tenant.user
    assert tenant.patch(op("replace", "userName", "BJensen")).json()["userName"] == "BJensen"


@both
@pytest.mark.parametrize("kind", ["add", "replace"])
def test_pa_22_what_was_read_can_be_sent_back_without_a_path(tenant, profile, kind):
    tenant.session.post(f"{tenant.url}/Groups", json={
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "G",
        "members": [{"value": tenant.user["id"]}]})
    def groups():
        return tenant.session.get(f"{tenant.url}/Users/{tenant.user['id']}?attributes=groups").json()["groups"]

    read, before = tenant.get(), groups()
    same = tenant.patch(op(kind, None, read | {"groups": before}))
    assert (same.status_code, same.json()) == (200, read)
    assert tenant.patch(op(kind, None, read | {"title": "x"})).json()["title"] == "x"
    assert groups() == before
    assert tenant.patch(op(kind, "groups", before)).status_code == 400
