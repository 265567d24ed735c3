"""The comparison of a large tenant with a small one: each request gets a good response, and a chart shows its cost."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bench import __main__ as command
from bench.charts.__main__ import charts
from bench.charts.measured import read
from bench.scale import SMALL, RemoveMember, large


@pytest.mark.long
def test_each_request_of_the_scale_is_answered_and_drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "scale.json"
    monkeypatch.setattr(sys, "argv", ["bench", "--scale", "--users", "2000", "--seconds", "0.2", "--json", str(file)])
    assert command.main() in (0, 1), "a goal may be missed with so few requests, on a busy machine"
    document = json.loads(file.read_text())
    assert document["users"] == 2_000
    filled, *results = document["results"]
    assert filled["goal"] == "<= 15 min"
    assert filled["seconds"] > 0
    assert [each["scenario"] for each in results] == [
        "find by userName", "find by externalId", "find by work e-mail", "get", "add a member", "remove a member",
        "page by cursor", "page by index", "displayName sw", "meta.lastModified gt",
    ]
    for result in results:
        assert result["goal"] == "cost <= 1.30x"
        for side in result["sides"]:
            assert side["failure"] == "", (result["scenario"], side)
            assert side["requests"] > 0
            assert set(side["statuses"]) <= {"200", "204"}
    [growth] = charts(read(tmp_path))
    assert [row[0] for row in growth.table[1:]] == [each["scenario"] for each in results]
    assert growth.table[1][1] == "2,000 users"
    assert growth.table[-4][1:4:2] == ["page 20 of 2,000 users", "page 5 of 1,000 users"]


def test_nobody_is_removed_twice() -> None:
    population = large(2_000)
    source = RemoveMember(population, "token", ("one", "two"), range(5))
    assert len({source(0, turn) for turn in range(10)}) == 10
    with pytest.raises(RuntimeError, match="all 5 members of the groups of bench-scale-large have left"):
        source(0, 10)


def test_the_large_tenant_has_the_groups_of_the_issue() -> None:
    population = large(1_000_000)
    assert (population.users, population.circles, population.crowds) == (1_000_000, 1_000, (1_000_000,))
    assert 2 * len(population.connected) == 1_000 * population.circles, "each is in two of them"
    assert SMALL.users == 1_000
