"""Causes and cures, closed both ways: each cause of the code has a cure, and each is brought about by a request here."""

from __future__ import annotations

import ast
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app import create_app
from app.advice.cures import CURES
from app.advice.explain import Explanation, explain, plain
from app.causes import CAUSES
from app.config import Config
from app.store.accounts.clients import Clients
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.accounts.trusts import Conditions, Trusts
from app.store.directory import writes
from app.store.mongo.database import Database
from tests.auth.issuer import AUDIENCE, SUBJECT
from tests.blueprints.conftest import ENTERPRISE_URN, USER_URN, Client
from tests.conftest import Fault, spend
from tests.docs import pages
from tests.test_architecture import modules

PAGE = "docs/entra.md"
PERSON = {"schemas": [USER_URN], "displayName": "A", "name": {"givenName": "G", "familyName": "F", "formatted": "G F"}}


@dataclass
class World:
    """A tenant of each kind, and an issuer that the first one trusts."""

    database: Database
    gallery: Client
    rfc: Client
    issuer: Any
    fault: Fault

    def create(self, client: Client, name: str = "ann", **more: Any) -> Any:
        return client("POST", "/Users", PERSON | {"userName": name} | more)

    def bearer(self, token: str) -> Any:
        """Ask with another credential."""
        self.gallery.headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.gallery("GET", "/Users")

    def jwt(self, **changes: Any) -> Any:
        """Ask with a token of the issuer, which fits but for the changes."""
        conditions = Conditions("bearer", issuer=self.issuer.url, audiences=[AUDIENCE], subject=SUBJECT)
        Trusts(self.database).add(self.gallery.tenant, conditions)
        return self.bearer(self.issuer.token(**changes))

    def token(self, **options: Any) -> tuple[str, str]:
        """Issue a token; return it and its id."""
        text, token = Tokens(self.database).issue(self.gallery.tenant, **options)
        return text, token.id

    def expired(self) -> Any:
        text, token_id = self.token(lifetime=timedelta(days=1))
        past = datetime.now(UTC) - timedelta(days=2)
        self.database.db.tokens.update_one({"_id": token_id}, {"$set": {"expires": past}})
        return self.bearer(text)

    def revoked(self) -> Any:
        text, token_id = self.token()
        Tokens(self.database).revoke(token_id)
        return self.bearer(text)

    def suspended(self) -> Any:
        Tenants(self.database).suspend(self.gallery.tenant)
        return self.gallery("GET", "/Users")

    def too_fast(self) -> Any:
        app = create_app(Config.from_environment({"SCIMD_RATE_LIMIT": "25"}), self.database)
        spend(self.database, self.gallery.tenant, 10_000)
        limited = Client(app, self.gallery.tenant, self.token()[0])
        return next(answer for answer in iter(lambda: limited("GET", "/Users"), None) if answer.status_code == 429)

    def guarded(self) -> Any:
        """Delete a user while the guard stops that."""
        user = self.gallery.user("ann")["id"]
        stopped = {"guard.stop": True, "guard.stopped": datetime.now(UTC)}
        self.database.db.tenants.update_one({"_id": self.gallery.tenant}, {"$set": stopped})
        app = create_app(Config.from_environment({}), self.database)
        return Client(app, self.gallery.tenant, self.token()[0])("DELETE", f"/Users/{user}")

    def failed(self, code: int) -> Any:
        """Let MongoDB answer the insert of a user with an error."""
        away = self.fault(["insert"], "alwaysOn", errorCode=code, namespace=f"{self.database.db.name}.users")
        with pytest.MonkeyPatch.context() as patch, away:
            patch.setattr(writes, "TRANSACTION_SECONDS", 0.5)  # it is tried again until then
            return self.create(self.gallery)

    def newest(self, *tenants: str) -> dict[str, Any]:
        [event] = self.database.db.events.find({"tenant": {"$in": tenants}, "failed": True}).sort([("time", -1), ("_id", -1)]).limit(1)
        return event


def _patch(client: Client, **operation: Any) -> Any:
    return client.patch(f"/Users/{client.user('ann')['id']}", {"op": "replace", **operation})


def _stale(world: World) -> Any:
    user = world.gallery.user("ann")["id"]
    return world.gallery.patch(f"/Users/{user}", {"op": "replace", "path": "title", "value": "T"}, If_Match='W/"7"')


