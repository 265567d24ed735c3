"""Queries over HTTP: paging, sorting, cursors, search, the root."""

import base64
import re
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from app.store.accounts.tokens import Tokens
from app.store.mongo import database
from app.store.mongo.database import Database
from app.store.search import results, time_limit
from tests.blueprints.conftest import ENTERPRISE_URN, Client
from tests.conftest import Fault
from tests.moments import next_millisecond

USERS = quote('userName sw "user"')
GROUPS = quote('meta.resourceType eq "Group"')
NOT_X = quote('userName ne "x"')
SEARCH_URN = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"


def filled(client: Client) -> Client:
    for number in range(10):
        client.user(f"user{number}")
    return client


@pytest.fixture(scope="module")
def ten(new_client: Callable[[str], Client]) -> Client:
    """Return the client of a tenant with ten users, whom no test changes."""
    return filled(new_client("rfc"))


@pytest.fixture
def own_ten(rfc: Client) -> Client:
    """Return the client of a tenant with ten users, for a test that changes them."""
    return filled(rfc)


def page(client: Client, query: str) -> dict[str, Any]:
    answer = client("GET", f"/Users?{query}")
    assert answer.status_code == 200, answer.get_json()
    return answer.get_json()


@pytest.mark.parametrize(("query", "start", "items"), [
    ("", 1, 10), ("startIndex=0", 1, 10), ("startIndex=-5", 1, 10), ("count=3", 1, 3), ("startIndex=9&count=5", 9, 2),
    ("startIndex=11", 11, 0), ("startIndex=99999999999999999999", 2**31, 0), ("count=0", 1, 0), ("count=-1", 1, 0),
    ("count=99999999999999999999", 1, 10),
])
def test_pg_01_to_09_index_paging(ten: Client, query: str, start: int, items: int) -> None:
    found = page(ten, query)
    assert (found["totalResults"], found["startIndex"], found["itemsPerPage"]) == (10, start, items)
    assert len(found["Resources"]) == items
    assert set(found) == {"schemas", "totalResults", "startIndex", "itemsPerPage", "Resources"}


@pytest.mark.parametrize("query", ["count=abc", "count=1.5", "startIndex=x", "startIndex=%00"])
def test_pg_09_no_number(ten: Client, query: str) -> None:
    answer = ten("GET", f"/Users?{query}")
    assert (answer.status_code, answer.get_json()["scimType"]) == (400, "invalidValue")


def test_pg_12_pages_together_are_the_whole(ten: Client) -> None:
    pages = [page(ten, f"startIndex={start}&count=3")["Resources"] for start in (1, 4, 7, 10)]
    assert sorted(user["userName"] for users in pages for user in users) == [f"user{n}" for n in range(10)]


def test_totals_follow_creates_and_deletes(own_ten: Client) -> None:
    user = own_ten.user("more")
    assert page(own_ten, "count=1")["totalResults"] == 11
    own_ten("DELETE", f"/Users/{user['id']}")
    assert page(own_ten, "count=1")["totalResults"] == 10
    assert page(own_ten, f"count=1&filter={USERS}")["totalResults"] == 10


@pytest.fixture(scope="module")
def mixed(new_client: Callable[[str], Client]) -> Client:
    """Return users with and without a nickname, with several e-mails, and with employee numbers."""
    rfc = new_client("rfc")
    rfc.user("a", nickName="Zed", emails=[{"value": "m@x"}, {"value": "b@x", "primary": True}],
             **{ENTERPRISE_URN: {"employeeNumber": "9"}})
    next_millisecond()  # each has a time of its own, by which they are sorted
    rfc.user("B", nickName="alpha", emails=[{"value": "c@x"}], **{ENTERPRISE_URN: {"employeeNumber": "10"}})
    next_millisecond()
    rfc.user("c")
    next_millisecond()
    rfc.user("D", nickName="Mid", emails=[{"value": "A@x"}], active=False)
    return rfc


