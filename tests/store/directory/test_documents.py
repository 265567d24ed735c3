"""Resources as documents and back: what is kept, under which name, and what is not."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from datetime import UTC, datetime
from random import Random

import bson
import pytest
from bson.codec_options import CodecOptions
from hypothesis import given, settings
from hypothesis import strategies as st

from app.schemas.comparison import fold
from app.schemas.storage.collection import collection_spec
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import ENTERPRISE_URN as ENT
from app.schemas.tables.user import USER_TYPE
from app.schemas.tables.user import USER_URN as CORE
from app.store.directory.documents import decode, encode, stored_keys, without_hidden
from app.store.directory.secrets import COST, as_hashed, hashed
from app.store.mongo.unknown_fields import Partial
from tests.examples import examples
from tests.scim_filter.worlds import THING_TYPE, TYPES, resources

ENTRA_USER = USER_TYPE.for_profile("interop")
USER = {
    "schemas": [CORE, ENT], "id": "2819c223", "externalId": "Ext", "userName": "Ada@Contoso.com",
    "name": {"familyName": "Býron", "givenName": "Ada"}, "displayName": "Ada B", "active": True,
    "emails": [{"value": "Ada@X.example", "type": "Work", "primary": True}, {"value": "b@x.example"}],
    "x509Certificates": [{"value": "QUI=", "display": "Cert"}],
    ENT: {"department": "Tours", "manager": {"value": "Boss", "$ref": "https://x/Users/Boss", "displayName": "Boss"}},
    "groups": [{"value": "g"}],
    "meta": {
        "resourceType": "User", "created": "2026-11-23T19:00:00.123Z", "lastModified": "2026-11-24T19:00:00.000Z",
        "version": 'W/"3"', "location": "https://x/Users/2819c223",
    },
}  # fmt: skip


def test_what_is_read_without_a_projection_is_the_resource_alone():
    stored = encode(USER, ENTRA_USER, tenant="demo")
    bare = {key: value for key, value in stored.items() if key not in ("tenant", "_folded", "_unique")}
    read = decode(without_hidden(copy.deepcopy(stored) | {"_outbox": [{"_id": "e"}], "_roles": ["admin"]}), ENTRA_USER)
    assert read == decode(copy.deepcopy(bare), ENTRA_USER)
    assert not isinstance(read, Partial)  # or each change of it would read it once more


def test_the_layout_of_a_document():
    document = encode(USER, ENTRA_USER, tenant="demo")
    assert list(document)[:2] == ["_id", "tenant"]
    assert document == {
        "_id": "2819c223", "tenant": "demo", "schemas": [CORE, ENT], "externalId": "Ext", "userName": "Ada@Contoso.com",
        "name": {"familyName": "Býron", "givenName": "Ada"}, "displayName": "Ada B", "active": True,
        "emails": [{"value": "Ada@X.example", "type": "Work", "primary": True}, {"value": "b@x.example"}],
        "x509Certificates": [{"value": "QUI=", "display": "Cert"}],
        "enterprise": {"department": "Tours", "manager": {"value": "Boss"}},
        "meta": {
            "resourceType": "User", "created": datetime(2026, 11, 23, 19, 0, 0, 123_000, UTC),
            "lastModified": datetime(2026, 11, 24, 19, 0, tzinfo=UTC), "version": 3,
        },
        "_folded": {
            "userName": "ada@contoso.com", "name": {"familyName": "býron", "givenName": "ada"}, "displayName": "ada b",
            # All of an element, so that conditions on several sub-attributes meet in one.
            "emails": [{"value": "ada@x.example", "type": "work", "primary": True}, {"value": "b@x.example"}],
            "x509Certificates": [{"value": "QUI=", "display": "cert"}],
            "enterprise": {"department": "tours"},
        },
        "_unique": {"userName": "ada@contoso.com"},
    }  # fmt: skip


def test_what_is_not_stored_is_made_when_it_is_shown():
    shown = decode(encode(USER, USER_TYPE, tenant="demo"), USER_TYPE)
    expected = copy.deepcopy(USER)
    del expected["groups"], expected["meta"]["location"], expected[ENT]["manager"]["$ref"], expected[ENT]["manager"]["displayName"]
    assert shown == expected
    assert USER["groups"], "the resource itself is left as it was"


def test_what_is_unique_depends_on_the_profile():
    group = {"schemas": [GROUP_TYPE.schema.id], "id": "g", "displayName": "Sales", "meta": USER["meta"]}
    assert encode(group, GROUP_TYPE.for_profile("interop"), tenant="t")["_unique"] == {"displayName": "sales"}
    assert "_unique" not in encode(group, GROUP_TYPE.for_profile("rfc"), tenant="t")


def test_names_are_the_same_for_whom_they_are_the_same():
    def key(name):
        return encode(USER | {"userName": name}, USER_TYPE, tenant="t")["_unique"]["userName"]

    assert key("É") == key("e\u0301") == key("é") == fold("É")
    assert key("Straße") != key("STRASSE")
    assert key("ann") != key("anń")


@pytest.mark.parametrize("resource_type", TYPES, ids=lambda each: each.name)
@given(seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=examples(15))
def test_every_resource_comes_back_as_it_was(resource_type, seed):
    for resource in resources(resource_type, Random(seed), 10):
        document = bson.decode(bson.encode(encode(resource, resource_type, tenant="t")), CodecOptions(tz_aware=True))
        shown = decode(document, resource_type)
        kept = resource_type.defaults | _kept(resource, resource_type)
        assert shown == kept
        assert json.dumps(shown) != "", "it is JSON"
        assert [key for key in shown if key.startswith("_")] == []


def _kept(resource, resource_type):
    kept = copy.deepcopy(resource)
    del kept["meta"]["location"]
    for row in resource_type.schema.attributes:
        if row.stored_in == "memberships":
            kept.pop(row.name, None)
    return kept


@pytest.mark.parametrize("resource_type", TYPES, ids=lambda each: each.name)
def test_the_database_takes_every_document(resource_type, database):
    spec = collection_spec(resource_type)
    collection = database.db.create_collection(spec.name, validator=spec.validator)
    for seed in range(10):
        collection.delete_many({})
        collection.insert_many([encode(each, resource_type, tenant="t") for each in resources(resource_type, Random(seed), 20)])


def test_stored_keys_are_the_names_in_the_document():
    assert stored_keys(["userName", "emails", ENT, "groups", "id", "externalId"], USER_TYPE) == ["userName", "emails", "enterprise", "externalId"]
    assert stored_keys(["members", "displayName"], GROUP_TYPE) == ["displayName"]


def test_a_part_of_a_document_is_a_part_of_the_resource():
    document = encode(USER, USER_TYPE, tenant="demo")
    part = {key: document[key] for key in ("_id", "schemas", "enterprise")}
    keys = frozenset({ENT})
    assert decode(part, USER_TYPE, keys) == {"schemas": [CORE, ENT], "id": "2819c223", ENT: {"department": "Tours", "manager": {"value": "Boss"}}}


def test_dates_of_any_year_and_offset():
    for sent, shown in (
        ("0001-01-03T00:00:00Z", "0001-01-03T00:00:00.000Z"), ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ("2015-10-10T14:38:21.8617979-07:00", "2015-10-10T21:38:21.861Z"),
    ):  # fmt: skip
        resource = {"schemas": [THING_TYPE.schema.id], "id": "x", "label": "l", "made": sent, "times": [sent], "meta": USER["meta"],
                    "parts": [{"since": sent, "tags": ["A"]}]}
        document = encode(resource, THING_TYPE, tenant="t")
        assert isinstance(document["made"], datetime)
        assert document["_folded"]["parts"] == [{"since": document["made"], "tags": ["a"]}]
        back = decode(document, THING_TYPE)
        assert (back["made"], back["times"], back["parts"]) == (shown, [shown], [{"since": shown, "tags": ["A"]}])


def test_a_secret_is_kept_as_a_salted_hash(monkeypatch):
    monkeypatch.setattr("app.store.directory.secrets.COST", COST)  # of the product; tests hash at once
    secrets = [encode(USER | {"password": "Pa$$word"}, USER_TYPE, tenant="t")["password"] for _ in range(2)]
    assert secrets[0] != secrets[1]
    for kept in secrets:
        name, n, r, p, salt, digest = kept.split("$")
        assert (name, int(n), int(r), int(p)) == ("scrypt", 2**14, 8, 1) and len(base64.b64decode(salt)) == 16
        again = hashlib.scrypt(b"Pa$$word", salt=base64.b64decode(salt), n=int(n), r=int(r), p=int(p))
        assert base64.b64decode(digest) == again


def test_a_secret_is_hashed_once_and_folded_never():
    document = encode(USER | {"password": "x"}, USER_TYPE, tenant="t")
    kept = document["password"]
    assert "password" not in document["_folded"]
    again = encode(decode(document, USER_TYPE), USER_TYPE, tenant="t")
    assert again["password"] == kept
    assert as_hashed(kept) == kept and hashed(as_hashed(kept)) == kept
    # What only looks like a hash is a secret, unless it comes out of an export.
    assert encode(USER | {"password": str(kept)}, USER_TYPE, tenant="t")["password"] != kept


def test_what_a_schema_that_is_gone_has_left_behind_is_not_shown():
    document = encode(USER, USER_TYPE, tenant="t") | {"stray": 1, "schemas": [CORE, ENT, "urn:gone"]}
    document["enterprise"]["stray"] = 1
    shown = decode(document, USER_TYPE)
    assert "stray" not in shown and "stray" not in shown[ENT] and shown["schemas"] == [CORE, ENT]