def _of_another(world: World) -> Any:
    Tenants(world.database).create(name := f"t-{uuid.uuid4().hex[:8]}", "gallery")
    return world.bearer(Tokens(world.database).issue(name)[0])


NOBODY = "5f3c2f6e-0f1a-4d7e-9a57-000000000000"
RAISED: dict[str, Callable[[World], Any]] = {
    "required": lambda w: w.gallery("POST", "/Users", {"schemas": [USER_URN], "userName": "ann"}),
    "taken": lambda w: (w.create(w.gallery), w.create(w.gallery, "ANN"))[1],
    "wrong-type": lambda w: w.create(w.gallery, active="perhaps"),
    "too-long": lambda w: w.create(w.gallery, title="x" * 9_000),
    "too-many": lambda w: w.create(w.gallery, emails=[{"value": f"{number}@x"} for number in range(101)]),
    "read-only": lambda w: _patch(w.rfc, path="id", value="x"),
    "unknown-attribute": lambda w: w.create(w.rfc, shoeSize=43),
    "no-such-resource": lambda w: w.gallery.patch(f"/Users/{NOBODY}", {"op": "add", "path": "title", "value": "T"}),
    "no-such-member": lambda w: w.rfc("POST", "/Groups", {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "T", "members": [{"value": NOBODY}]}),
    "no-such-reference": lambda w: w.create(w.rfc, **{ENTERPRISE_URN: {"manager": {"value": NOBODY}}},
                                            schemas=[USER_URN, ENTERPRISE_URN]),
    "bad-path": lambda w: _patch(w.rfc, path="emails[", value="x"),
    "bad-filter": lambda w: _patch(w.rfc, path="emails[type gt true].value", value="x"),
    "no-target": lambda w: _patch(w.rfc, path='emails[type eq "work"].value', value="x"),
    "bad-body": lambda w: w.gallery("POST", "/Users", b"{"),
    "too-large": lambda w: w.gallery("POST", "/Users", b" " * (4 * 1024 * 1024 + 1)),
    "version": _stale,
    "over-rate": World.too_fast,
    "unavailable": lambda w: w.failed(91),
    "guarded": World.guarded,
    "wrong-url": lambda w: w.gallery("GET", "/Users/Users"),
    "no-credential": lambda w: w.bearer(""),
    "malformed": lambda w: w.bearer(w.token()[0][:-20]),
    "token-request": lambda w: w.gallery._client.post(f"/{w.gallery.tenant}/oauth/token", data={"a": "b"}),
    "wrong-secret": lambda w: w.bearer(re.sub("[0-9a-f]{64}$", "0" * 64, w.token()[0])),
    "unknown": lambda w: w.bearer(f"scimd_{'a' * 12}_{'0' * 64}"),
    "other-tenant": _of_another,
    "expired": World.expired,
    "revoked": World.revoked,
    "suspended": World.suspended,
    "scope": lambda w: (w.bearer(w.token(scopes=["scim.read"])[0]), w.create(w.gallery))[1],
    "issuer": lambda w: w.jwt(iss="https://issuer.example"),
    "audience": lambda w: w.jwt(aud="another"),
    "subject": lambda w: w.jwt(sub="another"),
    "key": lambda w: w.jwt(key="stranger"),
    "signature": lambda w: w.jwt(header={"alg": "RS384"}),
    "lifetime": lambda w: w.jwt(exp=1_000_000_000),
    "failure": lambda w: w.failed(8),
}


@pytest.fixture
def world(http_database: Database, gallery: Client, rfc: Client, issuer: Any, fault: Fault) -> World:
    return World(http_database, gallery, rfc, issuer, fault)


def test_co_66_each_cause_has_a_cure_and_a_request_that_brings_it_about() -> None:
    assert CURES.keys() == CAUSES == RAISED.keys()


def causes_in(tree: ast.Module) -> Iterator[str]:
    """Yield the causes that a module spells: each text for an argument, a variable or a table whose name has `cause`."""
    for node in ast.walk(tree):
        values: list[ast.expr | None] = []
        if isinstance(node, ast.Call):
            values = [each.value for each in node.keywords if each.arg == "cause"]
        elif isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "Index":
            continue
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            values = [node.value] if any("cause" in ast.unparse(target).lower() for target in targets) else []
        elif isinstance(node, ast.FunctionDef) and "cause" in node.name:
            values = [each.value for each in ast.walk(node) if isinstance(each, ast.Return)]
        for value in values:
            texts = ast.walk(value) if value is not None else ()
            keys = {id(key) for each in texts if isinstance(each, ast.Dict) for key in each.keys if key}
            for each in ast.walk(value) if value is not None else ():
                if isinstance(each, ast.Constant) and isinstance(each.value, str) and id(each) not in keys:
                    yield each.value


