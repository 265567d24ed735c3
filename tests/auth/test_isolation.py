"""Isolation: with a tenant's credential nothing of another tenant is seen or changed, nor does an answer tell what it has.

Every route, every method and every kind of credential; another tenant's ids in paths, filters, members, references,
Bulk and cursors. An id of another tenant must be answered exactly as one that nobody has.
"""

import re
import uuid

import pytest

from tests.auth.world import ENTERPRISE, GROUP, KINDS, USER, UUID, group, patch, running_world, seen, unknown_ids, user

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


@pytest.fixture(scope="module", params=["gallery", "rfc"])
def world(request, mongod):
    with running_world(mongod, request.param) as made:
        yield made


@pytest.fixture(scope="module", autouse=True)
def nothing_of_acme_changes(world):
    """Compare what is stored of acme before all tests and after them: looking takes as long as most of them."""
    state = world.state("acme")
    assert len(state["users"]) == 2
    yield
    assert world.state("acme") == state


def paths(world, ids):
    """Yield every route as a path of acme's."""
    values = {"tenant": "acme", "endpoint": ["Users", "Nothing"], "resource_id": [ids["user"]],
              "name": ["User", "Nothing"], "urn": [USER, "urn:nothing"], "path": ["v2/x/y/z", "v3/Users"]}
    for rule in world.app.url_map.iter_rules():
        if "/scim/" not in rule.rule:
            continue
        written = [rule.rule]
        for name in rule.arguments:
            choices = values[name] if isinstance(values[name], list) else [values[name]]
            written = [re.sub(rf"<(\w+:)?{name}>", choice, path) for path in written for choice in choices]
        yield from written


def body_for(method, path):
    if method in ("GET", "HEAD", "DELETE"):
        return None
    return group("new") if "Groups" in path else user("new@example.com")


refused_alike = pytest.mark.parametrize(
    "world", ["gallery", pytest.param("rfc", marks=pytest.mark.long)], indirect=True, scope="module",
)
"""Refusals come before anything that a profile changes."""


@refused_alike
@pytest.mark.parametrize("kind", KINDS)
def test_every_route_and_method_refuses_anothers_credential(world, kind):
    token, nobody = world.globex.credentials[kind], unknown_ids(world.acme.ids)
    assert world.ask("GET", "Users", token=token, tenant="globex").status_code == 200
    both = sorted({*paths(world, world.acme.ids), *paths(world, nobody)})
    assert len(both) >= 20
    for method in METHODS:
        answers = {path: world.ask(method, path, token=token, body=body_for(method, path)) for path in both}
        for path, answer in answers.items():
            assert answer.status_code == 401, (method, path)
            assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
        assert len({seen(answer, {}) for answer in answers.values()}) == 1


@refused_alike
def test_ev_138_a_token_of_all_tenants_opens_no_route_of_scim(world):
    foreign = world.globex.credentials["token"]
    for method in METHODS:
        for path in sorted({*paths(world, world.acme.ids)}):
            body = body_for(method, path)
            answer = world.ask(method, path, token=world.all_tenants, body=body)
            assert answer.status_code == 401, (method, path)
            assert seen(answer, {}) == seen(world.ask(method, path, token=foreign, body=body), {})


@refused_alike
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", ["Users", "Users/{user}", "Users?filter=userName eq \"ann@example.com\"", "Nothing", "x/y/z"])
def test_a_tenant_that_there_is_and_one_that_there_is_not(world, kind, path):
    token = world.globex.credentials[kind]
    path = path.format(**world.acme.ids)
    there = world.ask("GET", path, token=token, tenant="acme")
    not_there = world.ask("GET", path, token=token, tenant="no-such-tenant")
    assert seen(there, {}) == seen(not_there, {})


MANAGER = f"{ENTERPRISE}:manager"
QUERIES = [
    'Users?filter=id eq "{user}"', 'Users?filter=id sw "{user}"', 'Users?filter=id pr and id eq "{user}"',
    'Users?filter=id eq "{user}" or userName eq "nobody"', 'Users?filter=not (id ne "{user}")',
    'Users?filter=externalId eq "ext-ann-acme"', 'Users?filter=externalId sw "ext-ann-ac"',
    f'Users?filter={MANAGER}.value eq "{{manager}}"', f'Users?filter={MANAGER} eq "{{manager}}"',
    'Users?filter=groups.value eq "{group}"', 'Users?filter=groups[value eq "{group}"]',
    'Users?filter=groups.display eq "staff-acme"', 'Users?filter=meta.location ew "{user}"',
    'Groups?filter=members.value eq "{user}"', 'Groups?filter=members[value eq "{user}"]', 'Groups?filter=members eq "{user}"',
    'Groups?filter=id eq "{group}"', 'Groups?filter=displayName eq "staff-acme"',
    'Groups?excludedAttributes=members&filter=displayName eq "staff-acme"', 'Groups?filter=id eq "{user}"',
    '?filter=id eq "{user}" or id eq "{group}"', 'Users?filter=id eq "{deleted}"', "Users?tenant=acme", "Users?sortBy=id",
    "Users?attributes=tenant,_folded,_unique,id", 'Users?filter=tenant eq "acme"', 'Users?filter=_unique.userName eq "x"',
]


