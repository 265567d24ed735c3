"""The links that let a browser in: into the console once, or onto the setup pages of a tenant as often as wanted.

Mail scanners open links and press buttons before the person does, so a link that is sent by mail is valid until it
expires. What it allows is narrow instead. Both kinds are stored among the tickets, by the hash of their secret.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pymongo import ReturnDocument

from app.advice.wording import plural
from app.errors import Conflict, InvalidValue, NotFound
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import hash_of
from app.store.mongo.database import Database, Session
from app.store.mongo.moments import aware, now
from app.store.operators.acting import Acting
from app.store.operators.visits import CONSOLE, ID_LENGTH, SETUP, Visits
from app.store.sign_on.tickets import SPEC

CONSOLE_LIFETIME = timedelta(minutes=5)
LONGEST, SHORTEST = timedelta(days=30), timedelta(minutes=5)
MOST_OF_A_TENANT = 5
MOST_WRONG_CODES = 5
_ENDED = {"wrong": {"$gte": MOST_WRONG_CODES}}


@dataclass(frozen=True, kw_only=True)
class Link:
    """A link; `tenant`, `opened`, `last` and `code` are those of a setup link."""

    key: str
    """The hash of its secret."""
    use: str
    role: str
    who: str
    """Who comes in by it, or who made it."""
    expires: datetime
    tenant: str = ""
    opened: int = 0
    last: datetime | None = None
    code: str = ""
    """The hash of the code that is asked for, or ""."""
    wrong: int = 0
    """Wrong codes that were typed."""
    handover: bool = False
    """Whether an application of the vendor's sends a person on by it at once."""

    @property
    def last_visit(self) -> datetime | None:
        """When the visits that it opens end at the latest, None if that does not depend on it (D-505)."""
        return self.expires if self.use == SETUP and not self.handover else None

    @property
    def id(self) -> str:
        """What operators name it by."""
        return self.key[:ID_LENGTH]

    @property
    def visitor(self) -> str:
        """What a person who comes in by it is called in logs."""
        return f"setup link {self.id}" if self.use == SETUP else self.who

    @property
    def label(self) -> str:
        """What it allows."""
        return self.role

    @property
    def attempts(self) -> int:
        """How many wrong codes are left, of which the last one ends it."""
        return MOST_WRONG_CODES - self.wrong


class WrongCode(InvalidValue):
    """A code is not that of a link, or is not `counted` since it is not eight digits."""

    def __init__(self, link: Link, *, counted: bool) -> None:
        left = f": {plural(link.attempts, 'attempt')} left." if link.attempts else ", which has ended with it."
        wrong = f"This is not the code that belongs to the link{left}"
        super().__init__(wrong if counted else "A code has eight digits; this was not counted.")
        self.link = link
        self.counted = counted


