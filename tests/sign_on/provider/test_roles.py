"""The claim `roles`: those by groups, as they are at this moment, beside those that are provisioned."""

from app.cli import run
from app.cli.connection import Connection
from tests.sign_on.provider.world import GROUP


def roles(world, browser, scope="openid roles"):
    """Return the claim in an ID token and in userinfo."""
    tokens = browser.tokens(scope=scope)
    return world.claims(tokens["id_token"]).get("roles"), world.userinfo(tokens["access_token"]).json.get("roles")


def map_group(world, name, role, *options):
    assert run(["role", "map", "contoso", name, role, *options], Connection({}, world.database)) == 0


def group(world, name, *members):
    body = {"schemas": [GROUP], "displayName": name, "members": [{"value": each} for each in members]}
    return world.scim("POST", "Groups", body)["id"]


def test_without_a_map_the_claim_has_what_is_provisioned(world):
    browser = world.signed_in(roles=[{"value": "writer"}])
    assert roles(world, browser) == (["writer"], ["writer"])


def test_roles_by_groups_come_first_and_each_role_once(world):
    browser = world.signed_in(roles=[{"value": "writer"}, {"value": "seller"}])
    group(world, "Sales", group(world, "Inner", browser.user))
    map_group(world, "Sales", "seller")
    map_group(world, "Inner", "admin", "--priority", "5")
    expected = ["admin", "seller", "writer"]
    assert roles(world, browser) == (expected, expected)
    assert roles(world, browser, "openid profile") == (None, None)


def test_who_has_lost_a_role_does_not_sign_in_with_it(world):
    browser = world.signed_in()
    sales = group(world, "Sales", browser.user)
    map_group(world, "Sales", "seller", "--default", "guest")
    assert roles(world, browser)[0] == ["seller"]
    world.scim("DELETE", f"Groups/{sales}")
    assert roles(world, browser)[0] == ["guest"]