@pytest.mark.parametrize("query", QUERIES)
def test_queries(world, query):
    nobody = unknown_ids(world.acme.ids)
    ours = world.ask("GET", query.format(**world.acme.ids), token=world.globex.credentials["token"], tenant="globex")
    theirs = world.ask("GET", query.format(**nobody), token=world.globex.credentials["token"], tenant="globex")
    assert seen(ours, world.acme.ids) == seen(theirs, nobody)
    hides(world, ours)


def hides(world, answer):
    """Check that an answer holds nothing of acme's."""
    text = answer.get_data(as_text=True)
    assert not set(world.acme.ids.values()) & set(UUID.findall(text)) or answer.status_code >= 400
    for value in ("ext-ann-acme", "ext-bob-acme", "staff-acme"):
        assert f'"{value}"' not in text


def both(world, method, path, body=None, **headers):
    """Send the same with acme's ids and with nobody's, as globex; check that the answers are alike, and give both."""
    answers = []
    for ids in (world.acme.ids, unknown_ids(world.acme.ids)):
        own = world.globex.ids
        filled = fill(path, ids, own)
        answer = world.ask(method, filled, token=world.globex.credentials["token"], tenant="globex",
                           body=fill(body, ids, own), headers=headers)
        answers.append((answer, seen(answer, ids)))
    assert answers[0][1] == answers[1][1]
    return answers[0][0]


def fill(part, ids, own):
    """Write ids into a request: `{user}` is the foreign one, `{own_user}` globex's, `{new}` a new word each time."""
    if isinstance(part, dict):
        return {key: fill(value, ids, own) for key, value in part.items()}
    if isinstance(part, list):
        return [fill(value, ids, own) for value in part]
    if isinstance(part, str):
        for key, value in ({f"own_{key}": value for key, value in own.items()} | ids).items():
            part = part.replace(f"{{{key}}}", value)
    return part


ADD = {"op": "add", "path": "displayName", "value": "seen"}
BY_ID = [
    ("GET", "{path}", None), ("HEAD", "{path}", None), ("DELETE", "{path}", None), ("PUT", "{path}", "resource"),
    ("PATCH", "{path}", patch(ADD)), ("GET", "{path}?attributes=id", None), ("POST", "{path}", "resource"),
]


@pytest.mark.parametrize("place", [
    "Users/{user}", "Groups/{group}", "Groups/{user}", "Users/{group}", "Users/{deleted}", "users/{user}/", "/globex/scim/Users/{user}",
    "Users/{own_user}/../{user}", "../../../acme/scim/v2/Users/{user}", "Users/%2e%2e/%2e%2e/%2e%2e/%2e%2e/acme/scim/v2/Users/{user}",
    "Users/acme:{user}", "acme/Users/{user}", "Users/{user}%00", "Users/ {user}",
])
def test_ids_in_paths(world, place):
    for method, path, body in BY_ID:
        if body == "resource":
            body = group("new") if "Groups" in place else user("new@example.com")
        answer = both(world, method, path.replace("{path}", place), body)
        assert answer.status_code >= 400


@pytest.mark.parametrize("name", ["X-Tenant", "X-Tenant-Id", "X-Forwarded-Prefix", "X-Original-URL", "X-Rewrite-URL", "Host"])
def test_b5_headers_choose_no_tenant(world, name):
    value = "acme" if name != "X-Original-URL" else "/acme/scim/v2/Users"
    answer = world.ask("GET", "Users", token=world.globex.credentials["token"], tenant="globex", headers={name: value})
    assert answer.status_code == 200
    hides(world, answer)


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_b5_headers_choose_no_method(world, name):
    path = f"Users/{world.globex.ids['user']}"
    answer = world.ask("GET", path, token=world.globex.credentials["token"], tenant="globex", headers={name: "DELETE"})
    assert answer.status_code == 200
    assert world.ask("GET", path, token=world.globex.credentials["token"], tenant="globex").status_code == 200


def test_lists_hold_ones_own_alone(world):
    for path in ("Users?count=1000", "Groups?count=1000", "?count=1000", "Users?sortBy=userName&sortOrder=descending",
                 "Users?startIndex=1&count=200", "Users?cursor&count=200"):
        answer = world.ask("GET", path, token=world.globex.credentials["token"], tenant="globex")
        assert answer.status_code == 200
        hides(world, answer)


