"""Carries out the role maps: reads the numbered events, and gives roles to the people whom they concern.

Every worker does this. As long as no tenant has a map, a round is one lookup. A tenant's place and tasks are stored
with what they have led to, so that another worker goes on where one was killed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import islice

from app.errors import Gone
from app.roles.concerned import Concerned, types_of, without_repetition
from app.roles.giving import BATCH, Giving
from app.store.accounts.tenants import Tenant, Tenants
from app.store.directory.copying import MembershipPlace, ids_after, memberships_of
from app.store.directory.directory import Directory
from app.store.log.sequence import EventSequence, Scope
from app.store.mongo.database import Database, Session
from app.store.roles.progress import Deposed, Progress, ProgressOfMaps
from app.store.roles.role_maps import EVERYBODY, Task

MOST_STEPS = 100
"""Steps that a round takes for one tenant, before it looks at the others."""
MOST_TASKS = 1_000
"""Tasks of a tenant; if there are more, everybody is looked at instead."""
EVENTS = 50
"""Events that are read at a time."""
EVERY_TENANT = 600.0
"""Seconds after which the places of all tenants are looked at, so that those without events do not fall behind."""
Places = Mapping[str, tuple[int, bool]]


class Follower:
    """Carries out the maps, as one process does; `directory` opens the directory of a tenant."""

    def __init__(self, database: Database, directory: Callable[[Tenant], Directory]) -> None:
        self._database = database
        self._directory = directory
        self._tenants = Tenants(database)
        self._sequence = EventSequence(database)
        self._maps = ProgressOfMaps(database)
        self._news: dict[str, int] = {}
        """The number of the last event that is known, of each tenant with a map."""
        self._reached: int | None = None
        self._all_after = 0.0

    def round(self) -> int:
        """Carry out what is new, and return how many people have other roles; raises Unavailable.

        The next round, of whichever worker, goes on where this one stopped.
        """
        places = self._maps.places()
        if not places:
            self._reached = None
            return 0
        changed = 0
        for name in self._with_work(places):
            tenant = self._tenants.get(name)
            if tenant is not None and self._maps.claim(name):
                try:
                    changed += self._carry_on(tenant)
                finally:
                    self._maps.release(name)
        return changed

    def _with_work(self, places: Places) -> list[str]:
        """Return the tenants that have tasks, or events behind their places."""
        if time.monotonic() > self._all_after:
            self._reached, self._all_after = None, time.monotonic() + EVERY_TENANT
        news = self._sequence.news(self._reached)
        self._reached = news.published
        for name in places:
            last = news.published if news.tenants is None else news.tenants.get(name)
            if last is not None:
                self._news[name] = last
        return [name for name, (place, tasks) in places.items() if tasks or place < self._news.get(name, 0)]

    def _carry_on(self, tenant: Tenant) -> int:
        """Do some steps for a tenant; return how many people have other roles."""
        work = _Work(self._database, tenant, self._directory(tenant), self._sequence, self._maps)
        changed = 0
        for _ in range(MOST_STEPS):
            progress = self._maps.get(tenant.name)
            if progress is None:
                break
            try:
                if progress.place < self._news.get(tenant.name, 0):
                    changed += work.follow(progress)
                elif progress.tasks:
                    changed += work.go_on(progress)
                elif progress.is_done_for:
                    self._maps.remove(progress)
                else:
                    break
            except Deposed:  # a command has changed the map
                continue
        return changed


class _Work:
    """The steps for one tenant."""

    def __init__(
        self, database: Database, tenant: Tenant, directory: Directory, sequence: EventSequence, maps: ProgressOfMaps
    ) -> None:
        self._database = database
        self._scope = Scope(tenant.name, tenant.tenant_id)
        self._directory = directory
        self._sequence = sequence
        self._maps = maps
        self._giving = Giving(database, directory, sequence, maps)
        self._types = types_of(directory.catalogue)
        self._with_members = [each.name for each in directory.catalogue.types if each.members]

    def follow(self, progress: Progress) -> int:
        """Read the next events, give roles to the people whom they name, and note the groups that they concern."""
        concerned = Concerned()
        with self._sequence.reading() as reading:
            try:
                start = reading.start(progress.place)
            except Gone:  # what has happened is not known any more
                self._maps.advance(progress, place=reading.bounds.published, tasks=[Task(EVERYBODY)])
                return 0
            reach = reading.reach(start, self._scope)
            rows = reading.read(start, reach, self._scope, self._types, lambda found: list(islice(found, EVENTS)))
            for row in rows:
                concerned.add(row)
            groups = self._groups(concerned.members, reading.session)
        place = rows[-1]["seq"] if len(rows) == EVENTS else max(start, reach)
        tasks = _added(progress.tasks, without_repetition((*concerned.groups, *groups)))
        people = [each for each in concerned.members if each not in groups]
        return self._giving.give(progress, people, place, place=place, tasks=tasks)

    def go_on(self, progress: Progress) -> int:
        """Do the next part of the first task."""
        first, *rest = progress.tasks
        with self._sequence.reading(progress.place) as reading:
            if first.nested and first.group != EVERYBODY:
                groups = sorted(self._directory.memberships.groups_within([first.group], reading.session))
                parts = [Task(group, nested=False) for group in groups]
                self._maps.advance(progress, tasks=_limited([*parts, *rest]))
                return 0
            if first.group != EVERYBODY and not self._groups([first.group], reading.session):
                self._maps.advance(progress, tasks=_added(rest, [EVERYBODY]))  # its members may be gone already
                return 0
            people = self._people(first, reading.session)
        left = [replace(first, after=people[-1]), *rest] if len(people) == BATCH else rest
        return self._giving.give(progress, people, progress.place, tasks=left)

    def _people(self, task: Task, session: Session) -> list[str]:
        """Return the next people of a task, and perhaps groups among them."""
        if task.group == EVERYBODY:
            return ids_after(self._giving.store, task.after, BATCH, session)
        place = MembershipPlace(task.group, task.after)
        rows, _ = memberships_of(self._database, self._scope.tenant, place, BATCH, session)
        return [row["member"] for row in rows]

    def _groups(self, ids: Iterable[str], session: Session) -> set[str]:
        """Return those of the ids that are groups with their members: existing ones, and deleted ones that are kept."""
        ids = list(ids)
        exist = self._directory.identities.of(ids, self._with_members, session).keys()
        return exist | self._directory.deleted.kept(ids, session)


def _added(tasks: Iterable[Task], groups: Iterable[str]) -> list[Task]:
    """Return the tasks with those for more groups; one that has not begun is not added again."""
    found = list(tasks)
    waiting = {each.group for each in found if each.nested and not each.after}
    if EVERYBODY not in waiting:
        found += [Task(group) for group in groups if group not in waiting]
    return _limited(found)


def _limited(tasks: list[Task]) -> list[Task]:
    """Return the tasks or, if there are too many, one that does what they do."""
    if len(tasks) <= MOST_TASKS:
        return tasks
    begun = [each for each in tasks[:1] if each.group == EVERYBODY]
    return [*begun, Task(EVERYBODY)]
