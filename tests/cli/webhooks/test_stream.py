"""scimd stream."""

from __future__ import annotations

from typing import Any

import pytest

from app.config import Config
from app.store.accounts.sealing import Sealer
from app.store.accounts.tenants import Tenants
from app.store.delivery.endpoint import POLL, SET
from app.store.delivery.endpoints import Endpoints
from app.store.log.outbox import LEASES
from app.store.log.relay import Relay
from app.store.mongo.database import Database
from app.store.sign_on.signing_keys import EVENT_TOKEN, SigningKeys
from tests.store.log.conftest import COLLECTIONS, created, pend

AUDIENCE = "https://app.example.com"
PUSH = ("stream", "create", "acme", "--push", "https://127.0.0.1/events", "--audience", AUDIENCE)
POLLED = ("stream", "create", "acme", "--poll", "--audience", AUDIENCE)


@pytest.fixture
def scimd(scimd: Any, database: Database) -> Any:
    acme = Tenants(database).create("acme", "gallery")
    Tenants(database).create("globex", "gallery")
    pend(database, "users", "u", created(tenant="acme", tenantId=acme.tenant_id), tenant="acme")
    Relay(database, COLLECTIONS).drain()
    database.db[LEASES.name].update_one({"_id": "relay"}, {"$set": {"horizon": 3}})
    scimd.settings["SCIMD_WEBHOOK_NETWORKS"] = "127.0.0.0/8"
    return scimd


def test_ev_115_a_stream_by_poll(scimd: Any, database: Database) -> None:
    made = scimd(*POLLED, "--json").json
    assert made == {
        "id": made["id"], "tenant": "acme", "delivery": "poll", "audience": AUDIENCE,
        "poll_url": f"https://scim.example.com/acme/streams/{made['id']}/poll", "issuer": "https://scim.example.com/acme",
        "keys_url": "https://scim.example.com/jwks",
    }
    stored = Endpoints(database).get(made["id"])
    published = database.db[LEASES.name].find_one({"_id": "relay"})["published"]
    assert (stored.form, stored.tenant, stored.place, stored.audience) == (POLL, "acme", published, AUDIENCE)
    printed = scimd(*POLLED)
    assert f"/acme/streams/{Endpoints(database).of('acme')[-1].id}/poll" in printed.out
    assert "scimd token issue acme --scope events.read" in printed.err


def test_ev_115_a_stream_by_push(scimd: Any, database: Database) -> None:
    made = scimd(*PUSH, "--from-start", "--authorization-stdin", "--json", answer="Bearer planted-secret\n").json
    assert (made["delivery"], made["url"]) == ("push", "https://127.0.0.1/events")
    stored = Endpoints(database).get(made["id"])
    assert (stored.form, stored.place, stored.url) == (SET, 3, "https://127.0.0.1/events")
    assert Sealer(database, Config.from_environment({}).sealing_keys).unseal(stored.authorization) == b"Bearer planted-secret"
    assert "planted" not in str(database.db.endpoints.find_one({"_id": made["id"]}))
    for command in (("show", made["id"]), ("list",)):
        for option in ((), ("--json",)):
            done = scimd("stream", *command, *option)
            assert made["id"] in done.out
            assert "planted" not in done.out + done.err
    assert scimd("stream", "show", made["id"], "--json").json["has_authorization"] is True


@pytest.mark.parametrize(("arguments", "answer", "says"), [
    (("acme", "--audience", "x"), "", "Give --push with a URL, or --poll."),
    (("acme", "--audience", "x", "--poll", "--push", "https://x.example.com"), "", "Give --push with a URL, or --poll."),
    (("acme", "--poll"), "", "--audience"),
    (("acme", "--poll", "--audience", ""), "", "not empty"),
    (("acme", "--poll", "--audience", "x", "--authorization-stdin"), "x", "goes with --push"),
    (("nobody", "--poll", "--audience", "x"), "", "nobody"),
    (("acme", "--audience", "x", "--push", "https://10.0.0.1/"), "", "SCIMD_WEBHOOK_NETWORKS"),
    (("acme", "--audience", "x", "--push", "ftp://127.0.0.1/"), "", "https URL"),
    *((("acme", "--audience", "x", "--push", "https://127.0.0.1/", "--authorization-stdin"), text, "on stdin")
      for text in ("", "\n", " Bearer x\n", "Bearer \x07\n", "Bearer ü\n")),
])
def test_a_stream_that_cannot_be(scimd: Any, database: Database, arguments: tuple[str, ...], answer: str, says: str) -> None:
    done = scimd("stream", "create", *arguments, answer=answer)
    assert done.status != 0
    assert says in done.err
    assert Endpoints(database).all() == []


def test_a_command_says_for_what_it_is_not(scimd: Any, database: Database) -> None:
    """It said that there was no such endpoint, which `list` showed."""
    webhook = Endpoints(database).create("acme", place=0, url="https://x.example.com/").id
    for made, command, kind in (
        (scimd(*POLLED, "--json").json["id"], ("stream", "change"), "a stream by poll"),
        (scimd(*PUSH, "--json").json["id"], ("webhook", "show"), "a stream by push"), (webhook, ("stream", "show"), "a webhook"),
    ):
        done = scimd(*command, made, *(["--push", "https://127.0.0.1/"] if "change" in command else []))
        assert (done.status, done.err) == (1, f"scimd: This command is not for {made}, which is {kind}.\n")