def test_co_66_the_code_spells_no_other_cause() -> None:
    rooms = ("app/auth", "app/blueprints", "app/protocol", "app/provider", "app/queries", "app/schemas", "app/store")
    mentioned = {
        word for module in modules() if module.name.startswith(rooms) for word in causes_in(module.tree)
        if re.fullmatch("[a-z-]+", word) and word != "characters"
    }
    assert mentioned - CAUSES == set()
    assert {"required", "no-such-member", "lifetime", "bad-filter", "wrong-secret"} <= mentioned, "it looks nowhere"


@pytest.mark.parametrize("cause", sorted(RAISED))
def test_co_10_a_refusal_is_logged_with_its_cause(world: World, cause: str) -> None:
    answer = RAISED[cause](world)
    assert answer.status_code >= 400
    event = world.newest(world.gallery.tenant, world.rfc.tenant)
    assert event["cause"] == cause, event
    explanation = explain(event)
    assert explanation.cause == cause
    assert explanation.steps
    for text in (explanation.title, explanation.sentence, *map(plain, explanation.steps)):
        assert text and not re.search(r"[{}\[\]*]|None", text.replace(event["detail"].rstrip("."), "")), text
    assert explanation.sentence.endswith(".") and ".." not in explanation.sentence, explanation.sentence


def explained(world: World, cause: str, **options: Any) -> Explanation:
    RAISED[cause](world)
    return explain(world.newest(world.gallery.tenant, world.rfc.tenant), **options)


@pytest.mark.parametrize(("cause", "sentence"), [
    ("required", "The user has no name.formatted, name.familyName, name.givenName or displayName; all are required."),
    ("taken", 'userName "ann" already belongs to another user.'),
    ("wrong-type", 'The value of active is not valid: expected true or false, received "perhaps".'),
    ("too-long", "title is too long: expected at most 8192 characters, received 9000 characters."),
    ("too-many", "emails has too many values: expected at most 100 values, received 101 values."),
    ("malformed", "This is not one of our credentials: expected scimd_<id>_<secret> (83 characters), received 63 characters."),
    ("token-request", "The token endpoint cannot answer the request (token request: The parameter grant_type is missing)."),
    ("no-such-member", f"A member of the group has not been provisioned: {NOBODY}."),
    ("wrong-url", "The request was for an address that does not exist here: the end of the Tenant URL should be {base}, and is {base}/Users."),
    ("audience", f"The audience of the token does not match: expected {AUDIENCE}, received another."),
])
def test_co_65_the_sentence_names_what_was_expected_and_what_came(world: World, cause: str, sentence: str) -> None:
    assert explained(world, cause).sentence == sentence.replace("{base}", world.gallery.base)


def test_co_65_all_checks_of_a_credential_are_in_the_table_the_failed_one_marked(world: World) -> None:
    rows = explained(world, "audience").rows
    assert [row.name for row in rows if not row.passed] == ["audience"]
    assert [row.name for row in rows] == ["form", "issuer", "algorithm", "extensions", "key", "signature", "issuer", "audience"]


def test_co_65_a_revoked_token_passed_every_check_but_the_one_of_its_revocation(world: World) -> None:
    rows = {row.name: row for row in explained(world, "revoked").rows}
    assert rows["secret"].received == rows["secret"].expected
    assert [name for name, row in rows.items() if not row.passed] == ["revocation"]
    assert re.fullmatch(r"\d+ [A-Z][a-z]{2} \d{4}, \d\d:\d\d:\d\d UTC", rows["revocation"].received)


def test_co_65_an_expired_token_was_not_revoked(world: World) -> None:
    rows = {row.name: row for row in explained(world, "expired").rows}
    assert rows["revocation"].received == "not revoked"
    assert re.fullmatch(r"\d+ [A-Z][a-z]{2} \d{4}, \d\d:\d\d:\d\d UTC", rows["expiry"].received)


