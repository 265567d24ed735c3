"""All operations, in the order in which they are measured."""

from __future__ import annotations

from bench import requests
from bench.peers import reads, writes
from bench.peers.operation import Operation
from bench.people import Population

KINDS: tuple[type[Operation], ...] = (
    reads.Find, reads.FindNobody, reads.Get, reads.Page, reads.GetGroup, writes.Create, writes.Disable,
    writes.DisableByText, writes.CreateGroup, writes.AddMember, writes.AddMembers, writes.Delete,
)
"""Reads come first, since their answers depend on how many users there are, and deletions last."""
NOT_BARE = (reads.GetGroup.name,)
"""What the bare app does not have."""
NAMES = tuple(kind.name for kind in KINDS)


def operations(of: Population, token: str) -> dict[str, Operation]:
    """Return the operations on a population; without a token, their requests are those of the bare app."""
    empties, teams = of.groups("empty", of.empties), of.groups("team", of.teams)
    sources = (
        requests.Find(of, token), requests.FindNobody(of, token), requests.Get(of, token), requests.Page(of, token),
        reads.EachGroup(of, token), requests.Post(of, token), writes.Switch(of, token), writes.SwitchByText(of, token),
        requests.CreateGroup(of, token), requests.AddMember(of, token, empties),
        requests.AddMember(of, token, teams, at_once=20), requests.Delete(of, token),
    )
    found = {kind.name: kind(source) for kind, source in zip(KINDS, sources, strict=True)}
    return found if token else {name: each for name, each in found.items() if name not in NOT_BARE}