def test_ev_115_list_show_and_delete(scimd: Any, database: Database) -> None:
    assert "scimd stream create acme" in scimd("stream", "list", "acme").out
    one, two = scimd(*POLLED, "--json").json["id"], scimd(*PUSH, "--json").json["id"]
    webhook = Endpoints(database).create("acme", place=0, url="https://x.example.com/").id
    assert [(row["id"], row["delivery"]) for row in scimd("stream", "list", "acme", "--json").json] == [(one, "poll"), (two, "push")]
    assert scimd("stream", "list", "--json").json == scimd("stream", "list", "acme", "--json").json
    assert scimd("stream", "list", "globex", "--json").json == []
    for command in ("show", "delete"):
        assert scimd("stream", command, webhook).status == 1
        assert scimd("stream", command, "nobody").status == 1
    shown = scimd("stream", "show", one, "--json").json
    assert (shown["state"], shown["delivered"], shown["attempts"]) == ("on", 0, [])
    assert shown["poll_url"].endswith(f"/acme/streams/{one}/poll")
    assert "No attempt is on record." in scimd("stream", "show", one).out
    assert scimd("stream", "delete", one, "--json").json["id"] == one
    assert [each.id for each in Endpoints(database).all()] == [two, webhook]


def test_where_and_with_which_credential_a_stream_is_pushed(scimd: Any, database: Database) -> None:
    polled, pushed = scimd(*POLLED, "--json").json["id"], scimd(*PUSH, "--json").json["id"]
    before = Endpoints(database).get(pushed)
    assert scimd("stream", "change", pushed, "--push", "https://127.0.0.2/", "--json").json["url"] == "https://127.0.0.2/"
    assert scimd("stream", "change", pushed, "--authorization-stdin", answer="Bearer new\n").status == 0
    stored = Endpoints(database).get(pushed)
    assert Sealer(database).unseal(stored.authorization) == b"Bearer new"
    assert (stored.url, stored.place, stored.audience) == ("https://127.0.0.2/", before.place, AUDIENCE)
    for wrong in ((pushed,), (pushed, "--push", "https://10.0.0.1/"), (polled, "--push", "https://127.0.0.1/"), ("nobody",)):
        assert scimd("stream", "change", *wrong).status != 0
    assert Endpoints(database).get(pushed) == stored


def test_the_commands_of_webhooks_that_take_a_stream(scimd: Any, database: Database) -> None:
    polled, pushed = scimd(*POLLED, "--json").json["id"], scimd(*PUSH, "--json").json["id"]
    place = Endpoints(database).get(polled).place
    event = database.db.events.find_one({"seq": place})["_id"]
    for stream in (polled, pushed):
        for command, state in (("disable", "off"), ("enable", "on")):
            assert scimd("webhook", command, stream, "--json").json["state"] == state
        assert scimd("webhook", "failures", stream, "--json").json == []
        assert scimd("webhook", "replay", stream, "--since", "1h").status == 0
        assert Endpoints(database).get(stream).place < place
        assert scimd("webhook", "enable", stream, "--from", "now").status == 0
        assert Endpoints(database).get(stream).place == place
        for command in ("show", "rotate", "test", "delete"):
            assert scimd("webhook", command, stream).status == 1
    assert scimd("webhook", "resend", pushed, event).status == 0
    assert "asks for its tokens" in scimd("webhook", "resend", polled, event).err


def test_ev_112_rotate_key(scimd: Any, database: Database) -> None:
    keys = SigningKeys(database, Sealer(database))
    first = keys.current(EVENT_TOKEN).id
    made = scimd("stream", "rotate-key", "--json").json
    assert [key.id for key in keys.published(EVENT_TOKEN)] == [first, made["key_id"]]
    assert keys.current(EVENT_TOKEN).id == first
    assert "is new already" in scimd("stream", "rotate-key").err
    assert "signs from" in scimd("stream", "rotate-key", "--now").out
    (left,) = keys.published(EVENT_TOKEN)
    assert left.id not in (first, made["key_id"])


def test_each_act_is_in_both_logs(scimd: Any, database: Database) -> None:
    made = scimd(*POLLED, "--json").json["id"]
    scimd("stream", "delete", made)
    scimd("stream", "rotate-key")
    acts = [(row["act"], row["tenant"], row["outcome"]) for row in scimd("acts", "--json").json]
    assert acts == [
        ("stream create", "acme", "done"), ("stream delete", "acme", "done"), ("stream rotate-key", "*", "done"),
    ]
    logged = [(row["resource"]["type"], row["operation"]) for row in database.db.events.find({"tenant": "acme", "seq": None}, sort=[("time", 1), ("_id", 1)])]
    assert logged == [("stream", "create"), ("stream", "delete")]