SEARCHES = ['id eq "{user}"', 'externalId eq "ext-ann-acme"', 'groups.value eq "{group}"', 'members.value eq "{user}"']


@pytest.mark.parametrize("query", SEARCHES)
@pytest.mark.parametrize("path", [".search", "Users/.search", "Groups/.search"])
def test_searches(world, path, query):
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": query}
    hides(world, both(world, "POST", path, body))


MEMBER = [{"value": "{user}"}]
CHANGES = {
    "members of a new group": ("POST", "Groups", group("new") | {"members": MEMBER}),
    "a group in a new group": ("POST", "Groups", group("new") | {"members": [{"value": "{group}", "type": "Group"}]}),
    "members with a $ref": ("POST", "Groups", group("new") | {"members": [
        {"value": "{user}", "$ref": "http://127.0.0.1:8000/acme/scim/v2/Users/{user}"}]}),
    "add a member": ("PATCH", "Groups/{own_group}", patch({"op": "add", "path": "members", "value": MEMBER})),
    "remove a member": ("PATCH", "Groups/{own_group}", patch({"op": "remove", "path": "members", "value": MEMBER})),
    "remove a member by filter": ("PATCH", "Groups/{own_group}", patch(
        {"op": "remove", "path": 'members[value eq "{user}"]'})),
    "replace the members": ("PATCH", "Groups/{own_group}", patch(
        {"op": "replace", "path": "members", "value": [*MEMBER, {"value": "{own_user}"}]})),
    "replace the group": ("PUT", "Groups/{own_group}", group("staff-globex") | {"members": [*MEMBER, {"value": "{own_user}"}]}),
    "a manager": ("PATCH", "Users/{own_manager}", patch({"op": "add", "path": MANAGER, "value": "{user}"})),
    "a manager of a new user": ("POST", "Users", user("x@example.com", schemas=[USER, ENTERPRISE], **{
        ENTERPRISE: {"manager": {"value": "{user}"}}})),
    "an id of one's choice": ("POST", "Users", user("x@example.com", id="{user}")),
    "an externalId of another": ("POST", "Users", user("x@example.com", externalId="{user}")),
    "a place of one's choice": ("POST", "Users", user("x@example.com", meta={
        "location": "http://127.0.0.1:8000/acme/scim/v2/Users/{user}", "resourceType": "User"})),
    "groups of one's choice": ("POST", "Users", user("x@example.com", groups=[{"value": "{group}"}])),
    "another id in the body": ("PUT", "Users/{own_user}", user("ann@example.com", id="{user}")),
    "a tenant of one's choice": ("POST", "Users", user("x@example.com", tenant="acme", _id="{user}")),
    "another's names": ("POST", "Users", user("ANN@example.com")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_ids_in_what_is_written(world, change):
    method, path, body = CHANGES[change]
    token = world.globex.credentials["token"]
    if method == "POST":  # created twice, so that the name must be free twice
        answers = []
        for ids in (world.acme.ids, unknown_ids(world.acme.ids)):
            answer = world.ask(method, path, token=token, tenant="globex", body=fill(body, ids, world.globex.ids))
            answers.append(seen(answer, ids))
            if answer.status_code == 201:
                shown = world.ask("GET", f"{path}/{answer.json['id']}", token=token, tenant="globex")
                answers[-1] += seen(shown, ids)
                assert "acme" not in shown.get_data(as_text=True)
                assert world.ask("DELETE", f"{path}/{answer.json['id']}", token=token, tenant="globex").status_code == 204
        assert answers[0] == answers[1]
    else:
        kept = world.state("globex")
        answers = []
        for ids in (world.acme.ids, unknown_ids(world.acme.ids)):
            written = fill(path, ids, world.globex.ids)
            answer = world.ask(method, written, token=token, tenant="globex", body=fill(body, ids, world.globex.ids))
            shown = world.ask("GET", written, token=token, tenant="globex")
            answers.append(re.sub(r'W/\\?"\d+\\?"', "<version>", seen(answer, ids) + seen(shown, ids)))
            restore(world, kept)
        assert answers[0] == answers[1]


def restore(world, kept):
    """Put globex back as it was."""
    token, ids = world.globex.credentials["token"], world.globex.ids
    world.ask("PUT", f"Groups/{ids['group']}", token=token, tenant="globex", body=group("staff-globex", ids["user"]))
    manager = {"value": ids["manager"]}
    world.ask("PUT", f"Users/{ids['manager']}", token=token, tenant="globex",
              body=user("bob@example.com", externalId="ext-bob-globex"))
    world.ask("PUT", f"Users/{ids['user']}", token=token, tenant="globex", body=user(
        "ann@example.com", externalId="ext-ann-globex", schemas=[USER, ENTERPRISE], **{ENTERPRISE: {"manager": manager}}))


def bulk(*operations):
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": list(operations)}


BULKS = {
    "get nothing": {"method": "GET", "path": "/Users/{user}"},
    "delete": {"method": "DELETE", "path": "/Users/{user}"},
    "delete by the whole path": {"method": "DELETE", "path": "/acme/scim/v2/Users/{user}"},
    "delete by the whole URL": {"method": "DELETE", "path": "http://127.0.0.1:8000/acme/scim/v2/Users/{user}"},
    "delete by a detour": {"method": "DELETE", "path": "/../../../acme/scim/v2/Users/{user}"},
    "patch": {"method": "PATCH", "path": "/Groups/{group}", "data": patch(ADD)},
    "put": {"method": "PUT", "path": "/Users/{user}", "data": user("new@example.com")},
    "version": {"method": "DELETE", "path": "/Users/{user}", "version": 'W/"1"'},
    "bulkId as an id": {"method": "POST", "path": "/Groups", "bulkId": "{user}", "data": {
        "schemas": [GROUP], "displayName": "", "members": [{"value": "bulkId:{group}"}]}},
}


@pytest.mark.parametrize("operation", BULKS)
def test_ids_in_bulk(world, operation):
    answer = both(world, "POST", "Bulk", bulk(BULKS[operation]))
    if answer.status_code == 200:
        assert all(int(row["status"]) >= 400 for row in answer.json["Operations"])


@pytest.mark.parametrize("kind", KINDS)
def test_cursors(world, kind):
    first = world.ask("GET", "Users?cursor&count=1", token=world.acme.credentials["token"])
    cursor = first.json["nextCursor"]
    assert world.ask("GET", f"Users?cursor={cursor}&count=1", token=world.acme.credentials[kind]).status_code == 200
    answer = world.ask("GET", f"Users?cursor={cursor}&count=1", token=world.globex.credentials[kind], tenant="globex")
    assert (answer.status_code, answer.json["scimType"]) == (400, "invalidCursor")
    assert world.acme.ids["user"] not in answer.get_data(as_text=True)


def test_versions_of_another_tenant(world):
    """An ETag of another tenant's resource is no way to learn of it."""
    for name in ("If-Match", "If-None-Match"):
        both(world, "GET", "Users/{user}", **{name: 'W/"1"'})
        both(world, "DELETE", "Users/{user}", **{name: "*"})


def test_the_same_names_live_side_by_side(world):
    """Unique within the tenant (TN-06, TN-07): what one has another may have, and learns nothing of it."""
    for home in world.homes.values():
        found = world.ask("GET", 'Users?filter=userName eq "ann@example.com"', token=home.credentials["token"], tenant=home.name)
        assert [row["id"] for row in found.json["Resources"]] == [home.ids["user"]]


def test_the_token_endpoint_of_another_tenant(world):
    """Neither a client nor an assertion works where it does not belong; the answer is that for an unknown client."""
    unknown = world.client.post("/globex/oauth/token", data={
        "grant_type": "client_credentials", "client_id": "client_0", "client_secret": "x"})
    for row in [*world.database.db.clients.find({"tenant": "acme"}), *world.database.db.trusts.find({"tenant": "acme"})]:
        answer = world.client.post("/globex/oauth/token", data={
            "grant_type": "client_credentials", "client_id": row["_id"], "client_secret": "x"})
        assert (answer.status_code, answer.json) == (401, unknown.json)


def test_refusals_are_in_the_log_of_the_tenant_that_was_asked(world):
    before = world.database.db.events.count_documents({"tenant": "acme"})
    request_id = uuid.uuid4().hex
    world.ask("GET", "Users", token=world.globex.credentials["token"], headers={"X-Request-Id": request_id})
    [event] = world.database.db.events.find({"request": request_id})
    assert (event["tenant"], event["status"]) == ("acme", 401)
    assert event["detail"].startswith("token: of another tenant")
    assert world.database.db.events.count_documents({"tenant": "acme"}) == before + 1


def test_a_request_to_no_tenant_is_in_the_log_of_none(world):
    """So it costs what one to a tenant costs, and a mistyped Tenant URL can be found."""
    request_id = uuid.uuid4().hex
    world.ask("GET", "Users", tenant="acne", token=world.acme.credentials["token"], headers={"X-Request-Id": request_id})
    [event] = world.database.db.events.find({"request": request_id})
    assert (event["tenant"], event["resource"]["name"], event["status"]) == ("-", "acne", 401)
