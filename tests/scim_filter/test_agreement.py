"""`to_mongo` on a real MongoDB, on mongomock, and `matches` say the same of every filter and every resource."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.schemas.resource_type import ResourceType
from app.schemas.storage.columns import columns
from scim_filter import Filter, matches, parse_filter
from tests.examples import examples
from tests.scim_filter.worlds import BASE_URL, ENDPOINTS, TYPES, World, filters, rendered, resources

RESOURCES, FILTERS = 20, 5
PAIRS = RESOURCES * FILTERS


class Case:
    """Resources are drawn from a seed: what Hypothesis makes smaller is the filters."""

    def __init__(self, resource_type: ResourceType, conditions: list[Filter], seed: int) -> None:
        self.resource_type = resource_type
        self.filters = conditions
        self.resources = resources(resource_type, Random(seed), RESOURCES)

    def __repr__(self) -> str:
        return f"{self.resource_type.name}: {'; '.join(map(str, self.filters))}"


@st.composite
def cases(draw: st.DrawFn) -> Case:
    resource_type = draw(st.sampled_from(TYPES))
    drawn = draw(st.lists(filters(resource_type), min_size=FILTERS, max_size=FILTERS))
    return Case(resource_type, drawn, draw(st.integers(0, 10_000)))


def check(case: Case, databases: list[Any]) -> None:
    resource_type, found = case.resource_type, case.resources
    worlds = [World(database, resource_type, found) for database in databases]
    resolve = columns(resource_type, base_url=BASE_URL, endpoints=ENDPOINTS)
    for condition in case.filters:
        assert parse_filter(str(condition)) == condition
        answers = [world.ids(condition) for world in worlds]
        expected = {resource["id"] for resource in found if matches(condition, resource, resolve)}
        for answer in answers:
            for resource in found:
                if (resource["id"] in answer) != (resource["id"] in expected):
                    in_each = [resource["id"] in each for each in answers]
                    raise AssertionError(f"{condition}\n{rendered(resource)}\n[mongod, mongomock]={in_each}")


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@given(cases())
@settings(max_examples=examples(10), deadline=None, suppress_health_check=QUIET)
def test_a_thousand_pairs(database, mock_database, case):
    assert PAIRS * 15 >= 1_000
    check(case, [database.db, mock_database.db])


@pytest.mark.long
@given(cases())
@settings(max_examples=250, deadline=None, suppress_health_check=QUIET)
def test_twenty_thousand_pairs(database, mock_database, case):
    assert PAIRS * 250 >= 20_000
    check(case, [database.db, mock_database.db])
