"""Sign-on under measurement: SAML responses and codes, stored and signed before, so that each request is a good one.

An answer is the POST of a signed response to the assertion consumer service. An exchange makes tokens of a code.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count, cycle, islice
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlencode

from app.config import Config
from app.sign_on.flow.urls import Urls
from app.store.accounts.tokens import hash_of
from app.store.mongo.database import Database
from app.store.sign_on.apps import Apps, Settings
from app.store.sign_on.codes import PREFIX, Codes, Grant
from app.store.sign_on.connection import SAML, Connection, SamlPart, StoredCertificate
from app.store.sign_on.connections import Connections
from app.store.sign_on.sessions import Session, Sessions
from app.store.sign_on.sign_ins import SignIn, SignIns
from bench import people
from bench.people import Population
from bench.requests import Requests
from tests.sign_on.saml import idp

PEOPLE = Population("bench-sign-on", users=1_000)
CODES, ANSWERS = 800, 400
"""How many are prepared for each second of a measurement: more than a core can do. An answer takes 5 ms to sign."""
_numbers = count()
"""The codes are good once: each request of the load generator, which is one process, takes the next."""
_SESSIONS = 200
_CALLBACK = "https://app.example.com/callback"
_VERIFIER = "v" * 43
_LATER = timedelta(hours=2)
"""What is prepared must not expire before its turn."""


@dataclass(frozen=True)
class Exchange(Requests):
    """The exchange of a code for an ID token and an access token, by an app with a secret."""

    app: str = ""
    secret: str = ""
    expected: ClassVar[bytes] = b'"id_token":'

    def __call__(self, connection: int, turn: int) -> bytes:
        fields = {
            "grant_type": "authorization_code", "code": code(next(_numbers)),
            "redirect_uri": _CALLBACK, "code_verifier": _VERIFIER,
        }
        basic = base64.b64encode(f"{self.app}:{self.secret}".encode()).decode()
        return form(f"/{self.population.name}/oauth/token", fields, f"Authorization: Basic {basic}")


@dataclass(frozen=True)
class Answer(Requests):
    """The POST of a SAML response, as the page of an identity provider does it; `file` has the responses."""

    file: str = ""
    expected: ClassVar[bytes] = b"/sign-on/finish?state="

    def __call__(self, connection: int, turn: int) -> bytes:
        fields = next(_prepared(self.file))
        return form(f"/{self.population.name}/sign-on/saml/acs", fields)


def form(path: str, fields: dict[str, str], *header: str) -> bytes:
    """Return the bytes of a POST of a form."""
    content = urlencode(fields).encode()
    head = [
        f"POST {path} HTTP/1.1", "Host: 127.0.0.1", *header, "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(content)}",
    ]
    return "\r\n".join([*head, "", ""]).encode() + content


def code(number: int) -> str:
    """Return a code; every process knows it by its number."""
    return PREFIX + hashlib.sha256(f"bench/{number}".encode()).hexdigest()


@cache
def _prepared(file: str) -> Iterator[dict[str, str]]:
    return map(json.loads, Path(file).read_text().splitlines())


def prepare(database: Database, folder: Path, seconds: float) -> dict[str, str]:
    """Store what exchanges and answers of so many seconds need, and return what their sources have to know."""
    connection = connect(database, PEOPLE.name)
    app, secret = Apps(database).create(
        Settings(name="bench", redirect_uris=(_CALLBACK,), scopes=("openid", "profile", "email")),
        lifetime=timedelta(days=1),
    )
    _store_codes(database, app.id, connection.id, round(CODES * seconds))
    file = folder / "responses"
    with file.open("w") as lines:
        lines.writelines(f"{json.dumps(each)}\n" for each in _answers(database, connection, round(ANSWERS * seconds)))
    return {"app": app.id, "app-secret": secret, "responses": str(file)}


def connect(database: Database, tenant: str) -> Connection:
    """Connect a tenant to the identity provider, and return the connection."""
    certificate = _signer().certificate
    row = StoredCertificate(certificate.der, certificate.thumbprint, certificate.not_before, certificate.not_after)
    part = SamlPart(entity_id=idp.ENTITY_ID, sso_url="https://login.example.com/saml2", certificates=(row,))
    connections = Connections(database)
    saved = connections.save(
        Connection(tenant=tenant, kind=SAML, match_attribute="userName", match_source="NameID", saml=part)
    )
    return database.transaction(lambda session: connections.turn_on(tenant, saved.id, session))


def _store_codes(database: Database, app: str, connection: str, number: int) -> None:
    """Store codes for some sessions, whose texts `code` gives."""
    moment, challenge = datetime.now(UTC), hashlib.sha256(_VERIFIER.encode()).digest()
    codes, sessions = Codes(database, lambda: moment + _LATER), Sessions(database)
    for user in map(PEOPLE.user_id, islice(PEOPLE.alone, _SESSIONS)):
        _, session = sessions.open(Session(
            tenant=PEOPLE.name, user=user, connection=connection, auth_time=moment, expires=moment + 2 * _LATER,
        ))
        codes.create(Grant(
            tenant=PEOPLE.name, app=app, session=session.sid, user=user, redirect_uri=_CALLBACK,
            scope="openid profile email", challenge=base64.urlsafe_b64encode(challenge).decode().rstrip("="),
            auth_time=moment, nonce="n",
        ))
    collection = database.db["codes"]
    rows = list(collection.find({}))
    collection.delete_many({})
    many = enumerate(islice(cycle(rows), number))
    collection.insert_many({**row, "_id": hash_of(code(place))} for place, row in many)


def _answers(database: Database, connection: Connection, number: int) -> Iterable[dict[str, str]]:
    """Begin sign-ins, and yield the form that answers each."""
    urls = Urls(Config.from_environment(os.environ).base_url, PEOPLE.name)
    moment = datetime.now(UTC)
    sign_ins = SignIns(database, lambda: moment + _LATER)
    usual = idp.Says(audience=urls.entity_id, acs_url=urls.acs, now=moment)
    for place in range(number):
        state, request = hashlib.sha256(f"state/{place}".encode()).hexdigest()[:43], f"_{place:032x}"
        sign_ins.begin(SignIn(
            tenant=PEOPLE.name, connection=connection.id, browser=hash_of("bench"), purpose={"kind": "page"},
            request=request,
        ), state)
        name = people.user_name(place % PEOPLE.users)
        says = replace(usual, request_id=request, name_id=name, assertion_id=f"_assertion-{place}")
        yield {"SAMLResponse": idp.encoded(idp.respond(says, how=idp.How(_signer()))), "RelayState": state}


def _signer() -> idp.Signer:
    return idp.signer("bench", starts=(datetime.now(UTC) - idp.NOW).days - 30)