class Links:
    """The links of the console and of all tenants; `clock` returns the time."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._collection = database.db[SPEC.name]
        self._tenants, self._visits = Tenants(database), Visits(database)
        self._clock = clock

    def make_console(self, role: str, who: str, lifetime: timedelta = CONSOLE_LIFETIME) -> str:
        """Store a link into the console and return its secret."""
        return self._insert(CONSOLE, lifetime, None, tenant="", role=role, who=who)

    def make_setup(
        self, tenant: str, role: str, who: str, lifetime: timedelta, *, coded: bool = False, handover: bool = False,
        session: Session = None,
    ) -> tuple[str, str]:
        """Store a link to a tenant's setup pages, and return its secret, and its code or ""."""
        code = f"{secrets.randbelow(10**8):08}" if coded else ""
        also = ({"code": hash_of(code)} if code else {}) | ({"handover": True} if handover else {})
        return self._insert(SETUP, lifetime, session, tenant=tenant, role=role, who=who, **also), code

    def check_room(self, tenant: str, session: Session = None) -> None:
        """Check that a tenant may have another setup link; raises Conflict."""
        if len(self.of_tenant(tenant, session=session)) >= MOST_OF_A_TENANT:
            raise Conflict(
                f"{tenant} has {MOST_OF_A_TENANT} setup links already, the most that it can have; revoke one first: "
                f"scimd setup list {tenant}"
            )

    def get(self, secret: str, use: str, session: Session = None) -> Link | None:
        """Return the link with this secret if it is valid, and its tenant is not deleted."""
        document = self._collection.find_one({"_id": hash_of(secret), **self._valid(use)}, session=session)
        gone = document and document["tenant"] and self._tenants.get(document["tenant"], session) is None
        return _link(document) if document and not gone else None

    def enter(self, secret: str, use: str, code: str = "") -> Link | None:
        """Use a link: one into the console up, one to the setup pages once more. Return it, or None if it is not valid.

        What people write between the digits of a code does not count. Raises WrongCode; the fifth one ends the link.
        """
        moment = self._clock()
        valid: dict[str, Any] = {"_id": hash_of(secret), **self._valid(use)}
        if use == CONSOLE:
            document = self._collection.find_one_and_update(valid, {"$set": {"used": moment}})
            return _link(document) if document else None
        if self.get(secret, use) is None:
            return None
        digits = "".join(each for each in code if each.isalnum())
        right = {"code": {"$in": [None, hash_of(digits)]}}
        document = self._collection.find_one_and_update(
            valid | right, {"$inc": {"opened": 1}, "$set": {"last": moment}}
        )
        if document is None:
            self._count_wrong(valid, digits)
        return _link(document) if document else None

    def _count_wrong(self, valid: dict[str, Any], digits: str) -> None:
        """Count a wrong code for a link that is valid; raises WrongCode."""
        counted = re.fullmatch("[0-9]{8}", digits) is not None
        document = self._collection.find_one_and_update(
            valid, {"$inc": {"wrong": int(counted)}}, return_document=ReturnDocument.AFTER
        )
        if document:
            link = _link(document)
            if not link.attempts:
                self._visits.end(link=link.id)
            raise WrongCode(link, counted=counted)

    def has_ended(self, secret: str) -> bool:
        """Return whether there is a setup link with this secret that ended by wrong codes."""
        return self._collection.find_one({"_id": hash_of(secret), **self._valid(SETUP), **_ENDED}) is not None

    def of_tenant(self, tenant: str, *, ended: bool = False, session: Session = None) -> list[Link]:
        """Return the valid setup links of a tenant, those that expire first at the beginning.

        With `ended`, those that wrong codes have ended instead, until they would have expired.
        """
        query = {"tenant": tenant, **self._valid(SETUP), **(_ENDED if ended else {})}
        return [_link(row) for row in self._collection.find(query, session=session).sort("expires")]

    def revoke(self, link_id: str, session: Session = None, *, tenant: str = "") -> Link:
        """Revoke a setup link and return it; raises NotFound, also for one of another tenant."""
        if len(link_id) == ID_LENGTH:
            prefix = {"$gte": link_id, "$lt": f"{link_id}g"}
            revoked = {"$set": {"revoked": self._clock()}}
            query = {"_id": prefix, **({"tenant": tenant} if tenant else {}), **self._valid(SETUP)}
            document = self._collection.find_one_and_update(query, revoked, session=session)
            if document:
                return _link(document)
        raise NotFound(f"There is no setup link {link_id}.")

    def _valid(self, use: str) -> dict[str, Any]:
        unused = {"used": {"$exists": False}, "revoked": {"$exists": False}}
        return {"use": use, "expires": {"$gt": self._clock()}, "wrong": {"$not": {"$gte": MOST_WRONG_CODES}}, **unused}

    def _insert(self, use: str, lifetime: timedelta, session: Session, **parts: Any) -> str:
        secret = secrets.token_urlsafe(24)
        document = {"_id": hash_of(secret), "use": use, "expires": self._clock() + lifetime, **parts}
        self._collection.insert_one(document, session=session)
        return secret


class Made(NamedTuple):
    """A setup link that was just made."""

    secret: str
    code: str
    """The digits that are asked for, or ""."""
    link: Link


class LinkActs:
    """What an operator does to setup links; every act is recorded."""

    def __init__(self, database: Database, acting: Acting) -> None:
        self._acting = acting
        self._links = Links(database)
        self._visits = Visits(database)

    def make(
        self, tenant: str, role: str, lifetime: timedelta, *, coded: bool = False, handover: bool = False
    ) -> Made:
        """Make a link to a tenant's setup pages and return it; raises Conflict if the tenant has too many."""
        who = self._acting.operator.who

        def work(session: Session) -> tuple[Link, Made]:
            secret, code = self._links.make_setup(
                tenant, role, who, lifetime, coded=coded, handover=handover, session=session
            )
            link = self._links.get(secret, SETUP, session)
            assert link is not None
            return link, Made(secret, code, link)

        return self._acting.change("setup link", work, tenant=tenant, check=self._links.check_room)

    def revoke(self, link_id: str, tenant: str = "") -> Link:
        """Revoke a link, end the visits that it has opened, and return it; raises NotFound."""

        def work(session: Session) -> tuple[Link, Link]:
            revoked = self._links.revoke(link_id, session, tenant=tenant)
            return revoked, revoked

        revoked = self._acting.change("setup revoke", work, tenant=tenant, object_=link_id)
        self._visits.end(link=revoked.id)
        return revoked


def _link(document: dict[str, Any]) -> Link:
    return Link(
        key=document["_id"], use=document["use"], role=document["role"], who=document["who"],
        expires=aware(document["expires"]), tenant=document["tenant"], opened=document.get("opened", 0),
        last=aware(document["last"]) if document.get("last") else None, code=document.get("code", ""),
        wrong=document.get("wrong", 0), handover=document.get("handover", False),
    )
