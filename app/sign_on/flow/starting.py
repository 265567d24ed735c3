"""The start of a sign-in: it is stored under a new state, and the browser is sent to the identity provider."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from app.sign_on.flow.parts import Parts, not_available, require_running, session_of
from app.sign_on.flow.refusing import Context, Refusing
from app.sign_on.flow.visit import CONSOLE, Answer, Redirect, SignedIn, Visit, new_browser
from app.sign_on.provider.app_request import AppRequest
from app.sign_on.reasons import Reason, SignOnRefused
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import hash_of
from app.store.sign_on.connection import OIDC, Connection
from app.store.sign_on.sign_ins import SignIn, new_state


@dataclass(frozen=True)
class Wish:
    """What a sign-in is for, and how it is to be done."""

    purpose: Mapping[str, Any] = field(default_factory=lambda: {"kind": "page"})
    """As it is stored with the sign-in."""
    force: bool = False
    """Whether the person must authenticate anew."""
    login_hint: str = ""
    unsolicited: bool = False


class Starting:
    """Starts sign-ins."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._refusing = Refusing(parts)

    def sign_on(self, visit: Visit, *, unsolicited: bool = False) -> Answer:
        """Answer a person who comes to sign in: with the app, the identity provider, or a page."""

        def work(context: Context) -> Answer:
            self._open(visit, context)
            session = session_of(self._parts, visit)
            if session is not None:
                return self._signed_in(context, session.user)
            known = unsolicited and visit.known_browser
            if known and self._parts.sign_ins.is_looping(visit.tenant, visit.browser_hash):
                raise SignOnRefused(Reason.EXPIRED, "A second response that no one asked for has come within a minute.")
            return self._start(visit, context, Wish(unsolicited=unsolicited))

        return self._refusing.answer(visit, work)

    def app(self, visit: Visit, request: AppRequest, wish: Wish) -> Answer:
        """Start a sign-in for the request of an app; `wish` says how."""
        purpose = {"kind": "app", "request": dict(request)}

        def work(context: Context) -> Answer:
            context.purpose = purpose
            self._open(visit, context)
            return self._start(visit, context, replace(wish, purpose=purpose))

        return self._refusing.answer(visit, work)

    def test(self, visit: Visit, ticket: str) -> Answer:
        """Start an operator's test of a connection, which may be off."""

        def work(context: Context) -> Answer:
            tenant = Tenants(self._parts.database).get(visit.tenant)
            taken = self._parts.tickets.take(visit.tenant, ticket)
            connection = self._parts.connections.get(visit.tenant, taken[1]) if taken else None
            if tenant is None or taken is None or connection is None:
                raise not_available()
            context.tenant, context.connection = tenant, connection
            require_running(tenant)
            return self._start(visit, context, Wish({"kind": "test", "ticket": taken[0]}))

        return self._refusing.answer(visit, work)

    def operator(self, visit: Visit, *, force: bool) -> Answer:
        """Start the sign-in of an operator of the console; `force` asks for one that is new."""

        def work(context: Context) -> Answer:
            context.purpose = {"kind": CONSOLE}
            self._open(visit, context)
            return self._start(visit, context, Wish(context.purpose, force=force))

        return self._refusing.answer(visit, work)

    def is_available(self, tenant: str) -> bool:
        """Return whether people can sign in to a tenant."""
        found, connection = Tenants(self._parts.database).get(tenant), self._parts.connections.on(tenant)
        return found is not None and connection is not None and not found.suspended

    def _open(self, visit: Visit, context: Context) -> None:
        context.tenant, context.connection = self._parts.open(visit.tenant)
        require_running(context.tenant)

    def _signed_in(self, context: Context, user_id: str) -> Answer:
        """Return the way to the app of a person who is signed in, or the page that says so."""
        tenant, connection = context.tenant, context.connection
        assert tenant is not None and connection is not None
        app = self._parts.app_of(tenant, connection)
        if app is not None:
            return Redirect(self._parts.urls(tenant.name).initiated(app.settings.initiate_login_uri))
        return SignedIn(tenant.name, self._parts.matching(tenant).require(user_id).name)

    def _start(self, visit: Visit, context: Context, wish: Wish) -> Redirect:
        """Store the sign-in and return the way to the identity provider; raises SignOnRefused, TooManyRequests."""
        assert context.connection is not None
        self._parts.limits.count_start(visit.address)
        self._parts.limits.count_start_of_tenant(visit.tenant)
        browser, state = visit.known_browser or new_browser(), new_state()
        sign_in = SignIn(
            tenant=visit.tenant, connection=context.connection.id, browser=hash_of(browser), purpose=wish.purpose,
            forced=wish.force, unsolicited=wish.unsolicited, request=f"_{secrets.token_hex(16)}",
            nonce=secrets.token_urlsafe(32), verifier=secrets.token_urlsafe(48),
        )
        url = self._request_url(context.connection, sign_in, state, wish.login_hint)
        self._parts.sign_ins.begin(sign_in, state)
        return Redirect(url, browser)

    def _request_url(self, connection: Connection, sign_in: SignIn, state: str, login_hint: str) -> str:
        if connection.kind == OIDC:
            from app.sign_on.oidc import sign_in as oidc  # read by the first who signs in so

            return oidc.request_url(self._parts, connection, sign_in, state, login_hint)
        from app.sign_on.flow import saml  # lxml takes 40 ms and 7 MB

        return saml.request_url(self._parts, connection, sign_in, state, login_hint)