@pytest.mark.parametrize(("sort", "expected"), [
    ("sortBy=userName", "a B c D"), ("sortBy=userName&sortOrder=descending", "D c B a"),
    ("sortBy=nickName", "B D a c"), ("sortBy=nickName&sortOrder=DESCENDING", "c a D B"),
    ("sortBy=emails.value", "D a B c"), ("sortBy=emails", "D a B c"),
    ("sortBy=emails.value&sortOrder=descending", "c B a D"),
    (f"sortBy={ENTERPRISE_URN}:EMPLOYEENUMBER", "B a"), ("sortBy=meta.created", "a B c D"),
    ("sortBy=meta.lastModified&sortOrder=descending", "D c B a"),
])
def test_so_01_to_08_sorting(mixed: Client, sort: str, expected: str) -> None:
    names = [user["userName"] for user in page(mixed, sort)["Resources"]]
    assert names[: len(expected.split())] == expected.split()
    # Page by page, by index and by cursor, it is the same.
    by_index = [page(mixed, f"{sort}&count=1&startIndex={n}")["Resources"][0]["userName"] for n in range(1, 5)]
    assert by_index == names
    assert [user["userName"] for user in by_cursor(mixed, sort, 1)] == names


@pytest.mark.parametrize("sort", [
    "sortBy=bogus", "sortBy=name", "sortBy=x509Certificates.value", "sortBy=password", "sortBy=userName&sortOrder=up",
    "sortBy=groups.value", "sortBy=.", "sortBy=$where",
])
def test_so_09_what_cannot_be_sorted_by(mixed: Client, sort: str) -> None:
    answer = mixed("GET", f"/Users?{sort}")
    assert (answer.status_code, answer.get_json()["scimType"]) == (400, "invalidValue")


def by_cursor(client: Client, query: str, count: int) -> list[dict[str, Any]]:
    found, cursor = [], ""
    while cursor is not None:
        message = page(client, f"{query}&count={count}&cursor={cursor}")
        assert "startIndex" not in message
        found += message["Resources"]
        cursor = message.get("nextCursor")
        assert cursor is None or re.fullmatch(r"[A-Za-z0-9._~-]+", cursor)
    return found


def test_cu_01_to_06_there_and_back_again(ten: Client) -> None:
    first = page(ten, "cursor&count=4")
    assert first["totalResults"] == 10
    assert "previousCursor" not in first
    second = page(ten, f"cursor={first['nextCursor']}&count=4")
    third = page(ten, f"cursor={second['nextCursor']}&count=4")
    assert [len(each["Resources"]) for each in (first, second, third)] == [4, 4, 2]
    assert "nextCursor" not in third
    back = page(ten, f"cursor={third['previousCursor']}&count=4")
    assert back["Resources"] == second["Resources"]
    assert page(ten, f"cursor={back['previousCursor']}&count=4")["Resources"] == first["Resources"]
    start = page(ten, f"cursor={back['previousCursor']}&count=4")
    assert "previousCursor" not in start
    assert page(ten, f"cursor={start['nextCursor']}&count=4")["Resources"] == second["Resources"]


def test_cu_05_a_cursor_belongs_to_its_query_in_any_letter_case(ten: Client) -> None:
    condition = quote('userName sw "user"')
    cursor = page(ten, f"cursor=&count=2&filter={condition}")["nextCursor"]
    again = quote('USERNAME Sw "user"')
    assert page(ten, f"cursor={cursor}&count=2&filter={again}")["itemsPerPage"] == 2
    other = quote('userName sw "use"')
    for query in (f"count=2&filter={other}", "count=2", f"count=2&filter={condition}&sortBy=userName"):
        answer = ten("GET", f"/Users?cursor={cursor}&{query}")
        assert (answer.status_code, answer.get_json()["scimType"]) == (400, "invalidCursor")