def test_co_65_all_that_is_missing_is_in_title_and_cure(world: World) -> None:
    found = explained(world, "required")
    missing = [row.name for row in found.rows]
    assert len(missing) == 4
    assert all(name in found.title and name in plain(found.steps[1]) for name in missing)


def test_co_65_the_steps_have_the_names_of_the_customers_provider(world: World) -> None:
    RAISED["required"](world)
    event = world.newest(world.gallery.tenant)
    entra, okta = explain(event), explain(event, "okta")
    assert {piece.text for step in entra.steps for piece in step if piece.bold} >= {"Attribute Mapping", "Provision on demand"}
    assert not any(piece.bold for step in okta.steps for piece in step)
    assert plain(okta.steps[0]) == "Let Okta send name.formatted, name.familyName, name.givenName and displayName for every user, or leave out those without."


def test_co_82_a_customer_reads_no_name_of_another_one(world: World) -> None:
    mine, theirs = explained(world, "other-tenant"), explained(world, "other-tenant", customer=True)
    [own] = [row for row in mine.rows if not row.passed]
    [shown] = [row for row in theirs.rows if not row.passed]
    assert own.received.startswith("t-") and shown.received == "another customer"
    assert own.received not in repr(theirs)


def test_co_67_events_of_earlier_versions_are_explained_by_status_and_scim_type() -> None:
    old = {"status": 409, "scimType": "uniqueness", "detail": "userName is taken.", "resource": {"type": "User"}}
    explanation = explain(old)
    assert explanation.cause == "taken"
    assert explanation.sentence == "Refused with 409 uniqueness: userName is taken."
    assert plain(explanation.steps[0]).startswith("Compare the externalId of the user that has this ")
    statuses = {400, 401, 403, 404, 405, 406, 409, 412, 413, 414, 415, 429, 500, 501, 503}
    assert all(explain({"status": status, "detail": "x"}).steps for status in statuses)
    assert explain({"status": 500}).sentence == "Refused with 500."


def test_what_a_client_sends_marks_nothing(world: World) -> None:
    world.gallery("POST", "/Users", {"schemas": [USER_URN], "userName": "**a** {kind} [b]"})
    event = world.newest(world.gallery.tenant) | {"attribute": "**x** [{kind}]", "problems": []}
    assert explain(event).title == "**x** [{kind}] is missing"
    assert any("**x** [{kind}]" in piece.text for piece in explain(event).steps[1])


def test_co_66_the_page_about_entra_has_each_cause_and_its_cure() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (.+) \| (.+) \|$", pages.text(f"{PAGE}#When it does not work"), re.MULTILINE)
    words = {"kind": "user", "attribute": "*A*", "missing": "*A*", "any": "*A*", "each": "it is", "idp": "Entra"}

    def filled(text: str) -> str:
        text = re.sub(r"\[[^\]]*\]", "", text)
        text = re.sub(r"\{(\w+)\}", lambda match: words.get(match[1], match[1]), text)
        return text[:1].upper() + text[1:]

    wanted = {cause: (filled(cure.sentence), " ".join(map(filled, cure.entra))) for cause, cure in CURES.items()}
    assert {cause: (sentence, steps) for cause, sentence, steps in rows} == wanted


def test_a_credential_of_a_client_and_of_a_trust_has_a_cause(world: World) -> None:
    client, secret = Clients(world.database).create(world.gallery.tenant, lifetime=timedelta(days=1))
    world.gallery._client.post(f"/{world.gallery.tenant}/oauth/token", data={
        "grant_type": "client_credentials", "client_id": client.id, "client_secret": secret[:-1] + "x"})
    assert world.newest(world.gallery.tenant)["cause"] == "wrong-secret"


def test_who_was_disabled_keeps_the_name_and_who_was_deleted_does_not_as_the_cure_says(world: World) -> None:
    user = world.create(world.gallery).get_json()["id"]
    world.gallery.patch(f"/Users/{user}", {"op": "replace", "path": "active", "value": False})
    assert world.create(world.gallery).status_code == 409
    steps = [plain(step) for step in explain(world.newest(world.gallery.tenant)).steps]
    assert steps[0] == "Compare the externalId of the user that has this userName with that of the refused one."
    assert "disabled and keeps its userName, which only a deletion frees" in steps[2] and not any("restore" in step for step in steps)
    world.gallery("DELETE", f"/Users/{user}")  # RFC 7644 section 3.6
    assert world.create(world.gallery).status_code == 201
