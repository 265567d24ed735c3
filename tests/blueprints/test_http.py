"""HTTP as SCIM has it: methods, media types, headers, errors."""

import gzip
import itertools
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from app import create_app
from app.config import Config
from app.store.mongo.database import Database
from tests.blueprints.conftest import ENTERPRISE_URN, GROUP_URN, PATCH_URN, USER_URN, Client
from tests.conftest import spend

NOBODY = "00000000-0000-0000-0000-000000000000"


def test_ht_01_text_survives(rfc: Client) -> None:
    name = "Zoë 漢字 \U0001f600 A"
    created = rfc.user("zoe", displayName=name)
    assert rfc("GET", f"/Users/{created['id']}").get_json()["displayName"] == name


@pytest.mark.parametrize(("accept", "expected"), [
    (None, "application/scim+json"), ("*/*", "application/scim+json"), ("application/json", "application/json"),
    ("application/scim+json, application/json", "application/scim+json"), ("application/*", "application/scim+json"),
    ("text/html, */*;q=0.1", "application/scim+json"), ("application/scim+json;q=0, application/json", "application/json"),
    ("application/scim+json; charset=utf-8", "application/scim+json"), ("application/json; charset=utf-8", "application/json"),
    ("application/json;odata=verbose;q=0.5", "application/json"), ("Application/JSON ; Charset=UTF-8", "application/json"),
    ("application/scim+json;charset=utf-8;q=0, application/*;q=0.5", "application/json"),
    ("application/json;odata=verbose;q=0, application/json, */*;q=0", "application/json"),
    # Java's own clients before version 21 (D-690)
    ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "application/scim+json"), ("*", "application/scim+json"),
    ("application/json;q=.5, *;q=0", "application/json"), ("application/json;Q=.5,text/html", "application/json"),
])
def test_ht_02_to_05_accept(rfc: Client, accept: str | None, expected: str) -> None:
    answer = rfc("GET", "/Users", **({"Accept": accept} if accept else {}))
    assert (answer.status_code, answer.content_type) == (200, expected)


@pytest.mark.parametrize("accept", [
    "text/html", "application/xml;q=1", "image/png", "text/html;charset=utf-8", "application/json;charset=utf-8;q=0",
    "application/*;q=0, */*", "*/*;q=0", "*;q=0", "*;q=.0", "text/*;q=.2, image/*", "application/json;q=.0",
])
def test_ht_05_not_acceptable(rfc: Client, accept: str) -> None:
    assert rfc("GET", "/Users", Accept=accept).status_code == 406


@pytest.mark.parametrize(("method", "path"), [
    ("PUT", "/Users"), ("DELETE", "/Users"), ("PATCH", "/Users"), ("POST", "/Users/1"), ("POST", "/Schemas"),
    ("DELETE", "/Schemas"), ("PUT", f"/Schemas/{USER_URN}"), ("POST", "/ResourceTypes"), ("PATCH", "/ResourceTypes/User"),
    ("POST", "/ServiceProviderConfig"), ("DELETE", "/ServiceProviderConfig"), ("GET", "/Bulk"), ("GET", "/.search"),
    ("GET", "/Users/.search"), ("PUT", "/Users/.search"), ("DELETE", "/.search"), ("PUT", "/"), ("TRACE", "/Users"),
])
def test_ht_10_wrong_method(rfc: Client, method: str, path: str) -> None:
    answer = rfc(method, path, {} if method != "GET" else None)
    assert answer.status_code == 405, answer.get_json()
    assert method not in answer.headers["Allow"].split(", ")


READ, SEARCHED, KEPT = "GET, HEAD, OPTIONS", "OPTIONS, POST", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "FOO")


