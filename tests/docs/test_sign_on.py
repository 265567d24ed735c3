"""docs/sign-on.md matches the code: its reasons and its addresses."""

import re

from app.assembly import assemble
from app.config import Config
from app.schemas.tables.common import EXTERNAL_ID
from app.sign_on.flow.record import SIGN_ON, TEST
from app.sign_on.logout_tokens import TOLD
from app.sign_on.provider.token import OPERATION
from app.sign_on.reasons import Reason
from app.sign_on.saml.known_claims import OBJECT_ID
from app.store.sign_on.logouts import SIGN_OFF
from tests.docs import pages

PAGE = "docs/sign-on.md"


def first_column(section: str) -> list[str]:
    return re.findall(r"^\| (`.+?`) \|", pages.text(f"{PAGE}#{section}"), re.MULTILINE)


def test_sso_148_the_reasons_of_the_page_are_those_of_the_code() -> None:
    assert [text.strip("`") for text in first_column("When a person does not come in")] == [str(reason) for reason in Reason]


def test_sso_118_the_operations_of_the_page_are_those_of_the_code() -> None:
    assert [text.strip("`") for text in first_column("Words of the log")] == [SIGN_ON, OPERATION, SIGN_OFF, TOLD, TEST]


def test_sso_148_the_addresses_of_the_page_are_those_of_the_code(reused_database) -> None:
    app = assemble(Config.from_environment({}), reused_database)
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/<tenant>/sign-on") and rule.methods]
    served = {f"{method} {rule.rule.removeprefix('/<tenant>')}" for rule in rules for method in rule.methods - {"HEAD", "OPTIONS"}}
    named = {each for row in first_column("Addresses") for each in re.findall(r"`(.+?)`", row)}
    assert named == served


def test_sso_66_the_page_on_entra_gives_the_rule_that_guests_need() -> None:
    text = pages.text("docs/entra.md#Single sign-on")
    assert f"`--match {EXTERNAL_ID.name}={OBJECT_ID}`" in text
    assert "#EXT#" in text
