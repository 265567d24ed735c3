"""Each rewrite of a value by itself."""

import pytest

from app.errors import InvalidValue
from app.protocol import entra_values as values
from app.schemas.paths import Target
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import ENTERPRISE_URN, USER_TYPE

ENT = ENTERPRISE_URN


def attribute(path, resource_type=USER_TYPE):
    target = resource_type.resolve(path)
    assert isinstance(target, Target)
    return target.leaf


@pytest.mark.parametrize(("value", "read"), [
    ('{"displayName": "EPD", "schemas": []}', {"displayName": "EPD", "schemas": []}),
    ('{"displayName": "EPD"', '{"displayName": "EPD"'), ('["EPD"]', '["EPD"]'), ("EPD", "EPD"), ("", ""), (None, None),
    ('{"a": NaN}', '{"a": NaN}'), ('{"a": "\\u0000"}', '{"a": "\\u0000"}'), ("{" * 10_000, "{" * 10_000),
    ({"displayName": "EPD"}, {"displayName": "EPD"}),
])
def test_read_text(value, read):
    assert values.read_text(value) == read


@pytest.mark.parametrize(("text", "read"), [
    ('{"value": "a@x"}', {"value": "a@x"}), ('{"TYPE": "work", "foo": 1}', {"TYPE": "work", "foo": 1}),
    ('{"value": null}', {"value": None}), ("{}", "{}"), ('{"foo": 1}', '{"foo": 1}'), ("[]", "[]"), ("a@x", "a@x"),
])
def test_read_element(text, read):
    assert values.read_element(text, attribute("emails")) == read


@pytest.mark.parametrize("value", ["{}", '{"value": "a@x"}', ' [{"value": "a@x"}]', "[]", '{ "cut'])
@pytest.mark.parametrize("path", ["emails", "photos", "members", f"{ENT}:manager"])
def test_json_text_is_no_plain_value(path, value):
    row = attribute(path, GROUP_TYPE if path == "members" else USER_TYPE)
    with pytest.raises(InvalidValue, match=rf"^{row.name}\.value: "):
        values.refuse_json({"Value": value}, row)
    values.refuse_json({"type": value}, row)
    for plain in ("plain", "[Sales]", "{3F2504E0-4F89-11D3-9A0C-0305E82C3301}", "[", "{"):
        values.refuse_json({"value": plain}, row)
    values.refuse_json({"value": value}, attribute("roles"))


def test_clear_blank():
    assert values.clear_blank("") is None
    assert [values.clear_blank(value) for value in (" ", 0, False, [], {}, "x")] == [" ", 0, False, [], {}, "x"]


def test_unwrap_array():
    assert values.unwrap_array(["x"]) == "x"
    assert values.unwrap_array([]) == []
    assert values.unwrap_array(["x", "y"]) == ["x", "y"]
    assert values.unwrap_array("x") == "x"


def test_unwrap_value():
    assert values.unwrap_value({"value": "x"}) == "x"
    assert values.unwrap_value({"Value": "x", "$ref": None}) == "x"
    assert values.unwrap_value({"value": "x", "type": "y"}) == {"value": "x", "type": "y"}
    assert values.unwrap_value({"value": None}) == {"value": None}
    assert values.unwrap_value("x") == "x"


def test_wrap_single():
    assert values.wrap_single({"value": "x"}) == [{"value": "x"}]
    assert values.wrap_single([1]) == [1]


def test_fa_01_what_is_refused_for_its_length_is_not_rewritten():
    roles, members = attribute("roles"), attribute("members", GROUP_TYPE)
    many = [1] * 1_001
    assert values.rewrite_value(many, roles, True) is many
    assert values.rewrite_value(many[1:], roles, True) == [{"value": 1}] * 1_000
    assert values.rewrite_value(many, members, True) == [{"value": 1}] * 1_001


def test_wrap_text():
    assert values.wrap_text("id", attribute(f"{ENT}:manager")) == {"value": "id"}
    assert values.wrap_text("id", attribute("members", GROUP_TYPE)) == {"value": "id"}
    assert values.wrap_text("x", attribute("name")) == "x"
    assert values.wrap_text("x", attribute("addresses")) == "x"
    assert values.wrap_text(None, attribute("emails")) is None


def test_rename_display():
    roles, manager = attribute("roles"), attribute(f"{ENT}:manager")
    assert values.rename_display({"DisplayName": "A", "value": "B"}, roles) == {"display": "A", "value": "B"}
    assert values.rename_display({"displayName": "A", "Display": "B"}, roles) == {"displayName": "A", "Display": "B"}
    assert values.rename_display({"displayName": "A"}, manager) == {"displayName": "A"}


@pytest.mark.parametrize(
    ("element", "hollow"),
    [
        (None, True), ({"type": "other", "value": None}, True), ({"Type": "other", "primary": True, "value": None}, True),
        ({"value": None}, True), ({"type": "other"}, False), ({}, False), ({"type": "other", "value": "x", "display": None}, False),
        ("x", False), ({"value": 0}, False),
    ],
)
def test_is_hollow(element, hollow):
    assert values.is_hollow(element) is hollow


def test_keep_last_primary():
    elements = [{"value": 1, "primary": True}, {"value": 2, "Primary": "True"}, "x", {"value": 3, "primary": "true"}, {"primary": False}]
    assert values.keep_last_primary(elements) == [
        {"value": 1, "primary": False}, {"value": 2, "Primary": False}, "x", {"value": 3, "primary": "true"}, {"primary": False},
    ]
    assert elements[0]["primary"] is True, "what is handed in stays as it is"
    assert values.keep_last_primary([{"primary": True}]) == [{"primary": True}]
