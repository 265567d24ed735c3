"""The end of a sign-in: the browser comes with its cookies, the user is read once more, and the session is made."""

from __future__ import annotations

from app.sign_on.endings import IDP, OPERATOR, PERSON
from app.sign_on.flow.parts import Parts, not_available, require_browser, require_running, session_of
from app.sign_on.flow.refusing import Context, Refusing
from app.sign_on.flow.result import Result
from app.sign_on.flow.visit import CONSOLE, Answer, Redirect, SignOut, Tested, Visit
from app.sign_on.matching import Matching, NotLetIn, User, displaced
from app.sign_on.reasons import Reason, SignOnRefused
from app.store.accounts.tenants import Tenant, Tenants
from app.store.log.event import Actor
from app.store.sign_on.connection import Connection
from app.store.sign_on.links import Link, Links
from app.store.sign_on.logouts import End, end_sessions
from app.store.sign_on.sessions import Session

REPLACED = "replaced"
"""Why a session ended: somebody else has signed in with the browser."""
_TRIES = 5
"""How often a link is looked at, where others write it at the same moment."""


class Finishing:
    """Finishes sign-ins, and ends sessions."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._refusing = Refusing(parts)

    def finish(self, visit: Visit, state: str) -> Answer:
        """Sign in the person whose sign-in has been answered, and send the browser on."""

        def work(context: Context) -> Answer:
            context.tenant = Tenants(self._parts.database).get(visit.tenant)
            sign_in = context.sign_in = self._parts.sign_ins.answered(visit.tenant, state)
            # For an unknown tenant the same is read, so that the time does not tell which tenants exist.
            available = sign_in is not None or self._parts.connections.on(visit.tenant) is not None
            if context.tenant is None or not available:
                raise not_available()
            require_running(context.tenant)
            if sign_in is None:
                raise SignOnRefused(Reason.EXPIRED, "The sign-in has no answer, was finished already, or is too old.")
            require_browser(visit, sign_in)
            context.connection = self._parts.connections.get(visit.tenant, sign_in.connection)
            if not self._parts.sign_ins.finish(sign_in):
                raise SignOnRefused(Reason.EXPIRED, "Another request has finished this sign-in at the same moment.")
            if sign_in.purpose["kind"] == "test":
                return Tested(sign_in.result or {})
            return self._signed_in(visit, context)

        return self._refusing.answer(visit, work)

    def out(self, visit: Visit) -> Answer:
        """Return the page that asks whether to sign out."""

        def work(context: Context) -> Answer:
            context.tenant, context.connection = self._parts.open(visit.tenant)
            return SignOut(visit.tenant, session_of(self._parts, visit) is not None)

        return self._refusing.answer(visit, work)

    def sign_out(self, visit: Visit) -> Answer:
        """End the session of a browser, and return the way to the page that says so."""

        def work(context: Context) -> Answer:
            context.tenant, context.connection = self._parts.open(visit.tenant)
            session = session_of(self._parts, visit)
            if session is not None:
                self._end(visit, context.tenant, session, PERSON)
            return Redirect(self._parts.urls(visit.tenant).out)

        return self._refusing.answer(visit, work)

    def saml_logout(self, visit: Visit, query: str) -> Answer:
        """End sessions because an identity provider says by SAML that the person has signed out there."""

        def work(context: Context) -> Answer:
            context.tenant, context.connection = self._parts.open(visit.tenant)
            if context.connection.saml is None:
                raise not_available()
            from app.sign_on.flow import saml  # lxml takes 40 ms and 7 MB

            end = End(IDP, self._parts.directory(context.tenant).events, Actor(request_id=visit.request_id))
            url = saml.end_by_identity_provider(self._parts, context.connection, query, end)
            return Redirect(url) if url else SignOut(visit.tenant, is_signed_in=False)

        return self._refusing.answer(visit, work)

    def _signed_in(self, visit: Visit, context: Context) -> Answer:
        """Make the session, and return the way to the app; raises SignOnRefused."""
        tenant, connection, sign_in = context.tenant, context.connection, context.sign_in
        assert tenant is not None and sign_in is not None and sign_in.result is not None
        if connection is None or not connection.on:
            raise not_available()
        result, matching = Result.from_document(sign_in.result), self._parts.matching(tenant)
        user = matching.require(result.user)
        if connection.group:
            matching.require_group(user, connection.group)
        if result.subject:
            pin(Links(self._parts.database, tenant.name, connection.id), matching, user, result)
        cookie, session = self._session(visit, tenant, connection, result)
        now_on = self._parts.connections.get(tenant.name, connection.id)
        if now_on is None or not now_on.on:  # turned off meanwhile, which has ended the sessions that there were
            self._end(visit, tenant, session, OPERATOR)
            raise not_available()
        urls, purpose = self._parts.urls(tenant.name), sign_in.purpose
        self._parts.record.done(visit, tenant, user, session, purpose.get("request", {}).get("app", ""))
        self._parts.connections.record_sign_in(connection, self._parts.base)
        seconds = (self._parts.clock() - sign_in.started).total_seconds()
        self._parts.hooks.signed_on(tenant.name, connection.kind, "done", seconds)
        if purpose["kind"] == "app":
            url = self._parts.hooks.answer(purpose["request"], session.sid, visit.request_id) or urls.sign_on
        elif purpose["kind"] == CONSOLE:
            url = f"{self._parts.base}/console/signed-on"
        else:
            app = self._parts.app_of(tenant, connection)
            url = urls.initiated(app.settings.initiate_login_uri) if app else urls.sign_on
        return Redirect(url, session=cookie)

    def _end(self, visit: Visit, tenant: Tenant, session: Session, reason: str) -> None:
        log = self._parts.directory(tenant).events
        end = End(reason, log, Actor(request_id=visit.request_id))
        end_sessions(self._parts.database, tenant.name, {"sid": session.sid}, end)

    def _session(self, visit: Visit, tenant: Tenant, connection: Connection, result: Result) -> tuple[str, Session]:
        """Return a new cookie and its session: the person's own goes on, that of somebody else ends."""
        now = self._parts.clock()
        until = min(now + self._parts.lifetime, result.session_ends or now + self._parts.lifetime)
        if until <= now:
            raise SignOnRefused(Reason.TOO_LATE, "The session at the identity provider has ended.")
        before = session_of(self._parts, visit)
        session = Session(
            tenant=visit.tenant, user=result.user, connection=connection.id, auth_time=result.auth_time, expires=until,
            subject=result.subject, name_id=result.name_id, session_index=result.session_index, acr=result.acr,
            amr=result.amr, address=visit.address, group=connection.group, undated=result.undated,
        )
        if before is not None and before.user == result.user:
            return self._parts.sessions.renew(visit.session, session)
        if before is not None:
            self._end(visit, tenant, before, REPLACED)
        return self._parts.sessions.open(session)


def pin(links: Links, matching: Matching, user: User, result: Result) -> None:
    """Write down the subject of a user; raises SignOnRefused if one of them belongs to another."""
    for _ in range(_TRIES):
        known = links.of(result.subject, user.id)
        stale = displaced(matching, user, result.subject, result.vouched, known)
        if links.pin(Link(result.subject, user.id), stale):
            return
    raise NotLetIn(Reason.LINKED_ELSEWHERE, "Others sign in with the same subject at the same moment.", user_id=user.id)