@pytest.mark.parametrize(("path", "allowed"), [
    ("/Schemas", READ), ("/ResourceTypes", READ), ("/ServiceProviderConfig", READ), ("/serviceConfiguration", READ),
    (f"/Schemas/{USER_URN}", READ), ("/ResourceTypes/User", READ), ("/Bulk", SEARCHED), ("/.search", SEARCHED),
    ("/Users/.search", SEARCHED), ("/", READ), ("/Users", "GET, HEAD, OPTIONS, POST"), (f"/Users/{NOBODY}", KEPT),
    ("/Me", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"),
])
def test_ht_10_and_di_13_allow_names_what_is_allowed(rfc: Client, path: str, allowed: str) -> None:
    for method in METHODS:
        answer = rfc(method, path, {} if method not in ("GET", "HEAD") else None)
        assert (answer.status_code == 405) == (method not in allowed.split(", ")), method
        if answer.status_code == 405 or method == "OPTIONS":
            assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize("path", ["/bogus", "/bogus/1", "/bogus/.search", "/Users/1/2"])
def test_ht_11_what_is_not_there_has_no_methods(rfc: Client, path: str) -> None:
    for method in set(METHODS) - {"OPTIONS"}:
        assert rfc(method, path, {} if method not in ("GET", "HEAD") else None).status_code == 404
    rfc.headers = {}
    assert rfc("PUT", path).status_code == 401


@pytest.mark.parametrize("path", ["/Nothing", "/Users/x/y", "/Nothing/1", "/515843d1-9399-4b92-b884-9de3e60554c2"])
def test_ht_11_unknown_endpoint(rfc: Client, path: str) -> None:
    assert rfc("GET", path).status_code == 404


@pytest.mark.parametrize("path", ["/Nothing", "/Users/x/y", "/Users/x/y%0Az", "/Users/x%0A/y", "/v3/Users%0A/y"])
def test_ht_11_an_unknown_path_asks_for_a_credential_first(rfc: Client, path: str) -> None:
    assert rfc("GET", path).status_code == 404
    rfc.headers = {}
    assert rfc("GET", path).status_code == 401


@pytest.mark.parametrize("headers", [
    {"Host": "a..b"}, {"Host": "x" * 64 + ".example.com"}, {"Host": "no_name:port"}, {"Connection": "Upgrade", "Upgrade": "websocket"},
])
def test_no_route_depends_on_the_host_or_on_an_upgrade(rfc: Client, headers: dict[str, str]) -> None:
    assert rfc("GET", "/Users", **headers).status_code == 200
    rfc.headers = {}
    assert rfc("GET", "/Users", **headers).status_code == 401


@pytest.mark.parametrize("version", ["v1", "v3", "v20"])
def test_ht_13_other_versions(rfc: Client, version: str) -> None:
    rfc.base = rfc.base.replace("/v2", f"/{version}")
    answer = rfc("GET", "/Users")
    assert (answer.status_code, answer.get_json()["scimType"]) == (400, "invalidVers")


def test_ht_14_no_version_is_the_newest(rfc: Client) -> None:
    created = rfc.user("a")
    rfc.base = rfc.base.removesuffix("/v2")
    answer = rfc("GET", f"/Users/{created['id']}").get_json()
    assert answer["meta"]["location"] == created["meta"]["location"]


@pytest.mark.parametrize("path", ["/Users/", "//Users", "/Users//", "/Users/?filter=userName%20eq%20%22a%22",
                                  "/Users?foo=bar&aadOptscim062020", "/users", "/Users?STARTINDEX=1&Count=2"])
def test_ht_16_to_18_spellings_of_a_path(rfc: Client, path: str) -> None:
    rfc.user("a")
    assert rfc.found(path) == ["a"]


def test_ht_17_a_parameter_twice(rfc: Client) -> None:
    answer = rfc("GET", "/Users?count=1&count=2")
    assert (answer.status_code, answer.get_json()["scimType"]) == (400, "invalidValue")
    path = f"/Users/{rfc.user('a')['id']}"
    change = {"schemas": [PATCH_URN], "Operations": [{"op": "add", "path": "title", "value": "T"}]}
    for method, place, body in (("GET", path, None), ("PATCH", path, change), ("POST", "/Users", {"userName": "b"})):
        for query in ("attributes=title&attributes=name", "excludedAttributes=title&EXCLUDEDATTRIBUTES=name"):
            answer = rfc(method, f"{place}?{query}", body)
            assert (answer.status_code, answer.get_json()["scimType"]) == (400, "invalidValue")
    assert "title" not in rfc("GET", path).get_json()


def test_ht_19_head_and_options(rfc: Client) -> None:
    created = rfc.user("a")
    head = rfc("HEAD", f"/Users/{created['id']}")
    assert (head.status_code, head.data, head.headers["ETag"]) == (200, b"", created["meta"]["version"])
    options = rfc("OPTIONS", "/Users")
    assert options.status_code == 204
    assert {"GET", "POST"} <= set(options.headers["Allow"].split(", "))


def test_ht_24_headers(rfc: Client) -> None:
    answer = rfc("GET", "/Users")
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert {"Accept", "Authorization"} <= set(answer.headers["Vary"].split(", "))


def test_request_ids_are_taken_where_they_are_sane(rfc: Client) -> None:
    assert rfc("GET", "/Users", X_Request_Id="abc-12345").headers["X-Request-Id"] == "abc-12345"
    assert rfc("GET", "/Users", X_Request_Id="<script>").headers["X-Request-Id"] != "<script>"


@pytest.mark.parametrize("path", ["/Users", "/Users/1", "/Nothing", "/Schemas/x/y", "/Bulk", "/"])
def test_sx_01_nobody_is_let_in_without_a_token(rfc: Client, path: str) -> None:
    methods = ("GET", "POST", "PUT", "PATCH", "DELETE")
    for method, token in itertools.product(methods, ("", "Bearer", "Bearer x", "Basic YTpi", "Bearer scimd_000000000000_" + "0" * 64)):
        rfc.headers = {"Authorization": token} if token else {}
        answer = rfc(method, path, b"{broken")
        assert answer.status_code == 401, (method, token)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_sx_16_the_configuration_is_open_and_the_same_for_all(rfc: Client) -> None:
    rfc.headers = {}
    assert rfc("GET", "/ServiceProviderConfig").status_code == 200
    rfc.base = "/no-such-tenant/scim/v2"
    assert rfc("GET", "/ServiceProviderConfig").status_code == 200
    assert rfc("GET", "/Schemas").status_code == 401


def test_cr_01_and_02_created(rfc: Client) -> None:
    answer = rfc("POST", "/Users", {"schemas": [USER_URN], "userName": "a"})
    created = answer.get_json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == created["meta"]["location"] == answer.headers["Content-Location"]
    assert answer.headers["ETag"] == created["meta"]["version"]
    assert created["meta"]["created"] == created["meta"]["lastModified"]
    assert created["active"] is True
    path = created["meta"]["location"].partition("/scim/v2")[2]
    assert rfc("GET", path).get_json() == created


def test_cr_05_user_name_is_unique_in_any_letter_case(rfc: Client) -> None:
    rfc.user("bjensen")
    answer = rfc("POST", "/Users", {"schemas": [USER_URN], "userName": "BJensen"})
    assert (answer.status_code, answer.get_json()["scimType"]) == (409, "uniqueness")
    composed = rfc.user("Jos\u00e9")
    answer = rfc("POST", "/Users", {"schemas": [USER_URN], "userName": "JOSE\u0301"})
    assert composed["id"]
    assert answer.status_code == 409


def test_cr_10_a_deleted_name_is_free_again(rfc: Client) -> None:
    first = rfc.user("a")
    assert rfc("DELETE", f"/Users/{first['id']}").status_code == 204
    assert rfc.user("a")["id"] != first["id"]


def test_cr_11_a_failed_create_leaves_nothing_behind(rfc: Client) -> None:
    user = rfc.user("a")
    body = {"schemas": [GROUP_URN], "displayName": "G", "members": [{"value": user["id"]}, {"value": NOBODY}]}
    answer = rfc("POST", "/Groups", body)
    assert (answer.status_code, answer.get_json()["scimType"]) == (400, "invalidValue")
    assert NOBODY in answer.get_json()["detail"]
    assert rfc.found("/Groups") == []
    assert "groups" not in rfc("GET", f"/Users/{user['id']}").get_json()


@pytest.mark.parametrize("resource_id", [NOBODY, "x", "%00", "%ff", "{$gt:1}", "..", "a" * 2000])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_rd_02_unknown_ids(rfc: Client, method: str, resource_id: str) -> None:
    assert rfc(method, f"/Users/{quote(resource_id, safe='%')}").status_code == 404


def test_cm_06_ids_are_exact(rfc: Client) -> None:
    created = rfc.user("a")
    assert rfc("GET", f"/Users/{created['id'].upper()}").status_code == 404
    assert rfc("GET", f"/Groups/{created['id']}").status_code == 404


def test_pu_01_to_08_replace(rfc: Client) -> None:
    created = rfc.user("a", title="T", emails=[{"value": "a@x", "type": "work"}], **{ENTERPRISE_URN: {"department": "D"}})
    path = f"/Users/{created['id']}"
    same = rfc("PUT", path, created)
    assert (same.status_code, same.get_json()) == (200, created)
    body = {"schemas": [USER_URN], "userName": "a", "id": "other", "meta": {"version": "x"}, "name": {"givenName": "N"}}
    replaced = rfc("PUT", path, body).get_json()
    assert replaced["id"] == created["id"]
    assert replaced["name"] == {"givenName": "N"}
    assert not {"title", "emails", ENTERPRISE_URN} & replaced.keys()
    assert replaced["schemas"] == [USER_URN]
    assert rfc("PUT", f"/Users/{NOBODY}", body).status_code == 404
    missing = rfc("PUT", path, {"schemas": [USER_URN], "displayName": "x"})
    assert (missing.status_code, missing.get_json()["scimType"]) == (400, "invalidValue")


def test_us_07_a_disabled_user_is_not_enabled_by_omission(rfc: Client) -> None:
    created = rfc.user("a", active=False)
    body = {"schemas": [USER_URN], "userName": "a"}
    assert rfc("PUT", f"/Users/{created['id']}", body).get_json()["active"] is False


def test_pu_10_uniqueness(rfc: Client) -> None:
    rfc.user("a")
    second = rfc.user("b")
    path = f"/Users/{second['id']}"
    assert rfc("PUT", path, {"schemas": [USER_URN], "userName": "A"}).status_code == 409
    assert rfc("PUT", path, {"schemas": [USER_URN], "userName": "B"}).get_json()["userName"] == "B"


def test_pu_13_put_replaces_the_members(rfc: Client) -> None:
    users = [rfc.user(name)["id"] for name in "abc"]
    group = rfc.group("G", *users[:2])
    body = {"schemas": [GROUP_URN], "displayName": "G", "members": [{"value": users[1]}, {"value": users[2]}]}
    replaced = rfc("PUT", f"/Groups/{group['id']}", body).get_json()
    assert {member["value"] for member in replaced["members"]} == set(users[1:])


def test_de_02_a_deleted_user_is_nowhere(rfc: Client) -> None:
    user = rfc.user("a")["id"]
    group = rfc.group("G", user)
    assert rfc("DELETE", f"/Users/{user}", b"body ignored").status_code == 204
    for method in ("GET", "DELETE"):
        assert rfc(method, f"/Users/{user}").status_code == 404
    assert rfc.patch(f"/Users/{user}", {"op": "add", "path": "title", "value": "x"}).status_code == 404
    after = rfc("GET", f"/Groups/{group['id']}").get_json()
    assert "members" not in after
    assert after["meta"]["version"] != group["meta"]["version"]  # GR-06
    assert rfc.found(f"/Groups?filter=members%20eq%20%22{user}%22") == []


def test_a_deleted_group_is_nowhere(rfc: Client) -> None:
    user = rfc.user("a")["id"]
    group = rfc.group("G", user)["id"]
    assert rfc("DELETE", f"/Groups/{group}").status_code == 204
    assert "groups" not in rfc("GET", f"/Users/{user}").get_json()
    assert rfc.found(f"/Users?filter=groups.value%20eq%20%22{group}%22") == []


def test_us_03_and_04_groups_direct_and_indirect_and_in_circles(rfc: Client) -> None:
    user = rfc.user("a")["id"]
    inner = rfc.group("inner", user)["id"]
    outer = rfc.group("outer", inner)["id"]
    assert rfc.patch(f"/Groups/{inner}", {"op": "add", "path": "members", "value": [{"value": outer}]}).status_code == 200
    groups = {g["value"]: g for g in rfc("GET", f"/Users/{user}").get_json()["groups"]}
    assert groups[inner]["type"] == "direct"
    assert groups[outer]["type"] == "indirect"
    assert groups[inner]["display"] == "inner"
    assert groups[inner]["$ref"].endswith(f"/Groups/{inner}")
    assert rfc.found(f"/Users?filter=groups.value%20eq%20%22{outer}%22") == ["a"]
    assert rfc.found("/Users?filter=groups.display%20eq%20%22INNER%22") == ["a"]
    assert rfc.found(f"/Users?filter=groups%5Bvalue%20eq%20%22{outer}%22%20and%20type%20eq%20%22direct%22%5D") == []
    members = rfc("GET", f"/Groups/{outer}").get_json()["members"]
    assert members == [{"value": inner, "$ref": members[0]["$ref"], "display": "inner", "type": "Group"}]
    assert rfc.found("/Groups?filter=members.type%20eq%20%22group%22") in (["inner", "outer"], ["outer", "inner"])
    assert rfc.found("/Groups?filter=members.display%20sw%20%22A%22") == ["inner"]


def test_nobody_is_in_a_group_through_one_that_is_gone(gallery: Client) -> None:
    user = gallery.user("a")["id"]
    gone, outer = gallery.group("gone", user)["id"], gallery.group("outer")["id"]
    assert gallery("DELETE", f"/Groups/{gone}").status_code == 204
    add = {"op": "add", "path": "members", "value": [{"value": gone}]}
    assert gallery.patch(f"/Groups/{outer}", add).status_code == 204  # it may come back
    assert "groups" not in gallery("GET", f"/Users/{user}?attributes=groups").get_json()
    assert "groups" not in gallery("GET", "/Users?attributes=groups").get_json()["Resources"][0]
    assert gallery.found("/Users?filter=groups%20pr") == []


def test_a_renamed_user_shows_the_new_name(rfc: Client) -> None:
    user = rfc.user("a")["id"]
    group = rfc.group("G", user)["id"]
    rfc.patch(f"/Users/{user}", {"op": "replace", "path": "displayName", "value": "New"})
    assert rfc("GET", f"/Groups/{group}").get_json()["members"][0]["display"] == "New"


def test_the_manager_is_shown_with_its_name(rfc: Client) -> None:
    boss = rfc.user("boss")["id"]
    user = rfc.user("a", **{ENTERPRISE_URN: {"manager": {"value": boss}}})
    manager = user[ENTERPRISE_URN]["manager"]
    assert manager == {"value": boss, "$ref": manager["$ref"], "displayName": "boss"}
    assert manager["$ref"].endswith(f"/Users/{boss}")
    answer = rfc("POST", "/Users", {"schemas": [USER_URN], "userName": "b", ENTERPRISE_URN: {"manager": {"value": NOBODY}}})
    assert answer.status_code == 400


def test_whose_manager_is_gone_can_still_be_changed(rfc: Client) -> None:
    boss, other = rfc.user("boss")["id"], rfc.user("other")["id"]
    path = f"/Users/{rfc.user('a', **{ENTERPRISE_URN: {'manager': {'value': boss}}})['id']}"
    rfc("DELETE", f"/Users/{boss}")
    off = {"op": "replace", "path": "active", "value": False}
    assert rfc.patch(path, off).get_json()["active"] is False
    shown = rfc("GET", path).get_json()
    assert rfc("PUT", path, shown | {"title": "T"}).get_json()["title"] == "T"
    manager = f"{ENTERPRISE_URN}:manager"
    assert rfc.patch(path, {"op": "replace", "path": manager, "value": {"value": NOBODY}}).status_code == 400
    assert rfc.patch(path, {"op": "replace", "path": manager, "value": {"value": other}}).status_code == 200
    assert rfc.patch(path, {"op": "replace", "path": manager, "value": {"value": boss}}).status_code == 400


def test_et_05_and_06_and_de_04_and_pu_12_versions(rfc: Client) -> None:
    created = rfc.user("a")
    path, version = f"/Users/{created['id']}", created["meta"]["version"]
    for tag in (version, version.removeprefix("W/"), "*", f'"x", {version}'):
        unchanged = rfc("GET", path, If_None_Match=tag)
        assert (unchanged.status_code, unchanged.data, unchanged.headers["ETag"]) == (304, b"", version)
    assert rfc("GET", path, If_None_Match='W/"99"').status_code == 200
    change = {"op": "replace", "path": "title", "value": "T"}
    assert rfc.patch(path, change, If_Match='W/"99"').status_code == 412
    assert rfc("GET", path).get_json() == created
    changed = rfc.patch(path, change, If_Match=version)
    assert changed.status_code == 200
    assert changed.headers["ETag"] == changed.get_json()["meta"]["version"] != version
    assert rfc.patch(path, change, If_Match=version).status_code == 412
    assert rfc("DELETE", path, If_Match=version).status_code == 412
    assert rfc("DELETE", path, If_Match=changed.headers["ETag"]).status_code == 204
    assert rfc("DELETE", path, If_Match="*").status_code == 404


def test_et_05_a_condition_may_be_a_list_with_any_version_in_it(rfc: Client) -> None:
    user = rfc.user("a")
    path, version = f"/Users/{user['id']}", user["meta"]["version"]
    for tags in ("*, *", '*, "x"', f'"x",{version}'):
        assert rfc("PUT", path, user | {"title": "T"}, If_None_Match=tags).status_code == 412
        assert rfc("GET", path, If_None_Match=tags).status_code == 304
        assert rfc("PUT", path, user, If_Match=tags).status_code == 200
    for tags in ("W/*", '"*"', ",", '"'):
        assert rfc("DELETE", path, If_Match=tags).status_code == 412


def test_et_05_a_read_of_another_version_than_if_match_names_is_refused(rfc: Client) -> None:
    user = rfc.user("a")
    for path in (f"/Users/{user['id']}", "/Schemas", f"/Schemas/{USER_URN}", "/ServiceProviderConfig", "/ResourceTypes"):
        tag = rfc("GET", path).headers["ETag"]
        for method in ("GET", "HEAD"):
            assert rfc(method, path, If_Match=f'"x", {tag}').status_code == 200
            assert rfc(method, path, If_Match="*", If_None_Match=tag).status_code == 304
            assert rfc(method, path, If_Match='"x"', If_None_Match=tag).status_code == 412


def test_pa_07_a_change_that_changes_nothing_keeps_the_version(rfc: Client) -> None:
    user = rfc.user("a", title="T")
    group = rfc.group("G", user["id"])
    assert rfc.patch(f"/Users/{user['id']}", {"op": "replace", "path": "title", "value": "T"}).get_json() == rfc(
        "GET", f"/Users/{user['id']}").get_json()
    same = rfc.patch(f"/Groups/{group['id']}", {"op": "add", "path": "members", "value": [{"value": user["id"]}]})
    assert same.get_json() == group


def test_prefer(rfc: Client) -> None:
    answer = rfc("POST", "/Users", {"schemas": [USER_URN], "userName": "a"}, Prefer="return=minimal")
    assert (answer.status_code, answer.data, answer.headers["Preference-Applied"]) == (201, b"", "return=minimal")
    path = answer.headers["Location"].partition("/scim/v2")[2]
    patched = rfc.patch(path, {"op": "add", "path": "title", "value": "x"}, Prefer="return=minimal")
    assert patched.status_code == 204
    assert patched.headers["ETag"]
    assert patched.headers["Preference-Applied"] == "return=minimal"
    assert "Preference-Applied" not in rfc.patch(path, {"op": "add", "path": "title", "value": "y"}).headers


@pytest.mark.parametrize(("preference", "applied"), [
    ("return=minimal; wait=1", "minimal"), ("RETURN = \"minimal\"", "minimal"), ("wait=1, return=minimal", "minimal"),
    ("return=minimal, return=representation", "minimal"), ("return=other, return=minimal", None),
    ('x="a, return=minimal"', None), ("return", None), ("return; minimal", None), ("x; return=minimal", None),
])
def test_a_preference_is_read_as_rfc_7240_section_2_writes_it(rfc: Client, preference: str, applied: str | None) -> None:
    user = rfc.user("a")
    answer = rfc("PUT", f"/Users/{user['id']}", user, Prefer=preference)
    assert answer.status_code == (204 if applied else 200)
    assert answer.headers.get("Preference-Applied") == (f"return={applied}" if applied else None)


def test_only_a_preference_that_is_applied_is_confirmed(rfc: Client) -> None:
    user = rfc.user("a")
    path, minimal = f"/Users/{user['id']}", {"Prefer": "return=minimal"}
    same = {"op": "replace", "path": "userName", "value": "a"}
    for answer in (rfc("PUT", f"{path}?attributes=userName", user, **minimal),
                   rfc.patch(f"{path}?excludedAttributes=meta", same, **minimal)):
        assert (answer.status_code, answer.get_json()["userName"]) == (200, "a")
        assert "Preference-Applied" not in answer.headers
    for answer in (rfc("PUT", f"{path}?x=1", user, **minimal), rfc.patch(f"{path}?x=1", same, **minimal)):
        assert (answer.status_code, answer.headers["Preference-Applied"]) == (204, "return=minimal")


def test_of_both_lists_of_attributes_the_dialect_follows_the_first(gallery: Client, rfc: Client) -> None:
    both = "?attributes=userName&excludedAttributes=userName"
    for client, expected in (gallery, {"schemas", "id", "userName"}), (rfc, None):
        user = client.user("a")
        path = f"/Users/{user['id']}{both}"
        change = {"op": "replace", "path": "title", "value": "T"}
        for answer in (client("GET", path), client("PUT", path, user), client.patch(path, change),
                       client("POST", f"/Users{both}", user | {"userName": "b"})):
            assert answer.status_code in ((200, 201) if expected else (400,)), answer.get_json()
            assert expected is None or answer.get_json().keys() == expected
        assert client("GET", f"/Users{both}").status_code == (200 if expected else 400)


def test_pa_06_answers_by_profile(gallery: Client) -> None:
    user, group = gallery.user("a")["id"], gallery.group("G")["id"]
    assert gallery.patch(f"/Users/{user}", {"op": "Add", "path": "title", "value": "x"}).status_code == 200
    add = {"op": "Add", "path": "members", "value": [{"$ref": None, "value": user}]}
    assert gallery.patch(f"/Groups/{group}", add).status_code == 204
    shown = gallery.patch(f"/Groups/{group}", add, Prefer="return=representation")
    assert shown.status_code == 200
    assert gallery.patch(f"/Groups/{group}?attributes=displayName", add).get_json().keys() == {
        "schemas", "id", "displayName"}


def test_at_02_and_03_projection(rfc: Client) -> None:
    user = rfc.user("a", emails=[{"value": "a@x", "type": "work"}])
    path = f"/Users/{user['id']}"
    assert rfc("GET", path + "?attributes=userName").get_json() == {
        "schemas": [USER_URN], "id": user["id"], "userName": "a"}
    assert rfc("GET", path + "?attributes=emails.VALUE").get_json()["emails"] == [{"value": "a@x"}]
    less = rfc("GET", path + "?excludedAttributes=id,userName,name").get_json()
    assert less["id"] == user["id"]
    assert not {"userName", "name"} & less.keys()
    assert rfc("GET", path + "?attributes=a&excludedAttributes=b").status_code == 400
    created = rfc("POST", "/Users?attributes=userName", {"schemas": [USER_URN], "userName": "b"})
    assert created.get_json().keys() == {"schemas", "id", "userName"}
    assert created.headers["Location"].endswith(created.get_json()["id"])


def test_er_a_bug_is_a_500_with_a_reference(rfc: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret text")

    monkeypatch.setattr("app.provider.Provider.query", fail)
    answer = rfc("GET", "/Users", X_Request_Id="reference-1")
    assert answer.status_code == 500
    assert "reference-1" in answer.get_json()["detail"]
    assert b"secret text" not in answer.data


@pytest.mark.parametrize("kind", [
    "application/scim+json", "application/json", "application/scim+json; charset=utf-8", "APPLICATION/JSON;Charset=UTF-8", "",
])
def test_ht_06_bodies_that_are_read(rfc: Client, kind: str) -> None:
    body = b'{"schemas": ["%s"], "userName": "a"}' % USER_URN.encode()
    assert rfc("POST", "/Users", body, **({"Content_Type": kind} if kind else {})).status_code == 201


@pytest.mark.parametrize("kind", [
    "text/plain", "application/xml", "multipart/form-data; boundary=x", "application/json; charset=latin-1",
])
def test_ht_07_bodies_of_other_kinds(rfc: Client, kind: str) -> None:
    assert rfc("POST", "/Users", b"{}", Content_Type=kind).status_code == 415


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "identity, gzip", "x"])
def test_ht_07_bodies_in_a_content_coding(rfc: Client, coding: str) -> None:
    """RFC 9110 section 15.5.16: 415, for the coding as for the type; section 12.5.3: with those that are taken."""
    body = b'{"schemas": ["%s"], "userName": "a"}' % USER_URN.encode()
    for sent in (body, gzip.compress(body)):
        answer = rfc("POST", "/Users", sent, Content_Encoding=coding)
        assert (answer.status_code, answer.headers["Accept-Encoding"]) == (415, "identity")