@pytest.mark.parametrize(("one", "other", "same"), [
    ('userName sw "user"', 'USERNAME SW "user"', True), ('userName sw "user"', 'userName sw "USER"', False),
    ('externalId ne "A"', 'externalId ne "a"', False), ('not (emails[value eq "A"])', 'NOT (EMAILS[VALUE Eq "A"])', True),
    ('not (emails[value eq "A"])', 'not (emails[value eq "a"])', False), ('title ne "A\\\"B"', 'TITLE ne "A\\\"B"', True),
    ('title ne "A\\\"B"', 'title ne "A\\\"b"', False), ('title eq null and active eq true', 'TITLE EQ null AND Active eq true', True),
])
def test_fa_34_a_query_is_known_by_its_values_as_they_are(ten: Client, one: str, other: str, same: bool) -> None:
    """RFC 9865 section 2: a cursor is for the query that it came with. Names and operators ignore case (RFC 7644 3.4.2.2)."""
    cursor = page(ten, f"cursor=&count=2&filter={quote(one)}")["nextCursor"]
    answer = ten("GET", f"/Users?cursor={cursor}&count=2&filter={quote(other)}")
    assert (answer.status_code, answer.get_json().get("scimType")) == ((200, None) if same else (400, "invalidCursor"))


@pytest.mark.parametrize(("query", "scim_type"), [
    ("cursor=x", "invalidCursor"), ("cursor=&count=abc", "invalidCount"), ("cursor=&startIndex=2", "invalidValue"),
    ("cursor=%00", "invalidCursor"), ("cursor=" + "A" * 500, "invalidCursor"),
])
def test_cu_08_bad_cursors(ten: Client, query: str, scim_type: str) -> None:
    answer = ten("GET", f"/Users?{query}")
    assert (answer.status_code, answer.get_json()["scimType"]) == (400, scim_type)


def test_cu_a_cursor_fits_into_a_url_whatever_it_is_sorted_by(gallery: Client) -> None:
    """The longest value of an attribute with an index, in the characters that take most bytes; a URL may have 8,190."""
    for number in range(2):
        gallery.user(f"u{number}", displayName=chr(0x1F600 + number) * 1_024)
    shown = by_cursor(gallery, "sortBy=displayName", 1)
    assert [user["userName"] for user in shown] == ["u0", "u1"]
    assert len(page(gallery, "sortBy=displayName&count=1&cursor=")["nextCursor"]) < 6_000


def test_cu_08_and_18_forged_and_foreign_cursors_look_alike(ten: Client, gallery: Client) -> None:
    cursor = page(ten, "cursor=&count=2")["nextCursor"]
    assert ten("GET", f"/Users?cursor={cursor}&count=3").get_json()["scimType"] == "invalidCount"
    forged = cursor[:-5] + ("AAAAA" if cursor[-5:] != "AAAAA" else "BBBBB")
    mine = ten("GET", f"/Users?cursor={forged}&count=2").get_json()
    theirs = gallery("GET", f"/Users?cursor={cursor}&count=2").get_json()
    assert mine == theirs


def test_cu_21_pages_are_stable_while_others_write(own_ten: Client) -> None:
    first = page(own_ten, "cursor=&count=5&sortBy=userName")
    for user in first["Resources"][:2]:
        own_ten("DELETE", f"/Users/{user['id']}")
    own_ten.user("aaa")
    own_ten.user("user55")
    second = page(own_ten, f"cursor={first['nextCursor']}&count=5&sortBy=userName")
    names = [user["userName"] for user in second["Resources"]]
    assert names == ["user5", "user55", "user6", "user7", "user8"]


def test_se_01_search_is_the_query_by_post(mixed: Client) -> None:
    body = {"schemas": [SEARCH_URN], "filter": 'emails pr and userName ne "x"', "sortBy": "userName", "startIndex": 2,
            "count": 1, "attributes": ["userName"]}
    by_post = mixed("POST", "/Users/.search", body)
    query = f"filter={quote(body['filter'])}&sortBy=userName&startIndex=2&count=1&attributes=userName"
    assert (by_post.status_code, by_post.get_json()) == (200, page(mixed, query))


