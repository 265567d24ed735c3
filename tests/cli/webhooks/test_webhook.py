"""scimd webhook: endpoints and their keys."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.delivery import signing
from app.store.accounts.sealing import Sealer
from app.store.delivery.endpoints import Endpoints
from app.store.log.sequence import EventSequence
from app.store.mongo.database import Database
from app.store.mongo.moments import now
from tests.delivery.test_signing import BODY, EVENT, verify_v1a
from tests.relay import logged, relay

URL = "https://8.8.8.8/webhooks"


@pytest.fixture
def acme(scimd: Any) -> str:
    scimd("tenant", "create", "acme")
    return "acme"


@pytest.fixture
def made(scimd: Any, acme: str) -> dict[str, Any]:
    return dict(scimd("webhook", "create", acme, URL, "--json").json)


def show(scimd: Any, endpoint_id: str) -> dict[str, Any]:
    return dict(scimd("webhook", "show", endpoint_id, "--json").json)


def test_ev_90_several_for_a_tenant_and_for_all(scimd: Any, acme: str, database: Database) -> None:
    scimd("tenant", "create", "other")
    first, second = (scimd("webhook", "create", acme, URL, "--json").json for _ in range(2))
    third = scimd("webhook", "create", "--all-tenants", URL, "--types", "scimd.user.*,scimd.group.deleted", "--json").json
    assert (first["tenant"], second["tenant"], third["tenant"]) == ("acme", "acme", "*")
    assert [each["id"] for each in scimd("webhook", "list", "acme", "--json").json] == [first["id"], second["id"]]
    assert scimd("webhook", "list", "other", "--json").json == []
    [listed] = scimd("webhook", "list", "--all-tenants", "--json").json
    assert (listed["id"], listed["url"], listed["types"], listed["state"]) == (
        third["id"], URL, ["scimd.user.*", "scimd.group.deleted"], "on",
    )
    assert {each["id"] for each in scimd("webhook", "list", "--json").json} == {first["id"], second["id"], third["id"]}
    assert scimd("webhook", "delete", first["id"]).status == 0
    assert [each["id"] for each in scimd("webhook", "list", "acme", "--json").json] == [second["id"]]


def test_ev_90_an_endpoint_is_changed(scimd: Any, made: dict[str, Any]) -> None:
    changed = scimd("webhook", "change", made["id"], "--url", "https://8.8.4.4:8443/x", "--types", "*", "--parallel", "2", "--json").json
    assert (changed["url"], changed["types"]) == ("https://8.8.4.4:8443/x", ["*"])
    shown = show(scimd, made["id"])
    assert shown["parallel"] == 2
    assert shown["keys"][0]["public"] == made["public_key"]
    assert scimd("webhook", "change", made["id"]).status == 2
    assert scimd("webhook", "change", made["id"], "--url", "https://10.0.0.1/").status == 1
    assert show(scimd, made["id"])["url"] == "https://8.8.4.4:8443/x"


def test_ev_68_an_endpoint_gets_the_resource_with_each_event_or_not(scimd: Any, acme: str, made: dict[str, Any]) -> None:
    assert show(scimd, made["id"])["resource"] is None
    scimd("webhook", "change", made["id"], "--resource", "current")
    assert show(scimd, made["id"])["resource"] == "current"
    scimd("webhook", "change", made["id"], "--parallel", "2")
    assert show(scimd, made["id"])["resource"] == "current"
    scimd("webhook", "change", made["id"], "--resource", "none")
    assert show(scimd, made["id"])["resource"] is None
    other = scimd("webhook", "create", acme, URL, "--resource", "current", "--json").json
    assert show(scimd, other["id"])["resource"] == "current"
    assert scimd("webhook", "create", acme, URL, "--resource", "newest").status == 2


@pytest.mark.parametrize(("arguments", "status", "said"), [
    (["acme", "http://8.8.8.8/"], 1, "SCIMD_WEBHOOK_NETWORKS"),
    (["acme", "https://127.0.0.1/"], 1, "127.0.0.1 is not a public address; name its network in SCIMD_WEBHOOK_NETWORKS"),
    (["acme", "https://user@8.8.8.8/"], 1, "without user"),
    (["acme", "8.8.8.8"], 1, "https URL"),
    (["nobody", URL], 1, "nobody"),
    ([URL], 2, "--all-tenants"),
    (["acme", URL, "--all-tenants"], 2, "--all-tenants"),
    (["acme", URL, "more"], 2, "Give a tenant and a URL"),
    (["acme", URL, "--types", "user.updated"], 1, "begin with scimd."),
    (["acme", URL, "--parallel", "33"], 2, "1<=x<=32"),
    (["acme", URL, "--parallel", "0"], 2, "1<=x<=32"),
])
def test_ev_90_103_what_cannot_be_an_endpoint_changes_nothing(scimd: Any, acme: str, arguments: list[str], status: int, said: str) -> None:
    done = scimd("webhook", "create", *arguments)
    assert (done.status, done.out) == (status, "")
    assert said in done.err
    assert scimd("webhook", "list", "--json").json == []


def test_ev_103_a_name_that_cannot_be_resolved_yet_is_accepted_with_a_word(scimd: Any, acme: str) -> None:
    done = scimd("webhook", "create", acme, "https://receiver.invalid/")
    assert done.status == 0
    assert "receiver.invalid could not be resolved at the moment" in done.err


def test_ev_92_the_public_key_is_shown_at_any_time(scimd: Any, made: dict[str, Any]) -> None:
    assert made["public_key"].startswith("whpk_")
    assert made["public_key"] in scimd("webhook", "show", made["id"]).out
    assert [key["public"] for key in show(scimd, made["id"])["keys"]] == [made["public_key"]]


def test_ev_92_the_secret_is_shown_once(scimd: Any, acme: str, database: Database) -> None:
    done = scimd("webhook", "create", acme, URL, "--hmac")
    secret = next(line.split()[-1] for line in done.out.splitlines() if "Secret" in line)
    assert secret.startswith("whsec_")
    assert "only this once" in done.err
    [listed] = scimd("webhook", "list", acme, "--json").json
    shown = show(scimd, listed["id"])
    assert shown["keys"][0] == {"kind": "hmac", "public": None, "created": shown["keys"][0]["created"], "until": None}
    everything = [json.dumps(list(database.db[name].find()), default=str) for name in database.db.list_collection_names()]
    assert not any(secret.removeprefix("whsec_") in each for each in everything)


def keys_at(database: Database, endpoint_id: str, moment: datetime) -> list[signing.Key]:
    endpoint = Endpoints(database).get(endpoint_id)
    assert endpoint
    return signing.unsealed(endpoint.keys, Sealer(database).unseal, moment)


def test_ev_93_both_keys_sign_until_the_overlap_is_over(scimd: Any, made: dict[str, Any], database: Database) -> None:
    rotated = scimd("webhook", "rotate", made["id"], "--overlap", "2h", "--json").json
    assert rotated["public_key"] != made["public_key"]
    both = signing.headers(keys_at(database, made["id"], now()), EVENT, BODY, now())
    verify_v1a(made["public_key"], both, BODY)
    verify_v1a(rotated["public_key"], both, BODY)
    [key] = keys_at(database, made["id"], now() + timedelta(hours=2, seconds=1))
    verify_v1a(rotated["public_key"], signing.headers([key], EVENT, BODY, now()), BODY)
    old, new = show(scimd, made["id"])["keys"]
    assert (old["public"], new["public"], new["until"]) == (made["public_key"], rotated["public_key"], None)
    assert old["until"]


def test_ev_93_a_further_rotation_does_not_prolong_the_first_key(scimd: Any, acme: str, database: Database) -> None:
    made = scimd("webhook", "create", acme, URL, "--hmac", "--json").json
    scimd("webhook", "rotate", made["id"], "--overlap", "1h")
    secret = scimd("webhook", "rotate", made["id"], "--overlap", "9h", "--json").json["secret"]
    assert [len(keys_at(database, made["id"], now() + timedelta(hours=hours))) for hours in (0, 2, 10)] == [3, 2, 1]
    assert {key.kind for key in keys_at(database, made["id"], now())} == {"hmac"}
    assert secret.startswith("whsec_")


def test_ev_93_no_more_than_five_keys_sign_and_a_short_overlap_ends_them_all(scimd: Any, made: dict[str, Any], database: Database) -> None:
    for _ in range(4):
        assert scimd("webhook", "rotate", made["id"]).status == 0
    done = scimd("webhook", "rotate", made["id"])
    assert (done.status, done.out) == (1, "")
    assert "5 keys of this endpoint sign already" in done.err
    assert len(keys_at(database, made["id"], now())) == 5
    assert scimd("webhook", "rotate", made["id"], "--overlap", "1s").status == 0
    assert len(keys_at(database, made["id"], now() + timedelta(seconds=2))) == 1
    assert scimd("webhook", "rotate", made["id"]).status == 0


def test_ev_93_many_rotations_with_a_short_overlap_have_a_limit_too(scimd: Any, made: dict[str, Any], database: Database) -> None:
    """A receiver that is sent more signatures than a server reads of headers refuses everything."""
    done = [scimd("webhook", "rotate", made["id"], "--overlap", "50s") for _ in range(30)]
    assert [each.status for each in done] == [0] * 9 + [1] * 21
    assert "10 keys of this endpoint sign for a minute more; try again when it is over" in done[-1].err
    keys = keys_at(database, made["id"], now())
    assert len(keys) == 10
    assert len(signing.headers(keys, EVENT, BODY, now())["webhook-signature"]) < 1_000
    assert len(keys_at(database, made["id"], now() + timedelta(seconds=51))) == 1


def test_an_endpoint_begins_with_the_next_event_or_with_the_oldest(scimd: Any, acme: str, made: dict[str, Any], database: Database) -> None:
    relay(database)
    published = EventSequence(database).latest()
    late = scimd("webhook", "create", acme, URL, "--json").json
    early = scimd("webhook", "create", acme, URL, "--from-start", "--json").json
    endpoints = Endpoints(database)
    assert endpoints.get(late["id"]).place == published > 0  # type: ignore[union-attr]
    assert endpoints.get(early["id"]).place < published  # type: ignore[union-attr]


@pytest.mark.parametrize("command", ["show", "change", "rotate", "delete", "test", "failures", "enable", "disable"])
def test_an_id_that_nobody_has(scimd: Any, command: str) -> None:
    done = scimd("webhook", command, "ep_nobody", *(["--parallel", "1"] if command == "change" else []))
    assert (done.status, done.out) == (1, "")
    assert "There is no endpoint 'ep_nobody'." in done.err


def test_every_act_is_in_both_logs_without_the_url(scimd: Any, acme: str, database: Database) -> None:
    url = "https://8.8.8.8/hook?token=s3cret"
    made = scimd("webhook", "create", acme, url, "--json").json
    for command in (["change", made["id"], "--parallel", "1"], ["rotate", made["id"]], ["disable", made["id"]], ["enable", made["id"]], ["delete", made["id"]]):
        assert scimd("webhook", *command).status == 0
    operations = ["create", "change", "rotate", "disable", "enable", "delete"]
    lines = [line for line in logged(database, tenant=acme) if line["resource"]["type"] == "webhook"]
    assert [line["operation"] for line in lines] == operations
    assert {line["resource"]["name"] for line in lines} == {"8.8.8.8"}
    acts = [row["act"] for row in scimd("acts", "--tenant", acme, "--json").json]
    assert acts[-6:] == [f"webhook {operation}" for operation in operations]
    assert "s3cret" not in json.dumps([lines, list(database.db.acts.find())], default=str)
