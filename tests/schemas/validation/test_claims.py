"""Which claims attributes have, and which they cannot have."""

import json

import pytest

from app.schemas.custom import BUILT_IN, SchemaFileError, common_catalogue
from app.schemas.tables.user import USER_TYPE
from app.schemas.validation.claims import RESERVED, claims_in

ROWS = [*USER_TYPE.common, *(row for schema in USER_TYPE.schemas for row in schema.attributes)]
SCOPES = {
    "openid": {"sub"},
    "profile": {
        "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
        "locale", "zoneinfo", "title", "user_type", "updated_at",
    },
    "email": {"email"}, "phone": {"phone_number"}, "address": {"address"}, "groups": {"groups"},
    "roles": {"roles", "entitlements"},
    "enterprise": {"employee_number", "cost_center", "organization", "division", "department", "manager"},
    "external": {"external_id"},
}


def test_sso_110_the_claims_of_each_scope_are_these():
    found = {}
    for row in ROWS:
        found.setdefault(row.scope, set()).update(claims_in(row))
    assert {scope: claims for scope, claims in found.items() if scope} == SCOPES
    assert not found.get("")


def test_sso_110_no_secret_of_ours_has_a_claim_and_no_other_type_is_told():
    hidden = [row for row in ROWS if row.returned == "never"]
    assert hidden
    assert [list(claims_in(row)) for row in hidden] == [[]] * len(hidden)
    assert not {claim for scope in SCOPES.values() for claim in scope} & (RESERVED - {"sub"})


def schemas(tmp_path, **attribute):
    schema = {"id": "urn:example:acme:2.0:User", "attributes": [{"name": "badge"} | attribute]}
    (tmp_path / "badge.json").write_text(json.dumps(schema))
    return common_catalogue(tmp_path)


def test_an_attribute_of_a_custom_schema_has_its_claim(tmp_path):
    user = schemas(tmp_path, claim="badge_number", scope="badge").named("User")
    row = user.extension("urn:example:acme:2.0:User").attributes[0]
    assert (row.claim, row.scope) == ("badge_number", "badge")


def test_a_complex_attribute_has_a_claim_with_members_of_any_name(tmp_path):
    subs = [{"name": "number", "claim": "sub"}, {"name": "door"}]
    user = schemas(tmp_path, type="complex", claim="badge", scope="profile", subAttributes=subs).named("User")
    row = user.extension("urn:example:acme:2.0:User").attributes[0]
    assert list(claims_in(row)) == ["badge"]


@pytest.mark.parametrize(("attribute", "problem"), [
    *(({"claim": claim, "scope": "badge"}, f"the claim {claim} is taken") for claim in ("iss", "aud", "exp", "sub", "sid", "email", "groups", "tenant")),
    ({"claim": "badge", "scope": "badge", "returned": "never"}, "never returned"),
    ({"claim": "badge", "scope": "badge", "returned": "never", "mutability": "writeOnly"}, "never returned"),
    ({"claim": "badge"}, "together"),
    ({"scope": "badge"}, "together"),
    ({"claim": "Badge", "scope": "badge"}, "must be up to 64"),
    ({"claim": "badge", "scope": "my badge"}, "must be up to 64"),
    ({"type": "complex", "subAttributes": [{"name": "a", "claim": "iss"}], "scope": "badge"}, "taken"),
    ({"type": "complex", "subAttributes": [{"name": "a", "claim": "b", "scope": "c"}], "scope": "badge"}, "only an attribute of a schema itself"),
    ({"type": "complex", "claim": "b", "subAttributes": [{"name": "a", "claim": "b", "returned": "never"}], "scope": "badge"}, "never returned"),
])
def test_op_23_a_claim_that_would_mean_something_else_is_refused(tmp_path, attribute, problem):
    with pytest.raises(SchemaFileError, match=problem) as caught:
        schemas(tmp_path, **attribute)
    assert "badge.json: urn:example:acme:2.0:User" in str(caught.value)


def test_only_users_have_claims_of_their_own():
    others = [row for kind in BUILT_IN if kind is not USER_TYPE for row in kind.schema.attributes if row.name != "externalId"]
    assert [row.name for row in others if list(claims_in(row))] == []
