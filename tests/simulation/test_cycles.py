"""Whole provisioning cycles of a simulated Entra over HTTP, and the state in MongoDB after each of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.entra.tenancy import database_of, new_tenant
from tests.simulation.directory import Address, Directory
from tests.simulation.entra import Entra
from tests.simulation.mapping import Default, Flag
from tests.simulation.state import differences

NAMELESS = ("backup", "scanner")


class Run:
    """One source, one tenant, one service."""

    def __init__(self, server: Any, profile: str, dialect: Default, batch: int) -> None:
        self.where = new_tenant(server, profile)
        self.tenant = self.where[0].split("/")[-3]
        self.database = database_of(server).db
        self.source = Directory()
        self.entra = Entra(*self.where, dialect, batch)

    def cycle(self) -> None:
        """Run one cycle and compare the state with the source."""
        self.entra.cycle(self.source)
        self.compare()

    def compare(self) -> None:
        """Fail with what differs."""
        found = list(differences(self.database, self.tenant, self.source, self.entra))
        assert not found, "\n".join(found[:20])

    def versions(self) -> dict[str, Any]:
        """Return the version and the time of the last change of everything."""
        rows = [*self.database["users"].find({"tenant": self.tenant}), *self.database["groups"].find({"tenant": self.tenant})]
        return {row["_id"]: (row["meta"]["version"], row["meta"]["lastModified"]) for row in rows}


PAIRS = [
    pytest.param(("gallery", Default(), 1), id="gallery-default-one-member"),
    pytest.param(("entra", Flag(), 100), id="entra-flag-many-members", marks=pytest.mark.long),
    pytest.param(("gallery", Flag(), 100), id="gallery-flag-many-members", marks=pytest.mark.long),
    pytest.param(("entra", Default(), 1), id="entra-default-one-member", marks=pytest.mark.long),
]


@pytest.fixture
def run(live_server: Any, request: pytest.FixtureRequest) -> Iterator[Run]:
    """Yield a run that is closed afterwards."""
    one = Run(live_server, *request.param)
    yield one
    one.entra.close()


@pytest.mark.parametrize("run", PAIRS, indirect=True)
def test_cycles(run: Run) -> None:
    """An initial cycle, changes, a restore and a purge; then a restart that finds nothing to do."""
    source, people, teams = run.source, list(run.source.people.values()), list(run.source.teams.values())
    assert (len(people), len(teams)) == (80, 20)
    run.cycle()
    assert len(run.entra.users) == 80 and not run.entra.escrow
    assert sum(known.manager is not None for known in run.entra.users.values()) == 76

    quiet = run.versions(), run.entra.requests.copy()
    run.cycle()
    assert run.versions() == quiet[0], "a cycle without changes has changed something"
    assert run.entra.requests - quiet[1] == {"GET": 2}, "a cycle without changes asks for nothing but the probes"

    change_a_week(source)
    leavers, joiner, nameless = people[60:66], source.hire(1_000), [source.hire_nameless(login) for login in NAMELESS]
    for person in leavers:
        person.soft_deleted = True
    teams[3].members.append(joiner.object_id)
    run.cycle()
    # What the gallery app requires and the source does not have: refused, and tried again in each cycle.
    refused = {person.object_id for person in nameless} if "gallery" in profile_of(run) else set()
    assert run.entra.escrow == refused
    for person in leavers:
        assert run.entra.users[person.object_id].values["active"] is False

    ids = {person.object_id: run.entra.users[person.object_id].id for person in leavers}
    for person in leavers[:3]:
        person.soft_deleted, person.job_title = False, "Back again"
    for person in leavers[3:]:
        source.purge(person.object_id)
    run.cycle()
    assert all(run.entra.users[person.object_id].id == ids[person.object_id] for person in leavers[:3])

    # Hired again after the purge: the old userName, another object.
    again = leavers[5]
    old_id = ids[again.object_id]
    again.object_id, again.soft_deleted, again.manager = "9f9f9f9f-0000-4000-8000-000000000001", False, people[1].object_id
    source.people[again.object_id] = again
    run.cycle()
    assert run.entra.users[again.object_id].id != old_id

    versions = run.versions()
    restart = Entra(*run.where, run.entra.dialect, run.entra.batch)
    restart.cycle(source)
    restart.close()
    assert run.versions() == versions, "a restart without changes has changed something"
    assert restart.requests["POST"] == len(refused)
    assert {known.id for known in restart.users.values()} == {known.id for known in run.entra.users.values()}
    run.compare()


def profile_of(run: Run) -> str:
    """Return the profile of the tenant."""
    return str(run.database["tenants"].find_one({"_id": run.tenant})["profile"])


def change_a_week(source: Directory) -> None:
    """Change what changes in a week: people move, marry, get phones and other managers; teams change."""
    people, teams = list(source.people.values()), list(source.teams.values())
    for person in people[:20]:
        person.job_title, person.mobile = "Principal", "+49 170 1"
        person.office = Address("Campus", "Neue Straße 1", "Düsseldorf", "NW", "40210", "DE")
    for person in people[20:25]:
        person.surname, person.upn = "Lindström-O'Neill", "new." + person.upn
        person.display_name = f"{person.given_name} {person.surname}"
    for person in people[25:30]:
        person.employee_id, person.department = "E" + person.object_id[:4], "M&A"
        person.home = Address("Flat 3", "Singel 2", "Amsterdam", "NH", "1012", "NL")
        person.suffix, person.language, person.fax = "PhD", "nl-NL", "1"
    for person in people[30:40]:
        person.manager = people[79].object_id
    for person in people[41:44]:
        person.manager = None
    for person in people[45:49]:
        for name in ("job_title", "phone", "department", "mobile"):
            if getattr(person, name):
                person.clear(name)
    for team in teams[4:8]:
        team.members = [person.object_id for person in people[50:70]]
    teams[9].members = []
    teams[10].display_name, teams[11].display_name = teams[10].display_name.upper(), "Umbenannt: Köln & Bonn"
    del source.teams[teams[12].object_id]
    source.found("Neu gegründet").members = [person.object_id for person in people[::9]]
