"""Gives people the roles that they have by now, with an event for each whose roles are others than before.

People are looked at in batches. Of each batch, roles and events are stored in one transaction with the progress of the
tenant's map: so a batch is done or not, whichever process is killed, and of two workers that look at the same people
only one stores what it found (D-431).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from app.roles.reckoning import roles_of
from app.schemas.resource_type import ResourceType
from app.schemas.tables.user import USER_TYPE
from app.store.directory.directory import Directory
from app.store.directory.given_roles import Roles, RolesChange, give_roles, given_roles
from app.store.log.event import Actor, Event
from app.store.log.outbox import Pending
from app.store.log.sequence import EventSequence
from app.store.mongo.database import Database, Session
from app.store.roles.progress import Progress, ProgressOfMaps
from app.store.roles.role_maps import Task

BATCH = 100
"""People that are looked at at a time. A write to one of them waits while their roles are stored (D-431)."""
OPERATION = "roles"
TYPE = f"scimd.{USER_TYPE.name.lower()}.roles_changed"


class Giving:
    """Gives roles to the people of one tenant."""

    def __init__(
        self, database: Database, directory: Directory, sequence: EventSequence, maps: ProgressOfMaps
    ) -> None:
        self._database = database
        self._directory = directory
        self._sequence = sequence
        self._maps = maps
        self.store = directory.resources(_user_type(directory))

    def give(
        self, progress: Progress, people: Sequence[str], at_least: int, *, place: int | None = None,
        tasks: Iterable[Task] | None = None,
    ) -> int:
        """Look at people, and store the place and the tasks with the last of them; return how many roles changed.

        What is read is not older than the event with the number `at_least`. Raises Deposed, Unavailable.
        """
        batches = [people[start : start + BATCH] for start in range(0, len(people), BATCH)] or [()]
        changed = 0
        for batch in batches[:-1]:
            changes = self._changes(progress, batch, at_least)
            progress, changed = self._store_all(progress, changes), changed + len(changes)
        changes = self._changes(progress, batches[-1], at_least)
        self._store_all(progress, changes, place=place, tasks=tasks)
        return changed + len(changes)

    def _changes(self, progress: Progress, people: Iterable[str], at_least: int) -> dict[str, RolesChange]:
        """Return how the roles of some people change, of those whose roles do."""
        with self._sequence.reading(at_least) as reading:
            given = given_roles(self.store, people, reading.session)
            roles = roles_of(self._directory, progress.map, given, reading.session) if given else {}
        return {
            person: RolesChange(before, roles[person], self._event(person, roles[person]))
            for person, before in given.items() if before != roles[person]
        }

    def _store_all(
        self, progress: Progress, changes: Mapping[str, RolesChange], *, place: int | None = None,
        tasks: Iterable[Task] | None = None,
    ) -> Progress:
        left = None if tasks is None else tuple(tasks)

        def work(session: Session) -> Progress:
            after = self._maps.advance(progress, place=place, tasks=left, session=session)
            if changes:
                give_roles(self.store, changes, session)
            return after

        if not changes:
            return work(None)
        after = self._database.transaction(work)
        self._database.wake()
        return after

    def _event(self, person: str, roles: Roles) -> Pending:
        event = Event(OPERATION, USER_TYPE.name, person, type=TYPE, roles=roles)
        return self._directory.events.pending(event, Actor())


def _user_type(directory: Directory) -> ResourceType:
    found = directory.catalogue.named(USER_TYPE.name)
    assert found is not None
    return found
