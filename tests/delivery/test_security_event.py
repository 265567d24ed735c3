"""Security event tokens: which events they have, their claims, and their signatures."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from app.delivery.security_event import EVENT_URIS, SecurityEvents, Stream, payloads
from app.export_import import Importer
from app.schemas.custom import all_types
from app.store.accounts.sealing import Sealer
from app.store.accounts.tenants import Tenants
from app.store.log.changes import Request
from app.store.log.events import Actor
from app.store.log.relay import Relay
from app.store.open import open_directory
from app.store.sign_on.signing_keys import EVENT_TOKEN, SigningKeys
from tests.blueprints.conftest import ENTERPRISE_URN as ENTERPRISE
from tests.blueprints.conftest import USER_URN
from tests.delivery.receiver import BARE, NOTICES, PROV, checked, decoded
from tests.delivery.world import Clock
from tests.feed.conftest import World, world  # noqa: F401 - a fixture
from tests.store.log.conftest import COLLECTIONS, CONFIG

ISSUER = "https://scim.example.com/acme"
STREAM = Stream("s1", "https://receiver.example.com")


class Teller:
    """A tenant whose changes are told."""

    def __init__(self, world: World) -> None:  # noqa: F811
        world.tenant("acme", "interop")
        self.world = world
        self.scim = world.scim("acme")
        self.keys = SigningKeys(world.database, Sealer(world.database))
        self.maker = SecurityEvents(self.keys, lambda tenant: f"https://scim.example.com/{tenant}")
        self._cursor = ""

    def events(self) -> list[dict[str, Any]]:
        """Return the new events, as consumers of the feed get them."""
        Relay(self.world.database, COLLECTIONS).drain()
        page = self.world.page(f"/acme/changes{self._cursor}")
        self._cursor = f"?after={page['cursor']}"
        return list(page["events"])

    def tokens(self, stream: Stream = STREAM) -> list[str]:
        """Return the tokens about the new events."""
        made = [self.maker.token(event, stream, self.maker.key()) for event in self.events()]
        return [each.text for each in made if each]

    def jwks(self) -> dict[str, Any]:
        """Return the published keys."""
        return {"keys": [key.public for key in self.keys.published(EVENT_TOKEN)]}

    def claims(self) -> list[dict[str, Any]]:
        """Return the claims of the tokens about the new events."""
        return [checked(each, self.jwks(), ISSUER, STREAM.audience) for each in self.tokens()]

    def told(self) -> list[dict[str, Any]]:
        """Return the events in the tokens about the new events."""
        return [each["events"] for each in self.claims()]


@pytest.fixture
def teller(world: World) -> Iterator[Teller]:  # noqa: F811
    return Teller(world)


def op(name: str, path: str, value: Any = None) -> dict[str, Any]:
    """Return an operation of a PATCH."""
    return {"op": name, "path": path, **({} if value is None else {"value": value})}


def test_ev_110_each_change_of_a_user_by_patch_and_put(teller: Teller) -> None:
    path = f"/Users/{teller.scim.user('jane@x', title='Engineer', externalId='e-1')['id']}"
    teller.scim.patch(path, op("replace", "title", "Manager"), op("add", f"{ENTERPRISE}:department", "Sales"))
    teller.scim("PUT", path, {"schemas": [USER_URN], "userName": "jane@x", "title": "Director", "externalId": "e-1"})
    created, patched, replaced = teller.told()
    assert created.keys() == {f"{PROV}create:notice"}
    assert {"id", "userName", "title", "externalId"} <= {*created[f"{PROV}create:notice"]["attributes"]}
    notice = patched.pop(f"{PROV}patch:notice")
    assert (patched, {*notice["attributes"]}) == ({}, {"title", f"{ENTERPRISE}:department"})
    assert notice["version"] == 'W/"2"'
    assert replaced.keys() == {f"{PROV}put:notice"}
    assert replaced[f"{PROV}put:notice"]["version"] == 'W/"3"'
    assert {"title", "displayName", f"{ENTERPRISE}:department"} <= {*replaced[f"{PROV}put:notice"]["attributes"]}


@pytest.mark.parametrize(("active", "uri"), [(False, f"{PROV}deactivate"), (True, f"{PROV}activate")])
def test_ev_110_a_patch_that_disables_or_enables_is_one_token_with_two_events(teller: Teller, active: bool, uri: str) -> None:
    path = f"/Users/{teller.scim.user('jane@x', active=not active)['id']}"
    teller.told()
    teller.scim.patch(path, op("replace", "active", active), op("replace", "title", "x"))
    (events,) = teller.told()
    assert {*events.pop(f"{PROV}patch:notice")["attributes"]} == {"active", "title"}
    assert events == {uri: {}}
    replacement = {"schemas": [USER_URN], "userName": "jane@x", "active": not active}
    teller.scim("PUT", path, replacement)
    (events,) = teller.told()
    assert events.keys() == {f"{PROV}put:notice", *({f"{PROV}deactivate", f"{PROV}activate"} - {uri})}


def test_ev_110_members_are_an_attribute_of_a_group(teller: Teller) -> None:
    user = teller.scim.user("jane@x")["id"]
    path = f"/Groups/{teller.scim.group('Sales', user)['id']}"
    teller.scim.patch(path, op("remove", f'members[value eq "{user}"]'))
    teller.scim.patch(path, op("add", "members", [{"value": user}]), op("replace", "displayName", "Support"))
    _, created, left, both = teller.told()
    assert {*created[f"{PROV}create:notice"]["attributes"]} == {"id", "displayName", "members"}
    assert left == {f"{PROV}patch:notice": {"attributes": ["members"], "version": 'W/"2"'}}
    assert both == {f"{PROV}patch:notice": {"attributes": ["displayName", "members"], "version": 'W/"3"'}}


def test_ev_110_a_deletion_has_no_payload_and_a_restored_resource_is_a_new_one(teller: Teller) -> None:
    user = teller.scim.user("jane@x", externalId="e-1")["id"]
    group = teller.scim.group("Sales", user)["id"]
    teller.told()
    for path in (f"/Users/{user}", f"/Groups/{group}"):
        assert teller.scim("DELETE", path).status_code == 204
    assert teller.told() == [{f"{PROV}delete": {}}] * 2
    directory = open_directory(CONFIG, teller.world.database, Tenants(teller.world.database).require("acme"))
    for each in (user, group):
        directory.restore(each, Request("restore", Actor("cli")))
    restored = [each[f"{PROV}create:notice"]["attributes"] for each in teller.told()]
    assert "userName" in restored[0]
    assert "displayName" in restored[1]


def test_ev_110_import_creates(teller: Teller) -> None:
    directory = open_directory(CONFIG, teller.world.database, Tenants(teller.world.database).require("acme"))
    importer = Importer(directory, all_types=all_types(None), strict=False, actor=Actor("cli"), refused=lambda *_: None)
    importer.run(enumerate([
        {"type": "User", "resource": {"id": "u1", "userName": "jane@x"}},
        {"type": "Group", "resource": {"id": "g1", "displayName": "Sales"}},
        {"type": "Membership", "group": "g1", "member": "u1"},
    ]))
    told = {each["sub_id"]["uri"]: each["events"].keys() for each in reversed(teller.claims())}
    assert told == {"/Users/u1": {f"{PROV}create:notice"}, "/Groups/g1": {f"{PROV}create:notice"}}


def test_ev_110_only_names_of_attributes_and_never_a_value(teller: Teller) -> None:
    path = f"/Users/{teller.scim.user('jane@x', title='planted-1', password='planted-2', externalId='e-1')['id']}"
    teller.scim.patch(path, op("replace", "title", "planted-3"), op("replace", "password", "planted-4"))
    claims = teller.claims()
    assert "password" in claims[0]["events"][f"{PROV}create:notice"]["attributes"]
    assert {*claims[1]["events"][f"{PROV}patch:notice"]["attributes"]} == {"password", "title"}
    assert "planted" not in str(claims)
    assert "jane@x" not in str(claims)


@pytest.mark.parametrize("kind", ["tenant.created", "tenant.deleted", "tenant.unusual_deactivations", "user.roles_changed", "test"])
def test_ev_110_no_token_tells_of_tenants_and_of_what_rfc_9967_has_no_event_for(teller: Teller, kind: str) -> None:
    event = {"type": f"scimd.{kind}", "subject": "Tenants/acme", "data": {"operation": "delete", "id": "acme"}}
    assert payloads(event) == {}


def test_ev_111_the_claims(teller: Teller) -> None:
    user = teller.scim.user("jane@x", externalId="e-1")["id"]
    (event,) = teller.events()
    made = teller.maker.token(event, STREAM, teller.maker.key())
    claims = checked(made.text, teller.jwks(), ISSUER, STREAM.audience)
    assert claims["txn"] == event["id"]
    assert claims["jti"] == made.id
    assert uuid.UUID(claims["jti"]).version == 5
    assert claims["iat"] == int(datetime.fromisoformat(event["time"]).timestamp())
    assert claims["sub_id"] == {"format": "scim", "uri": f"/Users/{user}", "externalId": "e-1"}


def test_ev_111_a_resource_without_an_external_id(teller: Teller) -> None:
    group = teller.scim.group("Sales")["id"]
    (claims,) = teller.claims()
    assert claims["sub_id"] == {"format": "scim", "uri": f"/Groups/{group}"}


def test_ev_111_a_token_is_the_same_at_each_attempt_and_another_for_another_stream(teller: Teller) -> None:
    teller.scim.user("jane@x")
    (event,) = teller.events()
    key = teller.maker.key()
    once, again = (teller.maker.token(event, STREAM, key) for _ in range(2))
    other = teller.maker.token(event, Stream("s2", STREAM.audience), key)
    assert once == again
    assert other.id != once.id


def test_ev_112_a_key_pair_of_2048_bits_that_all_processes_share(teller: Teller) -> None:
    teller.scim.user("jane@x")
    other = SigningKeys(teller.world.database, Sealer(teller.world.database)).current(EVENT_TOKEN)
    assert len(teller.claims()) == 1
    assert [each["kid"] for each in teller.jwks()["keys"]] == [other.id]
    assert other.private.key_size == 2_048


def test_ev_112_a_new_key_is_published_at_once_and_signs_after_a_day(world: World) -> None:  # noqa: F811
    clock = Clock()
    keys = SigningKeys(world.database, Sealer(world.database), clock)

    def published() -> list[str]:
        return [key.id for key in keys.published(EVENT_TOKEN)]

    old = keys.current(EVENT_TOKEN).id
    new = keys.rotate(EVENT_TOKEN).id
    assert (keys.current(EVENT_TOKEN).id, published()) == (old, [old, new])
    clock.forward(hours=24)
    assert (keys.current(EVENT_TOKEN).id, published()) == (new, [old, new])
    clock.forward(days=29, hours=23)
    assert published() == [old, new]
    clock.forward(hours=1)
    assert published() == [new]


def test_a_signature_of_another_key_or_over_other_claims_is_refused(teller: Teller) -> None:
    teller.scim.user("jane@x")
    (token,) = teller.tokens()
    head, body, signature = token.split(".")
    claims = json.loads(decoded(body)) | {"aud": "https://attacker.example.com"}
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    with pytest.raises(InvalidSignature):
        checked(f"{head}.{forged}.{signature}", teller.jwks(), ISSUER, STREAM.audience)


def test_the_rules_know_all_events() -> None:
    assert {*EVENT_URIS} == NOTICES | BARE


@pytest.mark.parametrize("profile", ["gallery", "interop", "rfc"])
def test_ev_116_the_configuration_of_each_tenant_announces_the_events(world: World, profile: str) -> None:  # noqa: F811
    world.tenant("other", profile)
    config = world.scim("other")("GET", "/ServiceProviderConfig").get_json()
    assert config["securityEvents"] == {"asyncRequest": "none", "eventUris": list(EVENT_URIS)}


def test_ev_116_the_schema_of_the_configuration_has_the_attribute(world: World) -> None:  # noqa: F811
    world.tenant("other", "rfc")
    urn = world.scim("other")("GET", "/ServiceProviderConfig").get_json()["schemas"][0]
    schema = world.scim("other")("GET", f"/Schemas/{urn}").get_json()
    (row,) = [each for each in schema["attributes"] if each["name"] == "securityEvents"]
    assert {sub["name"]: (sub["type"], sub["multiValued"], sub["caseExact"]) for sub in row["subAttributes"]} == {
        "asyncRequest": ("string", False, False), "eventUris": ("string", True, True),
    }
    assert (row["type"], row["required"], row["mutability"]) == ("complex", False, "readOnly")
