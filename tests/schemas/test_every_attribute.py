"""Every attribute of every table, and of tables from files, through validation, projection and discovery alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import InvalidSyntax, InvalidValue
from app.schemas import discovery
from app.schemas.attribute import Attribute
from app.schemas.custom import load_catalogue
from app.schemas.resource_type import ResourceType
from app.schemas.returned import Projection, requested_by
from app.schemas.schema import Schema
from app.schemas.validation.fields import is_written
from app.schemas.validation.payload import read_value, validate
from tests.examples import examples, one_of_each
from tests.schemas.resources import resources, values

SAMPLES = Path(__file__).parent.parent / "samples" / "schemas"
CATALOGUES = {
    (profile, directory): load_catalogue(SAMPLES / directory, profile, tenant)
    for profile, directory, tenant in (("gallery", "badges", "acme"), ("rfc", "devices", "demo"), ("interop", "badges", "x"))
}
WRONG: dict[str, Any] = {
    "string": True, "boolean": "yes", "integer": 1.5, "decimal": "x", "dateTime": "2008-01-23", "binary": "#",
    "reference": True, "complex": "x",
}


@dataclass(frozen=True, repr=False)
class Case:
    """One attribute of one type, as tenants with a profile see it."""

    profile: str
    resource_type: ResourceType
    schema: Schema
    row: Attribute

    @property
    def path(self) -> str:
        return f"{self.schema.id}:{self.row.name}" if self.schema.stored_as else self.row.name

    def payload(self, resource: dict[str, Any], value: Any) -> dict[str, Any]:
        """Return the resource with this value of the attribute."""
        if not self.schema.stored_as:
            return resource | {self.row.name: value}
        return resource | {self.schema.id: resource.get(self.schema.id, {}) | {self.row.name: value}}

    def of(self, resource: dict[str, Any]) -> Any:
        """Return the resource's value of the attribute, or None."""
        return (resource.get(self.schema.id, {}) if self.schema.stored_as else resource).get(self.row.name)


CASES = {
    f"{profile} {case.resource_type.name} {case.path}": case
    for (profile, _), catalogue in CATALOGUES.items()
    for resource_type in catalogue.types
    for case in [Case(profile, resource_type, s, row) for s in resource_type.schemas for row in s.attributes]
}
# `make test` takes a row that is the same in several profiles once.
EVERY = pytest.mark.parametrize("case", one_of_each(CASES.values(), lambda case: (case.path, repr(case.row))), ids=CASES)
QUICK = settings(max_examples=examples(2), deadline=None, suppress_health_check=[HealthCheck.too_slow])


@EVERY
@QUICK
@given(data=st.data())
def test_what_is_sent_is_stored_and_returned(case: Case, data: st.DataObject) -> None:
    base = data.draw(resources(case.resource_type, case.schema.id))
    if not is_written(case.row):
        kept = validate(case.resource_type, case.payload(base, object()), ignore_unknown=False)
        assert case.of(kept) is None
        return
    value = data.draw(values(case.row))
    resource = validate(case.resource_type, case.payload(base, value), ignore_unknown=False)
    assert case.of(resource) == value
    assert read_value(case.row, value, path=case.path, ignore_unknown=False) == value
    assert validate(case.resource_type, resource, ignore_unknown=False) == resource  # once is enough
    check_projection(case, resource)


def check_projection(case: Case, resource: dict[str, Any]) -> None:
    row, always = case.row, {"schemas": resource["schemas"]}
    named = Projection.parse(case.resource_type, [case.path.swapcase()])
    default = Projection.parse(case.resource_type)
    excluded = Projection.parse(case.resource_type, None, [case.path.swapcase()]).apply(resource)
    on_write = default.apply(resource, requested_by(case.resource_type, resource))
    if row.returned == "never":
        assert named.apply(resource) == always
        assert case.of(default.apply(resource)) is case.of(excluded) is case.of(on_write) is None
        return
    assert named.wants(case.schema.id if case.schema.stored_as else row.name)
    assert case.of(named.apply(resource)) == case.of(on_write) == case.of(resource)
    assert case.of(excluded) is None
    assert case.of(default.apply(resource)) == (None if row.returned == "request" else case.of(resource))
    rest = {key: item for key, item in named.apply(resource).items() if key not in (row.name, case.schema.id)}
    assert rest == always
    for sub in row.sub_attributes:
        parts = [part for part in elements(case.of(resource)) if sub.name in part]
        response = Projection.parse(case.resource_type, [f"{case.path}.{sub.name}".lower()]).apply(resource)
        assert elements(case.of(response)) == [{sub.name: part[sub.name]} for part in parts]
        left = Projection.parse(case.resource_type, None, [f"{case.path}.{sub.name}".upper()]).apply(resource)
        assert not any(sub.name in part for part in elements(case.of(left)))