@pytest.mark.parametrize("coding", ["identity", " Identity ", "", ",", "identity, identity"])
def test_bodies_without_a_content_coding(rfc: Client, coding: str) -> None:
    """RFC 9110 section 5.6.1.2: a list may be empty."""
    body = b'{"schemas": ["%s"], "userName": "a"}' % USER_URN.encode()
    assert rfc("POST", "/Users", body, Content_Encoding=coding).status_code == 201


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b'"x"', b"null", b'{"userName": NaN}', b'{"userName": "\xff"}', b"{} x", b'{"a": 1, "a": 2}',
    b'{"userName": "a", "USERNAME": "b"}',
])
@pytest.mark.parametrize(("method", "path"), [("POST", "/Users"), ("POST", "/.search"), ("POST", "/Bulk")])
def test_ht_08_and_09_what_is_no_message(rfc: Client, method: str, path: str, body: bytes) -> None:
    answer = rfc(method, path, body)
    assert (answer.status_code, answer.get_json()["scimType"]) == (400, "invalidSyntax")


@pytest.mark.parametrize("key", ["schemas", "SCHEMAS", "Schemas"])
def test_cm_13_a_message_says_what_it_is_in_any_letter_case(rfc: Client, key: str) -> None:
    path = f"/Users/{rfc.user('a')['id']}"
    operation = {"method": "DELETE", "path": path}
    for place, name, more in (("/.search", "Search", {}), ("/Bulk", "Bulk", {"OPERATIONS": [operation]})):
        urn = f"urn:ietf:params:scim:api:messages:2.0:{name}Request"
        for spelled in (urn, urn.lower(), urn.upper()):
            assert rfc("POST", place, {key: [spelled]} | more).status_code == 200
        assert rfc("POST", place, {key: [PATCH_URN]} | more).get_json()["scimType"] == "invalidSyntax"