@pytest.mark.parametrize(("body", "scim_type"), [
    ({}, "invalidSyntax"), ({"schemas": [SEARCH_URN], "count": "1"}, "invalidValue"),
    ({"schemas": [SEARCH_URN], "filter": 5}, "invalidValue"), ({"schemas": [SEARCH_URN], "filter": "x"}, "invalidFilter"),
    ({"schemas": [SEARCH_URN], "attributes": {}}, "invalidValue"), ({"schemas": "x"}, "invalidSyntax"),
    ({"schemas": [SEARCH_URN], "count": True}, "invalidValue"),
    # As in a URL: of two filters neither may be left out.
    ({"schemas": [SEARCH_URN], "filter": 'title eq "a"', "Filter": 'title eq "b"'}, "invalidValue"),
])
def test_se_02_and_03_bad_searches(rfc: Client, body: dict, scim_type: str) -> None:
    for path in ("/.search", "/Users/.search"):
        answer = rfc("POST", path, body)
        assert (answer.status_code, answer.get_json()["scimType"]) == (400, scim_type)


@pytest.mark.parametrize("text", ["%FF", "%ed%a0%80", "%C3", "%F8%88%80%80%80"])
def test_what_is_no_utf_8_in_a_url_is_refused_and_not_compared(rfc: Client, text: str) -> None:
    rfc.user("a", title="%FF")
    for condition in (f'title%20eq%20"{text}"', f'title%20ne%20"{text}"'):
        answer = rfc("GET", f"/Users?filter={condition}")
        assert (answer.status_code, answer.get_json()["scimType"]) == (400, "invalidValue")
        assert "UTF-8" in answer.get_json()["detail"]


def test_a_character_of_which_a_half_is_not_escaped_is_no_utf_8(rfc: Client) -> None:
    query = {"QUERY_STRING": 'filter=title%20eq%20"\xc3%A9"'}
    answer = rfc._client.get(f"{rfc.base}/Users", headers=rfc.headers, environ_overrides=query)
    assert (answer.status_code, answer.get_json()["scimType"]) == (400, "invalidValue")


def test_se_04_and_05_the_root_searches_everything(rfc: Client) -> None:
    rfc.user("smith")
    rfc.group("Smithies")
    rfc.user("jones")
    body = {"schemas": [SEARCH_URN], "filter": 'displayName sw "SMITH"'}
    found = rfc("POST", "/.search", body).get_json()
    assert {each["meta"]["resourceType"] for each in found["Resources"]} == {"User", "Group"}
    assert found["totalResults"] == 2
    everything = rfc("GET", "/?sortBy=displayName&count=2").get_json()
    assert everything["totalResults"] == 3
    assert [each["displayName"] for each in everything["Resources"]] == ["jones", "smith"]
    last = rfc("GET", "/?sortBy=displayName&startIndex=3").get_json()["Resources"]
    assert [each["displayName"] for each in last] == ["Smithies"]
    only = rfc("GET", f"/?filter={GROUPS}").get_json()
    assert [each["displayName"] for each in only["Resources"]] == ["Smithies"]


def test_fi_23_an_attribute_that_a_type_lacks_has_no_value_at_the_root(rfc: Client) -> None:
    user = rfc.user("a")["id"]
    rfc.group("G", user)
    assert [each["displayName"] for each in rfc("GET", "/?filter=members%20pr").get_json()["Resources"]] == ["G"]
    others = rfc("GET", f"/?filter={NOT_X}").get_json()
    assert others["totalResults"] == 2
    assert rfc("GET", "/Users?filter=bogus%20pr").status_code == 400


