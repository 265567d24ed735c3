"""Nonsense of every kind: a PATCH is applied or refused with a SCIM error, and nothing else happens."""

from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import ScimError
from app.protocol.entra_dialect import rewrite_resource
from app.protocol.messages import PATCH_URN
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import USER_TYPE
from tests.examples import examples
from tests.protocol.patch.patching import CORE, ENT, GROUP, USER, run

PIECES = [
    "emails", "name", "members", "schemas", "id", "meta", "title", "active", "roles", "manager", "value", "type", "primary", "$ref",
    "[", "]", ".", ":", " ", '"', "eq", "and", "or", "not", "(", ")", "pr", "work", "True", "true", "5", "null", ENT, CORE, f"{ENT}:",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0User", '[type eq "work"]', "[value pr]", ".value", "[primary eq true]", "\x00", "é",
]
paths = st.one_of(st.lists(st.sampled_from(PIECES), max_size=6).map("".join), st.text(max_size=8))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=3), st.sampled_from(PIECES)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(paths, inner, max_size=3)),
    max_leaves=8,
)
operations = st.one_of(
    st.fixed_dictionaries({"op": st.sampled_from(["add", "Remove", "replace"])}, optional={"path": paths, "value": values}),
    st.fixed_dictionaries({"op": values}, optional={"path": values, "value": values}),
    values,
)
messages = st.one_of(
    st.lists(operations, max_size=4).map(lambda found: {"schemas": [PATCH_URN], "Operations": found}), values
)


@settings(max_examples=examples(75), deadline=None)
@given(messages, st.sampled_from(["rfc", "interop", "gallery"]), st.sampled_from([(USER, USER_TYPE), (GROUP, GROUP_TYPE)]))
def test_nonsense_is_refused_as_scim_says(message, profile, resource):
    try:
        run(message, resource[0], profile, resource[1])
    except ScimError as error:
        assert 400 <= error.status < 500 and error.detail


@settings(max_examples=examples(40), deadline=None)
@given(values, st.sampled_from([USER_TYPE, GROUP_TYPE]))
def test_nonsense_bodies_are_passed_on(payload, resource_type):
    rewrite_resource(payload, resource_type)