def test_ht_15_places_start_with_the_public_url(http_database: Database, rfc: Client) -> None:
    settings = {"SCIMD_RATE_LIMIT": "off", "SCIMD_PUBLIC_URL": "https://id.example.com/prefix"}
    behind = Client(create_app(Config.from_environment(settings), http_database), rfc.tenant, "")
    behind.headers = rfc.headers
    user = behind.user("a")
    group = behind.group("G", user["id"])
    assert user["meta"]["location"].startswith(f"https://id.example.com/prefix/{rfc.tenant}/scim/v2/Users/")
    assert group["members"][0]["$ref"] == user["meta"]["location"]


def test_ht_20_no_suffix_selects_a_format(rfc: Client) -> None:
    assert rfc("GET", f"/Users/{rfc.user('a')['id']}.scim").status_code == 404


def test_ht_21_paths_are_decoded_once(rfc: Client) -> None:
    created = rfc.user("a%41")
    location = created["meta"]["location"].partition("/scim/v2")[2]
    assert rfc("GET", location).get_json() == created
    assert rfc.found("/Users?filter=" + quote('userName eq "a%41"')) == ["a%41"]
    assert rfc("GET", location.replace("-", "%252D")).status_code == 404
    assert rfc("GET", location.replace("-", "%2D")).status_code == 200