def test_cu_22_cursors_at_the_root(rfc: Client) -> None:
    for number in range(4):
        rfc.user(f"u{number}")
        rfc.group(f"g{number}")
    found, cursor = [], ""
    while cursor is not None:
        message = rfc("GET", f"/?cursor={cursor}&count=3&sortBy=displayName").get_json()
        found += [each["displayName"] for each in message["Resources"]]
        cursor = message.get("nextCursor")
    assert found == [f"g{n}" for n in range(4)] + [f"u{n}" for n in range(4)]


def test_so_10_ties_have_an_order(rfc: Client) -> None:
    for number in range(12):
        rfc.user(f"u{number}", title="same")
    for query in ("sortBy=title", "sortBy=title&sortOrder=descending", "sortOrder=descending"):
        whole = [user["id"] for user in page(rfc, query)["Resources"]]
        by_index = [page(rfc, f"{query}&startIndex={n}&count=1")["Resources"][0]["id"] for n in range(1, 13)]
        assert by_index == whole, query
    assert [user["id"] for user in by_cursor(rfc, "sortBy=title", 5)] == [
        user["id"] for user in page(rfc, "sortBy=title")["Resources"]]


def test_so_11_cursor_pages_are_sorted(mixed: Client) -> None:
    assert [user["userName"] for user in by_cursor(mixed, "sortBy=nickName", 2)] == ["B", "D", "a", "c"]


def test_so_12_a_type_without_the_attribute_comes_last(rfc: Client) -> None:
    rfc.group("A")
    rfc.user("z")
    kinds = [each["meta"]["resourceType"] for each in rfc("GET", "/?sortBy=userName").get_json()["Resources"]]
    assert kinds == ["User", "Group"]
    kinds = [each["meta"]["resourceType"] for each in
             rfc("GET", "/?sortBy=userName&sortOrder=descending").get_json()["Resources"]]
    assert kinds == ["Group", "User"]


def test_pg_10_and_11_and_cu_09_pages_have_a_largest_size(http_database: Database, rfc: Client) -> None:
    config = rfc("GET", "/ServiceProviderConfig").get_json()
    most = config["filter"]["maxResults"]
    assert config["pagination"]["defaultPageSize"] >= 100
    assert config["pagination"]["maxPageSize"] == most
    created = rfc.user("u0")
    kept = http_database.db["users"].find_one({"_id": created["id"]})
    http_database.db["users"].insert_many(
        {**kept, "_id": str(uuid.uuid4()), "userName": f"u{n}", "_folded": {**kept["_folded"], "userName": f"u{n}"},
         "_unique": {"userName": f"u{n}"}} for n in range(1, most + 1))
    for query in (f"count={most + 1}", f"cursor=&count={most + 1}", f"count={10**9}"):
        found = page(rfc, f"{query}&attributes=id")
        assert len(found["Resources"]) == found["itemsPerPage"] == most
    assert len(page(rfc, "attributes=id&count=100")["Resources"]) == 100


@pytest.mark.parametrize("count", ["0", "-3"])
def test_cu_07_and_10_and_11_none_but_the_total(ten: Client, count: str) -> None:
    found = page(ten, f"cursor=&count={count}")
    assert found.keys() == {"schemas", "totalResults", "itemsPerPage", "Resources"}
    assert (found["totalResults"], found["itemsPerPage"], found["Resources"]) == (10, 0, [])


