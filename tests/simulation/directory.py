"""The source: a Microsoft Entra tenant with its people and its groups, always the same one.

It has what makes provisioning hard: guests, umlauts, apostrophes, people without a phone, without a manager, without a
first name, a manager who comes after those he manages, groups of everybody and of nobody.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field, replace
from typing import Any

FIRST = ["Ada", "Bjørn", "Chloé", "Dmitri", "Eoin", "Fatima", "Grete", "Hâkan", "Inés", "Jürgen", "Karin", "Łukasz", "Mei"]
FIRST += ["Noor", "Óscar", "Priya", "Quentin", "Renée", "Søren", "Tomáš", "Ulrike", "Völkan", "Wanda", "Xiao", "Yara", "Zoë"]
LAST = ["O'Brien", "Müller", "D'Angelo", "Groß", "van der Berg", "Åkesson", "Núñez", "Smith-Jones", "Żak", "Öztürk", "李", "Petrov"]
CITIES = [("Köln", "NW", "50667", "DE"), ("Liège", "LG", "4000", "BE"), ("Redmond", "WA", "98052", "US")]
DEPARTMENTS = ["Forschung & Entwicklung", "Sales", "Legal", "Facilities / Köln", "R+D"]
DOMAIN = "contoso.com"


@dataclass
class Address:
    """A postal address; what is None is not filled in."""

    formatted: str | None = None
    street: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None


@dataclass
class Person:
    """A user of the source, with the names of Microsoft Graph; None and "" are both nothing."""

    object_id: str
    upn: str
    display_name: str
    given_name: str | None = None
    surname: str | None = None
    prefix: str | None = None
    suffix: str | None = None
    job_title: str | None = None
    mail: str | None = None
    other_mail: str | None = None
    language: str | None = None
    office: Address = field(default_factory=Address)
    home: Address = field(default_factory=Address)
    phone: str | None = None
    mobile: str | None = None
    fax: str | None = None
    employee_id: str | None = None
    department: str | None = None
    manager: str | None = None
    """The object id of the manager."""
    soft_deleted: bool = False
    cleared: dict[str, Any] = field(default_factory=dict)
    """What the source had and has no more, with its last value: Entra says nothing, so the server keeps it (quirk 28)."""

    def clear(self, name: str) -> None:
        """Take a value away in the source."""
        self.cleared[name] = getattr(self, name)
        setattr(self, name, None)

    @property
    def full_name(self) -> str | None:
        """What the mapping `Join(" ", [givenName], [surname])` gives."""
        return " ".join(part for part in (self.given_name, self.surname) if part) or None


@dataclass
class Team:
    """A group of the source."""

    object_id: str
    display_name: str
    members: list[str] = field(default_factory=list)


class Directory:
    """All people and groups, by their object ids, in the order in which they were made."""

    def __init__(self, people: int = 80, teams: int = 20) -> None:
        self._dice = random.Random(2026)
        self.people: dict[str, Person] = {}
        self.teams: dict[str, Team] = {}
        for number in range(people):
            self.hire(number)
        ids = list(self.people)
        for index, person in enumerate(self.people.values()):
            # Not always an earlier one: the manager may be created after those who report to him.
            person.manager = None if index % 20 == 0 else ids[(index * 7) % people]
        for number in range(teams):
            self.found(f"{'Team' if number % 3 else 'Abteilung für'} {LAST[number % len(LAST)]} #{number}")
        for number, team in enumerate(self.teams.values()):
            team.members = self._dice.sample(ids, [0, 1, 6, 12, 30][number % 5])

    def hire(self, number: int) -> Person:
        """Add a person: a guest, a person with nothing but a name, or one with everything."""
        dice = self._dice
        first, last = FIRST[number % len(FIRST)], LAST[number % len(LAST)]
        login = f"user{number}"
        person = Person(self._new_id(), f"{login}@{DOMAIN}", f"{first} {last}", first, last)
        if number % 10 == 3:
            person.upn = f"{login}_fabrikam.com#EXT#@contoso.onmicrosoft.com"
        if number % 10 == 7:
            person.upn = f"{first[0]}.O'{login}+x@{DOMAIN}"
        if number % 4:
            city, state, postal_code, country = CITIES[number % len(CITIES)]
            person = replace(
                person, mail=person.upn.replace("#EXT#", ""), job_title=f"Engineer {number}", language="de-DE",
                department=dice.choice(DEPARTMENTS), employee_id=str(10_000 + number), phone=f"+49 221 555-{number:04}",
                office=Address(f"Building {number % 9}", f"Straße {number}", city, state, postal_code, country),
            )
        if number % 6 == 5:
            person = replace(
                person, other_mail=f"{login}@example.org", mobile=f"0170/{number}", fax=f"+49 221 556-{number:04}",
                prefix="Dr.", suffix="MSc", home=Address(street="Rue d'Été 5", city="Liège", country="BE"),
            )
        if number % 8 == 2:
            person = replace(person, department="", office=Address(country="DE"), phone="")
        self.people[person.object_id] = person
        return person

    def hire_nameless(self, login: str) -> Person:
        """Add a service account: it has a display name and no first or last one."""
        person = Person(self._new_id(), f"{login}@{DOMAIN}", f"Service {login}")
        self.people[person.object_id] = person
        return person

    def found(self, display_name: str) -> Team:
        """Add a group without members."""
        team = Team(self._new_id(), display_name)
        self.teams[team.object_id] = team
        return team

    def purge(self, object_id: str) -> None:
        """Delete a person for good; nobody has that person as manager or member any more."""
        del self.people[object_id]
        for person in self.people.values():
            if person.manager == object_id:
                person.manager = None
        for team in self.teams.values():
            if object_id in team.members:
                team.members.remove(object_id)

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self._dice.getrandbits(128), version=4))
