"""The attribute table of the gallery app's article: both dialects of PATCH make the same user."""

import pytest

from tests.protocol.patch.patching import ENT, META, USER_URN, body, op, run, tolerant

ADDRESS = ("formatted", "streetAddress", "locality", "region", "postalCode", "country")
TABLE = [
    "userName", "active", "displayName", "title", 'emails[type eq "work"].value', 'emails[type eq "other"].value',
    "preferredLanguage", "name.givenName", "name.familyName", "name.formatted", "name.honorificSuffix", "name.honorificPrefix",
    *(f'addresses[type eq "work"].{name}' for name in ADDRESS), *(f'addresses[type eq "other"].{name}' for name in ADDRESS),
    'phoneNumbers[type eq "work"].value', 'phoneNumbers[type eq "mobile"].value', 'phoneNumbers[type eq "fax"].value',
    "externalId", f"{ENT}:employeeNumber", f"{ENT}:department", f"{ENT}:manager",
]
VALUES = {path: f"new {number}" for number, path in enumerate(TABLE)} | {"active": False}

MINIMAL = {
    "schemas": [USER_URN], "id": "1", "userName": "old", "active": True, "displayName": "old",
    "name": {"givenName": "old", "familyName": "old", "formatted": "old"}, "meta": META,
}
FULL = MINIMAL | {
    "schemas": [USER_URN, ENT], "title": "old", "externalId": "old", "preferredLanguage": "old",
    "emails": [{"type": "work", "value": "old", "primary": True}, {"type": "home", "value": "kept"}],
    "addresses": [{"type": "work", "formatted": "old", "region": "old", "primary": True}],
    "phoneNumbers": [{"type": "fax", "value": "old"}],
    ENT: {"employeeNumber": "old", "department": "old", "costCenter": "kept", "manager": {"value": "old"}},
}


def default_dialect(verb):
    """Return one operation for each attribute, with a path and with booleans as text."""
    return [op(verb, path, "False" if path == "active" else VALUES[path]) for path in TABLE]


def flag_dialect(verb):
    """Return one operation for each path with brackets and for the manager; the rest is one object without a path."""
    alone = [path for path in TABLE if "[" in path or path.endswith(":manager")]
    rest = {path: VALUES[path] for path in TABLE if path not in alone}
    return [*(op(verb, path, VALUES[path]) for path in alone), op(verb, None, rest)]


def nested_dialect(verb):
    """Return one operation without a path: paths with brackets are keys, the other attributes are nested."""
    value = {path: VALUES[path] for path in TABLE if "[" in path or ("." not in path and ":" not in path)}
    value["name"] = {path.removeprefix("name."): VALUES[path] for path in TABLE if path.startswith("name.")}
    value[ENT] = {path.removeprefix(f"{ENT}:"): VALUES[path] for path in TABLE if path.startswith(ENT)}
    return [op(verb, None, value)]


def plain(operations):
    """Return the operations as any other client would send them; the elements exist already."""
    mended = [{**o, "op": o["op"].lower(), "value": False if o.get("path") == "active" else o["value"]} for o in operations]
    return [{**o, "value": {"value": o["value"]}} if o.get("path", "").endswith(":manager") else o for o in mended]


def value_at(user, path):
    if path.startswith(ENT):
        return user[ENT][path.removeprefix(f"{ENT}:")]
    if "[" in path:
        name, rest = path.split("[", 1)
        return next(e[path.rsplit(".", 1)[1]] for e in user[name] if e["type"] == rest.split('"')[1])
    node = user
    for name in path.split("."):
        node = node[name]
    return node


def unordered(user):
    return user | {name: sorted(user[name], key=lambda element: element["type"]) for name in ("emails", "addresses", "phoneNumbers")}


def test_the_table_is_that_of_the_article():
    assert len(TABLE) == 31


@tolerant
@pytest.mark.parametrize("user", [MINIMAL, FULL])
@pytest.mark.parametrize("verbs", [("Replace", "replace"), ("Add", "add")])
def test_both_dialects_give_the_same_user(profile, user, verbs):
    first, _ = run(body(*default_dialect(verbs[0])), user, profile)
    for dialect in (default_dialect, flag_dialect, nested_dialect):
        for verb in verbs:
            again, _ = run(body(*dialect(verb)), user, profile)
            assert unordered(again) == unordered(first)
    for path in TABLE:
        expected = {"value": VALUES[path]} if path.endswith(":manager") else VALUES[path]
        assert value_at(first, path) == expected
    assert first["schemas"] == [USER_URN, ENT]
    assert ([e for e in first["emails"] if e["type"] == "home"] != []) == (user is FULL)


@tolerant
def test_one_request_for_each_attribute_gives_the_same_user(profile):
    at_once, _ = run(body(*default_dialect("Replace")), FULL, profile)
    step_by_step = FULL
    for operation in default_dialect("Replace"):
        step_by_step, _ = run(body(operation), step_by_step, profile)
    assert step_by_step == at_once


def test_the_dialect_says_what_any_client_says():
    given, _ = run(body(*default_dialect("Add")), MINIMAL, "gallery")
    once_more, _ = run(body(*default_dialect("Replace")), given, "gallery")
    by_rfc, _ = run(body(*plain(default_dialect("Replace"))), given, "rfc")
    assert once_more == by_rfc == given


@tolerant
def test_the_table_cleared(profile):
    full, _ = run(body(*default_dialect("Add")), FULL, profile)
    optional = [path for path in TABLE if path not in ("userName", "active", "displayName") and not (path.startswith("name.") and "honorific" not in path)]
    for nothing in ("", None):
        cleared, _ = run(body(*(op("replace", path, nothing) for path in optional)), full, profile)
        assert cleared.keys() == {"schemas", "id", "userName", "active", "displayName", "name", "emails", "meta", ENT}
        assert cleared["emails"] == [{"type": "home", "value": "kept"}]
        assert cleared[ENT] == {"costCenter": "kept"} and cleared["name"].keys() == {"givenName", "familyName", "formatted"}
