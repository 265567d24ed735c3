"""The answer of the identity provider: verified, and turned into a user; then the browser is sent on to `finish`.

A response comes by a POST from another site, with which browsers send no cookies. With the GET that follows they do, so
`finish` is where the browser is compared with the one that began (D-311).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from app.auth.refusal import ago
from app.sign_on.checks import Checks
from app.sign_on.flow.form import read_form, read_query
from app.sign_on.flow.parts import Parts, not_available, require_browser, require_running
from app.sign_on.flow.refusing import Context, Refusing
from app.sign_on.flow.result import Result, values_of, vouched
from app.sign_on.flow.visit import Answer, Redirect, Visit
from app.sign_on.identity import Identity
from app.sign_on.matching import Rule, User, displaced
from app.sign_on.reasons import Reason, SignOnRefused
from app.store.accounts.tenants import Tenants
from app.store.sign_on.connection import Connection
from app.store.sign_on.links import Links
from app.store.sign_on.sign_ins import SignIn

Read = Callable[[Connection, SignIn, Checks], Identity]
"""Verifies an answer, and returns who it says has signed in; raises SignOnRefused."""


class Answering:
    """Takes the answers of identity providers."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._refusing = Refusing(parts)

    def saml(self, visit: Visit, body: bytes | None, *, is_form: bool) -> Answer:
        """Take a SAML response that a browser has posted; `body` is None if it is too long."""

        def work(context: Context) -> Answer:
            connections = self._open(visit, context)
            form = read_form(body, is_form=is_form)
            context.sign_in = self._parts.sign_ins.answer(visit.tenant, form.relay_state)
            if context.sign_in is None:
                return self._unexpected(visit, form.relay_state)

            def read(connection: Connection, sign_in: SignIn, checks: Checks) -> Identity:
                from app.sign_on.flow import saml  # lxml takes 40 ms and 7 MB

                return saml.identity(self._parts, connection, sign_in, form.response, checks)

            return self._answered(visit, context, form.relay_state, read, connections)

        return self._refusing.answer(visit, work)

    def oidc(self, visit: Visit, query: bytes) -> Answer:
        """Take the answer to an OpenID Connect request, the query that a browser comes back with.

        The browser brings its cookie along, so it is compared before anything is done with the code.
        """

        def work(context: Context) -> Answer:
            connections = self._open(visit, context)
            parameters = read_query(query)
            state = parameters.get("state", "")
            waiting = self._parts.sign_ins.get(visit.tenant, state)
            if waiting is not None:
                require_browser(visit, waiting)
                context.sign_in = self._parts.sign_ins.answer(visit.tenant, state)
            if context.sign_in is None:
                raise self._expired(visit, state)

            def read(connection: Connection, sign_in: SignIn, checks: Checks) -> Identity:
                from app.sign_on.oidc.sign_in import identity  # read by the first who signs in so

                return identity(self._parts, connection, sign_in, parameters, checks)

            return self._answered(visit, context, state, read, connections)

        return self._refusing.answer(visit, work)

    def _open(self, visit: Visit, context: Context) -> Sequence[Connection]:
        """Look for the tenant and return its connections, since one that is off may be tested."""
        tenant = Tenants(self._parts.database).get(visit.tenant)
        connections = self._parts.connections.of_tenant(visit.tenant)
        if tenant is None or not connections:
            raise not_available()
        context.tenant = tenant
        context.connection = next((each for each in connections if each.on), None)
        require_running(tenant)
        return connections

    def _unexpected(self, visit: Visit, state: str) -> Answer:
        """Refuse a second answer to one request, and send a response that nobody has asked for to the start."""
        if self._parts.sign_ins.started(visit.tenant, state) is not None:
            raise self._expired(visit, state)
        return Redirect(self._parts.urls(visit.tenant).unsolicited)

    def _expired(self, visit: Visit, state: str) -> SignOnRefused:
        started = self._parts.sign_ins.started(visit.tenant, state)
        age = f"was begun {ago(started, self._parts.clock())}" if started else "is not known"
        return SignOnRefused(Reason.EXPIRED, f"The sign-in does not wait for an answer; it {age}.")

    def _answered(
        self, visit: Visit, context: Context, state: str, read: Read, connections: Sequence[Connection]
    ) -> Answer:
        """Store what an answer has brought, and return the way to `finish`; raises SignOnRefused."""
        tenant, sign_in = context.tenant, context.sign_in
        assert tenant is not None and sign_in is not None
        connection = next((each for each in connections if each.id == sign_in.connection), None)
        is_test = sign_in.purpose["kind"] == "test"
        if connection is None or not (connection.on or is_test):
            raise not_available()
        context.connection, checks = connection, Checks()
        finish = Redirect(self._parts.urls(tenant.name).finish(state))
        if is_test:
            self._test(visit, context, read, checks)
            return finish
        identity = read(connection, sign_in, checks)
        user = self._find(context, identity)
        self._parts.sign_ins.store_result(sign_in, Result.of(user, identity).document())
        return finish

    def _find(self, context: Context, identity: Identity) -> User:
        """Return the user who signs in; raises SignOnRefused."""
        tenant, connection = context.tenant, context.connection
        assert tenant is not None and connection is not None
        matching = self._parts.matching(tenant)
        user = matching.find(Rule(connection.match_attribute, connection.match_source), identity)
        if connection.group:
            matching.require_group(user, connection.group)
        links = Links(self._parts.database, tenant.name, connection.id)
        displaced(matching, user, identity.subject, vouched(identity), links.of(identity.subject, user.id))
        return user

    def _test(self, visit: Visit, context: Context, read: Read, checks: Checks) -> None:
        """Store what the test of a connection has found: the checks, the user, and what came."""
        tenant, connection, sign_in = context.tenant, context.connection, context.sign_in
        assert tenant is not None and connection is not None and sign_in is not None
        outcome: dict[str, Any] = {"passed": False, "connection": connection.id, "values": []}
        try:
            identity = read(connection, sign_in, checks)
            outcome["values"] = values_of(identity)
            user = self._find(context, identity)
        except SignOnRefused as refusal:
            made = refusal.checks if len(refusal.checks) > len(checks.made) else (*checks.made, *refusal.checks)
            outcome |= {"reason": str(refusal.reason), "detail": refusal.detail}
            outcome["checks"] = [vars(check) for check in dict.fromkeys(made)]
            self._parts.record.refused(visit, tenant, refusal, sign_in, connection.id)
        else:
            outcome |= {"passed": True, "user": user.id, "name": user.name}
            outcome["checks"] = [vars(check) for check in checks.made]
            self._parts.connections.record_test(connection)
            self._parts.record.tested(visit, tenant, user, connection.id, checks.made)
        self._parts.tickets.report(tenant.name, sign_in.purpose["ticket"], outcome)
        self._parts.sign_ins.store_result(sign_in, outcome)