def elements(value: Any) -> list[dict[str, Any]]:
    return [] if value is None else value if isinstance(value, list) else [value]


@EVERY
@QUICK
@given(data=st.data())
def test_what_does_not_fit_is_refused_by_name(case: Case, data: st.DataObject) -> None:
    if not is_written(case.row):
        return
    row, base = case.row, data.draw(resources(case.resource_type, case.schema.id))
    index = "[0]" if row.multi_valued else ""
    wrong = [({"a": 1}, "")] if row.type != "complex" or row.multi_valued else []
    wrong += [([WRONG[row.type]] if row.multi_valued else WRONG[row.type], index)]
    for sub in row.sub_attributes:
        if is_written(sub):
            part = {sub.name.upper(): [WRONG[sub.type]] if sub.multi_valued else WRONG[sub.type]}
            suffix = f".{sub.name}{'[0]' if sub.multi_valued else ''}"
            wrong.append(([part] if row.multi_valued else part, index + suffix))
    for value, where in wrong:
        for lenient in (True, False):
            with pytest.raises(InvalidValue) as caught:
                validate(case.resource_type, case.payload(base, value), ignore_unknown=lenient)
            paths = [problem.partition(": must")[0] for problem in caught.value.detail.split("; ")]
            assert case.path + where in paths
    if row.type == "complex":
        unknown = {"bogus": 1} if not row.multi_valued else [{"bogus": 1}]
        with pytest.raises(InvalidSyntax, match="bogus: is not an attribute here"):
            validate(case.resource_type, case.payload(base, unknown), ignore_unknown=False)


@EVERY
def test_what_is_discovered_is_what_is_enforced(case: Case) -> None:
    catalogue = next(c for (name, _), c in CATALOGUES.items() if name == case.profile and case.resource_type in c.types)
    described = discovery.schema(catalogue, case.schema.id.upper(), "")
    assert described is not None
    found = {each["name"]: each for each in described["attributes"]}.get(case.row.name)
    assert (found is not None) == case.row.listed
    if found:
        assert found["required"] == case.row.required
        assert found["multiValued"] == case.row.multi_valued and found["type"] == case.row.type
        assert (found["mutability"], found["returned"]) == (case.row.mutability, case.row.returned)
        assert found.get("uniqueness", "none") == case.row.uniqueness
        assert found.get("caseExact", case.row.case_exact) == case.row.case_exact
        names = [sub["name"] for sub in found.get("subAttributes", [])]
        assert names == [sub.name for sub in case.row.sub_attributes if sub.listed]


@pytest.mark.parametrize(
    "resource_type", [t for catalogue in CATALOGUES.values() for t in catalogue.types], ids=lambda t: t.name
)
@settings(max_examples=examples(10), deadline=None)
@given(data=st.data())
def test_a_whole_resource_comes_out_as_it_went_in(resource_type: ResourceType, data: st.DataObject) -> None:
    resource = data.draw(resources(resource_type))
    assert validate(resource_type, shouted(resource), ignore_unknown=False) == resource
    response = Projection.parse(resource_type, None, ["bogus"]).apply(resource)
    assert response == Projection.parse(resource_type).apply(resource)


def shouted(value: Any) -> Any:
    """Return the same value with names in capitals, and with nulls and empty values where they have no effect."""
    if isinstance(value, list):
        return [shouted(item) for item in value]
    if isinstance(value, dict):
        return {name.upper(): shouted(item) for name, item in value.items()}
    return value