def test_ht_25_too_many_requests(http_database: Database, rfc: Client) -> None:
    slow = Client(create_app(Config.from_environment({"SCIMD_RATE_LIMIT": "25"}), http_database), rfc.tenant, "")
    slow.headers = rfc.headers
    spend(http_database, rfc.tenant)
    answers = (slow("GET", "/Users?count=0") for _ in range(400))
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert int(refused.headers["Retry-After"]) > 0


@pytest.mark.parametrize("path", ["/Users/", "//Users", "/Me", "/"])
def test_ht_26_nobody_is_sent_elsewhere(rfc: Client, path: str) -> None:
    for method in ("GET", "POST"):
        assert not 300 <= rfc(method, path, {} if method == "POST" else None).status_code < 400


# Versions (section 17)


def test_et_01_to_04_every_change_has_a_version_of_its_own(rfc: Client) -> None:
    created = rfc("POST", "/Users", {"schemas": [USER_URN], "userName": "a"})
    path = f"/Users/{created.get_json()['id']}"
    answers = [created, *(rfc.patch(path, {"op": "replace", "path": "title", "value": f"T{n}"}) for n in range(5))]
    versions = [answer.headers["ETag"] for answer in answers]
    assert versions == [answer.get_json()["meta"]["version"] for answer in answers]
    assert len(set(versions)) == 6
    assert all(version.startswith('W/"') for version in versions)
    assert rfc.patch(path, {"op": "replace", "path": "title", "value": "T4"}).headers["ETag"] == versions[-1]
    same = rfc("PUT", path, answers[-1].get_json(), Prefer="return=minimal")
    assert (same.status_code, same.headers["ETag"]) == (204, versions[-1])
    assert rfc("GET", "/ServiceProviderConfig").get_json()["etag"]["supported"] is True


