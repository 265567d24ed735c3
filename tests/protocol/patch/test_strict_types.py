"""PATCH of types that are stricter than users and groups: required sub-attributes and required extensions."""

import pytest

from app.errors import ScimError
from app.schemas.attribute import Attribute
from app.schemas.resource_type import ResourceType
from app.schemas.schema import Schema
from tests.protocol.patch.patching import body, op, run

URN, NEEDED, FIXED = (f"urn:example:schemas:2.0:{name}" for name in ("Strict", "Needed", "Fixed"))
STRICT = ResourceType(
    name="Strict", endpoint="/Stricts", description="",
    schema=Schema(
        id=URN, name="Strict", description="",
        attributes=(
            Attribute(
                name="keys", type="complex", multi_valued=True,
                sub_attributes=(Attribute(name="value", required=True), Attribute(name="type"), Attribute(name="words", multi_valued=True)),
            ),
            Attribute(name="only", multi_valued=True, mutability="immutable"),
            Attribute(
                name="place", type="complex",
                sub_attributes=(Attribute(name="city", required=True), Attribute(name="words", multi_valued=True)),
            ),
        ),
    ),
    extensions=(
        Schema(id=NEEDED, name="", description="", stored_as="needed", attributes=(Attribute(name="code"),)),
        Schema(id=FIXED, name="", description="", stored_as="fixed", attributes=(Attribute(name="code", mutability="immutable"),)),
    ),
    required_extensions=frozenset({NEEDED}),
)
WHOLE = {
    "schemas": [URN, NEEDED, FIXED], "keys": [{"value": "a", "type": "x"}], "place": {"city": "c", "words": ["w"]}, "only": ["o"],
    NEEDED: {"code": "n"}, FIXED: {"code": "f"},
}
profiles = pytest.mark.parametrize("profile", ["rfc", "interop"])


def patch(*operations, profile):
    return run(body(*operations), WHOLE, profile, STRICT)[0]


def refusal(*operations, profile):
    with pytest.raises(ScimError) as caught:
        patch(*operations, profile=profile)
    return caught.value.scim_type


@profiles
def test_pa_24_required_parts(profile):
    assert refusal(op("remove", 'keys[type eq "x"].value'), profile=profile) == "mutability"
    assert refusal(op("replace", 'keys[type eq "x"].value', None), profile=profile) == "invalidValue"
    assert refusal(op("replace", "keys.value", None), profile=profile) == "invalidValue"
    assert refusal(op("remove", "place.city"), profile=profile) == "mutability"
    assert "place" not in patch(op("remove", "place"), profile=profile)
    assert "keys" not in patch(op("remove", 'keys[type eq "x"]'), profile=profile)


@profiles
def test_pa_23_immutable_lists(profile):
    for operation in (op("add", "only", "p"), op("replace", "only", ["p"]), op("remove", "only", ["o"]), op("remove", 'only[value eq "o"]')):
        assert refusal(operation, profile=profile) == "mutability"
    assert patch(op("add", "only", ["O"]), op("replace", "only", ["o"]), profile=profile) == WHOLE


@profiles
def test_pa_24_extensions_that_stay(profile):
    for urn in (NEEDED, FIXED):
        for operation in (op("remove", urn), op("remove", "schemas", urn), op("replace", urn, None), op("replace", "schemas", [URN])):
            assert refusal(operation, profile=profile) == "mutability"
    assert refusal(op("replace", f"{FIXED}:code", "g"), profile=profile) == "mutability"


@profiles
def test_pa_27_a_urn_itself_cannot_be_changed(profile):
    assert refusal(op("replace", f'schemas[value eq "{FIXED}"]', NEEDED), profile=profile) == "mutability"


@profiles
def test_pa_34_lists_within_complex_values(profile):
    added = patch(op("add", "place", {"words": ["W", "v"]}), profile=profile)
    assert added["place"]["words"] == ["w", "v"]
    assert patch(op("replace", "place", {"words": ["v"]}), profile=profile)["place"]["words"] == ["v"]
    assert patch(op("add", "place.words", ["v"]), profile=profile)["place"]["words"] == ["w", "v"]
    assert patch(op("remove", "place.words", ["W"]), profile=profile)["place"] == {"city": "c"}
    assert patch(op("add", 'keys[type eq "x"].words', "v"), profile=profile)["keys"][0]["words"] == ["v"]