def test_cu_12_to_15_both_methods(ten: Client) -> None:
    assert "nextCursor" not in page(ten, "count=3")
    assert ten("GET", "/Users?cursor=&startIndex=1").get_json()["scimType"] == "invalidValue"
    body = {"schemas": [SEARCH_URN], "cursor": "", "count": 6}
    for path in ("/.search", "/Users/.search"):
        first = ten("POST", path, body).get_json()
        second = ten("POST", path, body | {"cursor": first["nextCursor"]}).get_json()
        assert [len(first["Resources"]), len(second["Resources"])] == [6, 4]
        assert "nextCursor" not in second
    pagination = ten("GET", "/ServiceProviderConfig").get_json()["pagination"]
    assert pagination.keys() == {
        "cursor", "index", "defaultPaginationMethod", "defaultPageSize", "maxPageSize", "cursorTimeout"}
    schema = ten("GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig").get_json()
    rows = {row["name"]: row for row in schema["attributes"]}
    assert {sub["name"] for sub in rows["pagination"]["subAttributes"]} == pagination.keys()


def test_cu_16_and_17_a_cursor_grants_nothing(own_ten: Client, http_database: Database) -> None:
    cursor = page(own_ten, "cursor=&count=2")["nextCursor"]
    kept, own_ten.headers = own_ten.headers, {}
    assert own_ten("GET", f"/Users?cursor={cursor}&count=2").status_code == 401
    tokens = Tokens(http_database)
    token, row = tokens.issue(own_ten.tenant)
    own_ten.headers = {"Authorization": f"Bearer {token}"}
    other = own_ten("GET", f"/Users?cursor={cursor}&count=2")
    assert other.status_code in (200, 400)
    own_ten.headers = kept
    assert page(own_ten, f"cursor={cursor}&count=2")["itemsPerPage"] == 2


def test_cu_19_a_cursor_tells_nothing(ten: Client) -> None:
    first = page(ten, "cursor=&count=2&sortBy=userName")
    cursor = first["nextCursor"]
    plain = base64.urlsafe_b64decode(cursor.replace(".", "") + "=" * (-len(cursor.replace(".", "")) % 4))
    for user in first["Resources"]:
        for secret in (user["id"], user["userName"], ten.tenant):
            assert secret.encode() not in plain
            assert secret not in cursor
            assert uuid.UUID(user["id"]).bytes not in plain


def test_se_06_a_search_creates_nothing(rfc: Client) -> None:
    answer = rfc("POST", "/Users/.search", {"schemas": [SEARCH_URN]})
    assert answer.status_code == 200
    assert "Location" not in answer.headers
    assert answer.get_json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:ListResponse"]
    assert page(rfc, "")["totalResults"] == 0


def test_se_07_where_there_is_no_search(rfc: Client) -> None:
    user = rfc.user("a")["id"]
    for path in (f"/Users/{user}/.search", "/Schemas/.search", "/ServiceProviderConfig/.search", "/Nothing/.search"):
        assert rfc("POST", path, {"schemas": [SEARCH_URN]}).status_code in (403, 404, 405), path


def test_se_08_the_root_has_no_discovery(rfc: Client) -> None:
    rfc.user("a")
    assert {each["meta"]["resourceType"] for each in rfc("GET", "/").get_json()["Resources"]} == {"User"}
    assert rfc("POST", "/.search", {"schemas": [SEARCH_URN]}).get_json()["totalResults"] == 1


@pytest.mark.parametrize("path", ["userName", "USERNAME", "urn:ietf:params:scim:schemas:core:2.0:User:userName"])
def test_a_query_by_name_shows_what_reading_the_user_shows(rfc: Client, path: str) -> None:
    user = rfc.user("Ann")["id"]
    rfc.user("ann2")
    inner = rfc.group("inner", user)["id"]
    rfc.group("outer", inner)
    found = page(rfc, "filter=" + quote(f'{path} eq "aNN"'))
    assert (found["totalResults"], found["startIndex"], found["itemsPerPage"]) == (1, 1, 1)
    assert found["Resources"] == [rfc("GET", f"/Users/{user}").get_json()]
    assert [group["type"] for group in found["Resources"][0]["groups"]] == ["direct", "indirect"]