def test_et_05_to_09_conditions(rfc: Client) -> None:
    created = rfc.user("a")
    path, version = f"/Users/{created['id']}", created["meta"]["version"]
    bare = version.removeprefix("W/")
    for tags in (version, bare, "*", f'"x", {version}'):
        unchanged = rfc("GET", path, If_None_Match=tags)
        assert (unchanged.status_code, unchanged.data, unchanged.headers["ETag"]) == (304, b"", version)
        assert rfc("PUT", path, created, If_None_Match=tags).status_code == 412  # RFC 9110 section 13.1.2
        assert rfc("PUT", path, created, If_Match=tags).status_code == 200
    for method in ("PUT", "PATCH", "DELETE"):
        answer = rfc(method, path, created, If_Match='W/"99"')
        assert answer.status_code == 412
        assert "scimType" not in answer.get_json()
    assert rfc("GET", path).get_json() == created
    assert rfc("DELETE", f"/Users/{NOBODY}", If_Match="*").status_code == 404


def test_et_10_one_of_many_wins(rfc: Client) -> None:
    created = rfc.user("a")
    path, version = f"/Users/{created['id']}", created["meta"]["version"]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda n: rfc.patch(
            path, {"op": "replace", "path": "title", "value": f"T{n}"}, If_Match=version).status_code, range(6)))
    assert sorted(answers) == [200, *[412] * 5]


def test_et_12_conditions_come_before_the_body(rfc: Client) -> None:
    path = f"/Users/{rfc.user('a')['id']}"
    for method in ("PUT", "PATCH"):
        assert rfc(method, f"/Users/{NOBODY}", {"wrong": 1}, If_Match='W/"99"').status_code == 404
        assert rfc(method, path, {"wrong": 1}, If_Match='W/"99"').status_code == 412
        assert rfc(method, path, {"wrong": 1}).status_code == 400
    assert rfc("GET", "/Users", If_None_Match="*", If_Match='"x"').status_code == 200


def test_et_13_a_membership_is_no_change_of_the_user(rfc: Client) -> None:
    user = rfc.user("a")
    rfc.group("G", user["id"])
    shown = rfc("GET", f"/Users/{user['id']}").get_json()
    assert shown["groups"]
    assert shown["meta"] == user["meta"]
    assert rfc("GET", f"/Users/{user['id']}", If_None_Match=user["meta"]["version"]).status_code == 304  # docs/consumers.md
