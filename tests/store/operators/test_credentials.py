"""The acts on credentials: what ends with a client and a trust."""

from datetime import timedelta

import pytest

from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.accounts.trusts import Conditions
from app.store.mongo.database import Database
from app.store.operators.acting import Acting
from app.store.operators.audit import Operator
from app.store.operators.credentials import CredentialActs

DAY = timedelta(days=1)


@pytest.fixture
def acts(reused_database: Database) -> CredentialActs:
    Tenants(reused_database).create("acme", "gallery")
    return CredentialActs(reused_database, Acting(reused_database, Operator("alice", "command line"), 90))


def valid(database: Database) -> int:
    return database.db.tokens.count_documents({"revoked": {"$exists": False}})


@pytest.mark.parametrize("end", ["client", "secret", "trust"])
def test_access_tokens_that_are_issued_during_the_deletion_are_revoked(acts, reused_database, monkeypatch, end) -> None:
    """A token comes when the transaction has begun, which does not see it, and its request still sees the client."""
    revoke, tokens = Tokens.revoke_of_client, Tokens(reused_database)
    client, _ = acts.create_client("acme", DAY)
    conditions = Conditions("assertion", issuer="http://127.0.0.1:1/x", audiences=["a"], subject="s")
    whose = acts.add_trust("acme", conditions).id if end == "trust" else client.id
    tokens.issue("acme", client=whose)

    def after_another(self: Tokens, tenant: str, of: str, session: object = None) -> None:
        if session is not None:
            tokens.issue("acme", client=whose)
        revoke(self, tenant, of, session)

    monkeypatch.setattr(Tokens, "revoke_of_client", after_another)
    if end == "client":
        acts.delete_client(client.id)
    elif end == "secret":
        acts.delete_secret(client.id, client.secrets[0].id)
    else:
        acts.delete_trust(whose)
    assert valid(reused_database) == 0


def test_an_expired_secret_beside_the_last_valid_one_keeps_no_access_token(acts, reused_database) -> None:
    client, _ = acts.create_client("acme", DAY)
    rotated, *_ = acts.rotate_client(client.id, DAY)
    old, last = (each.id for each in rotated.secrets)
    Tokens(reused_database).issue("acme", client=client.id)
    past = client.created - DAY
    reused_database.db.clients.update_one({"_id": client.id, "secrets.id": old}, {"$set": {"secrets.$.expires": past}})
    acts.delete_secret(client.id, last)
    assert valid(reused_database) == 0
