"""Two tenants that look alike, each with every kind of credential, on the real MongoDB behind the whole application."""

import json
import re
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from app import create_app
from app.auth.client_authentication import ASSERTION_TYPE
from app.config import Config
from app.store.accounts.clients import Clients
from app.store.accounts.tenants import ALL_TENANTS, Tenants
from app.store.accounts.tokens import DEFAULT_SCOPES, EVENTS_READ, Tokens
from app.store.accounts.trusts import Conditions, Trusts
from app.store.directory.totals import settle
from app.store.mongo.database import Database
from tests.auth.issuer import SUBJECT, running_issuer

SCIM = "application/scim+json"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
KINDS = ("token", "access token", "federated access token", "JWT")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DATE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")


@dataclass
class Home:
    """A tenant: its credentials by kind, for SCIM and for events, and the ids of what it has."""

    name: str
    credentials: dict
    consumers: dict
    ids: dict = field(default_factory=dict)


class World:
    """The application and its two tenants, `acme` and `globex`."""

    def __init__(self, database, issuer, profile, **settings):
        self.database = database
        self.app = create_app(Config.from_environment({"SCIMD_RATE_LIMIT": "off"} | settings), database)
        self.client = self.app.test_client()
        self.tenants = Tenants(database)
        self.homes = {name: self._home(name, profile, issuer) for name in ("acme", "globex")}
        self.acme, self.globex = self.homes["acme"], self.homes["globex"]
        self.all_tenants = Tokens(database).issue(ALL_TENANTS, scopes=[EVENTS_READ])[0]

    def ask(self, method, path, *, token=None, body=None, tenant=None, headers=None, raw=False):
        """Send a request; a path without a slash at its beginning is below the tenant's SCIM URL."""
        url = path if path.startswith("/") or raw else f"/{tenant or 'acme'}/scim/v2/{path}"
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        data = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
        return self.client.open(url, method=method, data=data, content_type=SCIM if data else None, headers=sent)

    def state(self, tenant):
        """Return all that is stored of a tenant but what being asked leaves behind."""
        settle(self.database)  # else it is done meanwhile
        db = self.database.db
        names = [name for name in db.list_collection_names() if name not in ("events", "counters") and not name.startswith("system.")]
        # One query for all: hundreds of tests ask, and there are fifty collections.
        found = db.aggregate([{"$documents": []}, *(
            {"$unionWith": {"coll": name, "pipeline": [{"$match": {"tenant": tenant}}, {"$replaceWith": {"in": name, "row": "$$ROOT"}}]}}
            for name in names
        )])
        state = {name: [] for name in sorted(names)}
        for each in found:
            state[each["in"]].append(repr(_without_use(each["row"])))
        return {name: sorted(rows) for name, rows in state.items()}

    def _home(self, name, profile, issuer):
        Tenants(self.database).create(name, profile)
        home = Home(name, self._credentials(name, issuer), self._credentials(name, issuer, scopes=[EVENTS_READ]))
        self._fill(home)
        return home

    def _credentials(self, name, issuer, scopes=DEFAULT_SCOPES):
        """Return a credential of each kind that may be used for `scopes`."""
        client, secret = Clients(self.database).create(name, lifetime=timedelta(days=1), scopes=scopes)
        exchanged, sent = (f"api://{name}/{' '.join(scopes)}/{kind}" for kind in ("exchanged", "sent"))
        trust, _ = (
            Trusts(self.database).add(
                name, Conditions(kind, issuer=issuer.url, audiences=[audience], subject=SUBJECT), scopes=scopes
            )
            for kind, audience in (("assertion", exchanged), ("bearer", sent))
        )
        assertion = issuer.token(aud=exchanged)
        return {
            "token": Tokens(self.database).issue(name, scopes=scopes)[0],
            "access token": self.grant(name, client_id=client.id, client_secret=secret),
            "federated access token": self.grant(
                name, client_id=trust.id, client_assertion_type=ASSERTION_TYPE, client_assertion=assertion
            ),
            "JWT": issuer.token(aud=sent),
        }

    def grant(self, tenant, **parameters):
        """Ask for an access token."""
        answer = self.client.post(f"/{tenant}/oauth/token", data={"grant_type": "client_credentials"} | parameters)
        assert answer.status_code == 200, answer.data
        return answer.json["access_token"]

    def _fill(self, home):
        token = home.credentials["token"]

        def create(path, body):
            answer = self.ask("POST", path, token=token, tenant=home.name, body=body)
            assert answer.status_code == 201, answer.data
            return answer.json["id"]

        home.ids["manager"] = create("Users", user("bob@example.com", externalId=f"ext-bob-{home.name}"))
        manager = {"value": home.ids["manager"]}
        home.ids["user"] = create("Users", user(
            "ann@example.com", externalId=f"ext-ann-{home.name}", schemas=[USER, ENTERPRISE], **{ENTERPRISE: {"manager": manager}}))
        home.ids["group"] = create("Groups", group(f"staff-{home.name}", home.ids["user"]))
        gone = create("Users", user("gone@example.com"))
        assert self.ask("DELETE", f"Users/{gone}", token=token, tenant=home.name).status_code == 204
        home.ids["deleted"] = gone


def user(name, **attributes):
    return {
        "schemas": [USER], "userName": name, "displayName": name, "active": True,
        "name": {"givenName": "A", "familyName": "B", "formatted": "A B"},
    } | attributes


def group(name, *members):
    return {"schemas": [GROUP], "displayName": name, "members": [{"value": member} for member in members]}


def patch(*operations):
    return {"schemas": [PATCH], "Operations": list(operations)}


def unknown_ids(ids):
    """Return ids that nobody has, and that sort as `ids` do: where lists are in the order of ids, theirs is the same."""
    return {key: value[:18] + str(uuid.uuid4())[18:] for key, value in ids.items()}


def seen(answer, ids):
    """Return what a client sees of an answer, with the ids that it has sent written as their names."""
    text = answer.get_data(as_text=True)
    headers = {
        name: value for name, value in answer.headers.items()
        if name in ("Content-Type", "Location", "Content-Location", "WWW-Authenticate", "ETag", "Allow", "Cache-Control")
    }
    text = f"{answer.status_code} {json.dumps(headers, sort_keys=True)} {text}"
    for key, value in ids.items():
        text = text.replace(value, f"<{key}>")
    return _DATE.sub("<date>", UUID.sub("<id>", text))


def _without_use(row):
    return {key: value for key, value in row.items() if key not in ("used", "fetching", "fetched", "attempted", "keys")}


@contextmanager
def running_world(mongod, profile="gallery", **settings):
    """Yield a world with a database of its own."""
    database = Database(mongod.client, f"test-{uuid.uuid4().hex}")
    with running_issuer() as issuer:
        try:
            yield World(database, issuer, profile, **settings)
        finally:
            mongod.client.drop_database(database.db.name)
