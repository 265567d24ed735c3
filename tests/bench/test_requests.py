"""What the measurements ask for: never the same change twice, and the same thing of both sides."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from bench import people, sign_on
from bench.loading import memberships
from bench.people import Population
from bench.requests import (
    BLOCKS,
    CONNECTIONS,
    AddMember,
    CreateGroup,
    Delete,
    Disable,
    Find,
    FindNobody,
    Get,
    Grow,
    Post,
)

PEOPLE = Population("t", users=400, circles=4, tens=10, empties=16, leaving=40, crowds=(600,))


def read(request: bytes) -> tuple[str, Any]:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    if body:
        assert f"Content-Length: {len(body)}" in lines
    return lines[0], json.loads(body) if body else None


def added(source: Any, connection: int, turn: int) -> list[tuple[str, str]]:
    line, body = read(source(connection, turn))
    group = line.split()[1].split("/")[5 if source.token else 2]
    ids = [member["value"] for member in body["Operations"][0]["value"]] if source.token else body
    return [(group, member) for member in ids]


@pytest.mark.parametrize("token", ["", "secret"])
def test_a_member_is_added_once(token: str) -> None:
    source = AddMember(PEOPLE, token, PEOPLE.groups("ten", 10))
    stored = {(group, member) for group, member, _ in memberships(PEOPLE)}
    pairs = [pair for c in range(CONNECTIONS) for turn in range(200) for pair in added(source, c, turn)]
    assert len(set(pairs)) == len(pairs) == 1_600
    assert not stored & set(pairs)


@pytest.mark.parametrize("token", ["", "secret"])
def test_twenty_members_are_added_at_once_and_each_once(token: str) -> None:
    source = AddMember(PEOPLE, token, PEOPLE.groups("team", 100), at_once=20)
    pairs = [pair for c in range(CONNECTIONS) for turn in range(100) for pair in added(source, c, turn)]
    assert len(set(pairs)) == len(pairs) == CONNECTIONS * 100 * 20


def test_one_connection_adds_to_a_crowd_who_is_not_in_it() -> None:
    crowd = PEOPLE.group_id("crowd", 0)
    stored = {member for group, member, _ in memberships(PEOPLE) if group == crowd}
    source = AddMember(PEOPLE, "secret", (crowd,))
    new = [member for turn in range(PEOPLE.users // 2 // CONNECTIONS) for _, member in added(source, 0, turn)]
    assert len(stored) == 600
    assert len(set(new)) == len(new) and not stored & set(new)


@pytest.mark.parametrize("token", ["", "secret"])
def test_a_group_grows_to_two_thousand_and_the_next_one_follows(token: str) -> None:
    source = Grow(PEOPLE, token, PEOPLE.groups("empty", 16))
    pairs = [pair for c in range(CONNECTIONS) for turn in range(2 * BLOCKS) for pair in added(source, c, turn)]
    assert len(set(pairs)) == len(pairs)
    assert Counter(group for group, _ in pairs) == dict.fromkeys(PEOPLE.groups("empty", 16), 2_000)


def test_a_user_is_created_once() -> None:
    names = [read(Post(PEOPLE, "")(c, turn))[1]["userName"] for c in range(CONNECTIONS) for turn in range(50)]
    assert len(set(names)) == len(names)


def test_a_group_is_created_once() -> None:
    names = [read(CreateGroup(PEOPLE, "")(c, turn))[1]["displayName"] for c in range(CONNECTIONS) for turn in range(50)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("kind", [Disable, Delete])
@pytest.mark.parametrize("token", ["", "secret"])
def test_a_user_leaves_once(kind: type[Disable | Delete], token: str) -> None:
    turns = -(-len(PEOPLE.leavers) // CONNECTIONS)
    lines = {read(kind(PEOPLE, token)(c, turn))[0] for c in range(CONNECTIONS) for turn in range(turns)
             if turn * CONNECTIONS + c < len(PEOPLE.leavers)}
    assert {line.split()[1].rpartition("/")[2] for line in lines} == {PEOPLE.user_id(n) for n in PEOPLE.leavers}
    with pytest.raises(RuntimeError, match="have left"):
        kind(PEOPLE, token)(0, turns)


def test_nobody_has_the_name_that_is_not_found() -> None:
    sent = {read(FindNobody(PEOPLE, "")(c, turn))[0].partition("userName=")[2].split()[0] for c in range(CONNECTIONS) for turn in range(50)}
    taken = {quote(people.user_name(number), safe="") for number in range(PEOPLE.users)}
    assert len(sent) == CONNECTIONS * 50 and not sent & taken


def test_both_sides_are_asked_for_the_same_person() -> None:
    for source in (Get, Find):
        for turn in range(20):
            ours, theirs = (read(source(PEOPLE, token)(1, turn))[0] for token in ("secret", ""))
            assert ours.split()[1].startswith("/t/scim/v2/Users")
            assert theirs.split()[1].startswith("/users")
            wanted = theirs.split()[1].removeprefix("/users").lstrip("/").removeprefix("?userName=")
            assert wanted in ours


def test_sso_149_a_code_and_a_response_are_used_once(tmp_path: Path) -> None:
    turns = [(connection, turn) for connection in range(CONNECTIONS) for turn in range(20)]
    exchange = sign_on.Exchange(PEOPLE, "", "app_1", "secret")
    sent = {exchange(*each).rpartition(b"&code=")[2][:75] for each in turns}
    assert len(sent) == len(turns)
    file = tmp_path / "responses"
    file.write_text("".join(f'{{"SAMLResponse": "{number}"}}\n' for number in range(len(turns))))
    answer = sign_on.Answer(PEOPLE, "", str(file))
    requests = [answer(*each) for each in turns]
    head, _, body = requests[0].partition(b"\r\n\r\n")
    assert (f"Content-Length: {len(body)}" in head.decode(), body) == (True, b"SAMLResponse=0")
    assert len(set(requests)) == len(turns)


def test_users_of_different_scenarios_are_different() -> None:
    names = [{read(source(0, turn))[1]["userName"] for turn in range(50)} for source in (Post(PEOPLE, ""), Post(PEOPLE, "", 20_000_000))]
    assert not names[0] & names[1]


def test_nobody_joins_a_group_who_is_deleted_later() -> None:
    of = Population("somewhere", users=100, leaving=25)
    leavers, joiners = {of.user_id(number) for number in of.leavers}, [of.joiner(number) for number in range(150)]
    assert len(leavers) == 25 and not {*of.leavers} & ({*of.alone} | {*of.connected})
    assert {*joiners} == {of.user_id(number) for number in range(100)} - leavers
    assert joiners[75:] == joiners[:75]