@pytest.mark.parametrize(("query", "total", "shown"), [
    ("", 1, {"schemas", "id", "userName", "displayName", "name", "active", "meta", "groups"}),
    ("&attributes=userName", 1, {"schemas", "id", "userName"}),
    ("&attributes=groups", 1, {"schemas", "id", "groups"}),
    ("&excludedAttributes=groups,name", 1, {"schemas", "id", "userName", "displayName", "active", "meta"}),
    ("&startIndex=2", 1, None), ("&count=0", 1, None), ("&sortBy=displayName", 1, {"schemas", "id", "userName",
                                                        "displayName", "name", "active", "meta", "groups"}),
])
def test_a_query_by_name_pages_and_projects_as_any_other(
    rfc: Client, query: str, total: int, shown: set[str] | None
) -> None:
    rfc.group("G", rfc.user("Ann")["id"])
    found = page(rfc, "filter=" + quote('userName eq "ann"') + query)
    assert found["totalResults"] == total
    assert [set(resource) for resource in found["Resources"]] == ([shown] if shown else [])


def test_a_name_that_nobody_has(rfc: Client) -> None:
    found = page(rfc, "filter=" + quote('userName eq "nobody"'))
    assert (found["totalResults"], found["Resources"]) == (0, [])


@pytest.mark.parametrize(("query", "attributes"), [
    ('filter=title eq "x"', "title"), ('filter=emails co "x" and title pr', "emails.value, title"), ("sortBy=title", "title"),
    ("sortBy=nickName&filter=active eq false", "active, nickName"), ('filter=displayName co "x"', "displayName"), ('filter=title eq "x"&cursor', "title"),
])
def test_sc_04_what_cannot_be_answered_in_time_is_too_many_and_names_the_attributes(
    ten: Client, fault: Fault, query: str, attributes: str
) -> None:
    with fault(["aggregate"], "alwaysOn", errorCode=50):
        answer = ten("GET", f"/Users?{query}")
    error = answer.get_json()
    assert (answer.status_code, error["scimType"]) == (400, "tooMany")
    assert error["detail"].startswith(f"There is no suitable index for {attributes}, ")
    assert "userName" in error["detail"]


@pytest.mark.parametrize("query", ["", f"filter={USERS}", "sortBy=userName"])
def test_sc_04_what_an_index_answers_and_takes_too_long_is_an_outage(ten: Client, fault: Fault, query: str) -> None:
    with fault(["aggregate"], "alwaysOn", errorCode=50):
        assert ten("GET", f"/Users?{query}").status_code == 503


def test_sc_04_a_ping_tells_a_slow_query_from_a_database_that_stands_still(
    ten: Client, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_limit, "SEARCH_SECONDS", 0.3)
    for slow, patience, status in ((["aggregate"], 15.0, 400), (["aggregate", "ping"], 0.2, 503)):
        monkeypatch.setattr(database, "GIVE_UP_SECONDS", patience)
        with fault(slow, "alwaysOn", blockConnection=True, blockTimeMS=700):
            assert ten("GET", f"/Users?filter={quote('title pr')}").status_code == status


@pytest.mark.parametrize("path", ["/", f"/?filter={quote('title pr')}", "/?sortBy=displayName"])
def test_fa_11_a_page_too_deep_over_several_types_is_too_many_and_cursors_go_on(ten: Client, path: str) -> None:
    mark = "&" if "?" in path else "?"
    for start in (results.MOST_POSITIONS + 2, 2**31 - 1):
        answer = ten("GET", f"{path}{mark}startIndex={start}")
        assert (answer.status_code, answer.get_json()["scimType"]) == (400, "tooMany")
        assert "cursor" in answer.get_json()["detail"]
    for start in (1, results.MOST_POSITIONS + 1):
        assert ten("GET", f"{path}{mark}startIndex={start}").status_code == 200
    assert ten("GET", f"{path}{mark}cursor").status_code == 200


def test_fa_11_one_type_is_walked_to_its_end(ten: Client) -> None:
    assert page(ten, "startIndex=1000000")["Resources"] == []
