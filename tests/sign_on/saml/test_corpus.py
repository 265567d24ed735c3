"""Every attack ends as the table says, and none but a refusal comes out."""

from dataclasses import replace

import pytest
from signxml import XMLVerifier

from app.sign_on.reasons import Reason, SignOnRefused
from app.sign_on.saml.response import Expected, read_response
from tests.sign_on.saml.content import CONTENT, XML
from tests.sign_on.saml.idp import ACS_URL, ENTITY_ID, NOW, OUR_ENTITY_ID, REQUEST_ID, Says
from tests.sign_on.saml.wrapping import SIGNED

ATTACKS = [*SIGNED, *XML, *CONTENT]


def expected(attack, **changes):
    certificates = tuple(each.certificate for each in attack.known)
    return replace(Expected(ENTITY_ID, OUR_ENTITY_ID, ACS_URL, certificates, REQUEST_ID, NOW), **changes)


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_sso_144_an_attack_is_refused_for_its_reason(attack):
    with pytest.raises(SignOnRefused) as refused:
        read_response(attack.field(Says()), expected(attack))
    assert refused.value.reason in attack.reasons, refused.value.detail


@pytest.mark.parametrize("attack", [each for each in ATTACKS if each.reasons == {Reason.STRUCTURE}], ids=str)
def test_sso_41_the_structure_is_checked_before_any_signature(attack, monkeypatch):
    def verify(*arguments, **named):
        raise AssertionError("a signature was looked at")

    monkeypatch.setattr(XMLVerifier, "verify", verify)
    with pytest.raises(SignOnRefused) as refused:
        read_response(attack.field(Says()), expected(attack))
    assert refused.value.reason == Reason.STRUCTURE


def test_sso_144_the_corpus_has_every_row_that_the_function_decides():
    rows = {f"SA-{number:02}" for number in range(1, 69)}
    elsewhere = {"SA-56", "SA-58", "SA-60", "SA-61", "SA-62"}  # the door, the browser and the database decide
    elsewhere |= {"SA-64", "SA-65"}  # metadata and logout: test_metadata.py, test_logout.py
    assert {attack.row for attack in ATTACKS} == rows - elsewhere


def test_the_corpus_has_no_two_attacks_of_one_name():
    assert len({str(attack) for attack in ATTACKS}) == len(ATTACKS)
