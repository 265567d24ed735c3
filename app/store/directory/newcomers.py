"""Resources that were named as members before they existed: their memberships get a type when they come into being."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial

from app.errors import Unavailable, describe
from app.schemas.meta import now
from app.store.directory.identities import Identities
from app.store.directory.member_groups import MemberGroups
from app.store.directory.resources import Resources
from app.store.log.changes import Change, Kind
from app.store.mongo.database import Database, Session

log = logging.getLogger("scimd")


class Newcomers:
    """The newcomers of one tenant."""

    def __init__(
        self, database: Database, groups: MemberGroups, identities: Identities, resources: Mapping[str, Resources]
    ) -> None:
        self._database = database
        self._groups = groups
        self._identities = identities
        of_types = [(store, store.type.members) for store in resources.values()]
        self._with_members = [store for store, members in of_types if members]
        self._kinds = sorted({kind for _, members in of_types if members for kind in members.references})

    def settle(self, change: Change) -> None:
        """Look again, after a change is stored, at members that were not there, and at who has named what is back.

        The transaction that adds a member and the one in which it comes into being do not see each other, and both
        succeed. Whichever is second sees the other one here (D-680).
        """
        ids = [change.resource["id"]] if change.kind is Kind.RESTORED else change.unknown
        if not ids:
            return
        try:
            self._database.transaction(partial(self.arrive, ids, time=now()))
        except Unavailable as error:  # the change is stored all the same
            log.warning("members that have come into being meanwhile may be shown without a type: %s", describe(error))

    def arrive(self, ids: Iterable[str], session: Session, time: datetime | None = None) -> None:
        """Give the memberships of those ids that are resources their type, and a new version to their groups.

        Without a time, the dates of the groups stay the same.
        """
        kinds = defaultdict[str, list[str]](list)
        for member, identity in self._identities.of(ids, self._kinds, session).items():
            kinds[identity.resource_type.name].append(member)
        for kind, members in kinds.items():
            if groups := self._groups.arrive(members, kind, session):
                self.touch(groups, time, session)

    def touch(self, groups: list[str], time: datetime | None, session: Session) -> None:
        """Give groups, of whatever type, a new version."""
        for store in self._with_members:
            store.touch_all(groups, time, session)
