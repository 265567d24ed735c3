"""Entra provisions people, and the same people sign in: from the first try to the deletion, and all of it is in one list."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.conftest import Server
from tests.processes import until
from tests.sign_on.apps import LogoutReceiver, running_receiver
from tests.sign_on.flow.world import Browser, World
from tests.sign_on.saml.idp import MS_CLAIMS
from tests.simulation.directory import Directory, Person
from tests.simulation.entra import Entra
from tests.simulation.mapping import Default

OID = f"{MS_CLAIMS}objectidentifier"
STAFF = "Staff"


class Story:
    """A customer: its people at Entra, the provisioning, and browsers."""

    def __init__(self, server: Server) -> None:
        self.source = Directory(people=6, teams=0)
        self.world = World(server, changes={"match_attribute": "externalId", "match_source": OID, "group": STAFF})
        self.staff = self.source.found(STAFF)
        self.entra = Entra(self.world.scim, self.world.token, Default(), 1)

    def comes(self, browser: Browser, person: Person) -> requests.Response:
        """Let a person sign in as Entra knows them."""
        return browser.sign_in(name_id=person.upn, attributes={OID: (person.object_id,)})

    def log_of(self, person: Person) -> list[tuple[str, str]]:
        """Return what an operator sees about a person: the operations, each with the reason of a refusal or an end."""
        shown = self.world.server.command("events", self.world.tenant, "--user", self.entra.users[person.object_id].id, "--json")
        return [reason_of(json.loads(line)) for line in shown.splitlines()]


def reason_of(event: dict[str, Any]) -> tuple[str, str]:
    """Return the operation of an event, and the first word of its detail if it is about a person who came or left."""
    about_people = event["operation"] in ("sign-on", "sign-off")
    return event["operation"], event.get("detail", "").partition(":")[0] if about_people else ""


@pytest.fixture
def story(live_server: Server) -> Iterator[Story]:
    one = Story(live_server)
    yield one
    one.entra.close()


@pytest.fixture
def receiver() -> Iterator[LogoutReceiver]:
    with running_receiver() as one:
        yield one


def test_sso_147_provisioning_and_sign_on_are_one_story_in_one_list(story: Story, receiver: LogoutReceiver) -> None:
    world, source, ann = story.world, story.source, next(iter(story.source.people.values()))
    browser = world.browser()
    assert story.comes(browser, ann).status_code == 403  # nothing was provisioned yet
    story.entra.cycle(source)
    assert story.comes(browser, ann).status_code == 403  # not in the group yet
    story.staff.members.append(ann.object_id)
    story.entra.cycle(source)
    assert story.comes(browser, ann).status_code == 303
    assert world.reasons() == ["not-provisioned", "not-in-group"]

    ann.upn, ann.surname = f"new.{ann.upn}", "Lindström"
    story.entra.cycle(source)
    assert browser.is_signed_in()  # the session is the user's, whatever they are called

    app = world.signed_in_to_app(receiver.url)
    user, sid = story.entra.users[ann.object_id].id, world.sessions()[0]["sid"]
    ann.soft_deleted = True
    story.entra.cycle(source)
    assert not browser.is_signed_in()
    until(lambda: receiver.tokens)
    keys = KeySet.import_key_set(requests.get(f"{world.server.url}/{world.tenant}/oauth/jwks", timeout=30).json())
    told = jwt.decode(receiver.tokens[0], keys, algorithms=["RS256"]).claims
    assert (told["aud"], told["sub"], told["sid"]) == (app, user, sid)
    until(lambda: ("logout-told", "") in story.log_of(ann))
    assert story.comes(browser, ann).status_code == 403
    assert story.log_of(ann) == [
        ("create", ""), ("sign-on", "not-in-group"), ("patch", ""), ("sign-on", ""), ("patch", ""), ("patch", ""),
        ("sign-off", "disabled"), ("logout-told", ""), ("sign-on", "inactive"),
    ]  # the patches: into the group, a new name, disabled

    source.purge(ann.object_id)
    story.entra.cycle(source)
    assert story.comes(world.browser(), ann).status_code == 403
    assert world.reasons()[-2:] == ["inactive", "deleted"]
    again = Person("9f9f9f9f-0000-4000-8000-000000000002", ann.upn, "Ann Again", "Ann", "Again")
    source.people[again.object_id] = again
    story.staff.members.append(again.object_id)
    story.entra.cycle(source)
    assert story.comes(browser, again).status_code == 303
    assert [row["user"] for row in world.sessions()] == [story.entra.users[again.object_id].id] != [user]
