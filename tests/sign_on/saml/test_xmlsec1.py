"""Responses that another implementation has signed: recordings of Debian's xmlsec1 (record_xmlsec1.py)."""

from pathlib import Path

import pytest

from app.sign_on.certificate import Certificate
from app.sign_on.reasons import Reason, SignOnRefused
from app.sign_on.saml.response import Expected, read_response
from tests.sign_on.saml.idp import ACS_URL, ENTITY_ID, NOW, OBJECT_ID, OUR_ENTITY_ID, REQUEST_ID, changed, encoded

FOLDER = Path(__file__).with_name("xmlsec1")
CERTIFICATES = tuple(Certificate.from_text((FOLDER / f"{name}.pem").read_text()) for name in ("rsa", "ecdsa"))
EXPECTED = Expected(ENTITY_ID, OUR_ENTITY_ID, ACS_URL, CERTIFICATES, REQUEST_ID, NOW)
RECORDINGS = sorted(FOLDER.glob("*.xml"))


def test_sso_141_there_are_five_recordings():
    assert [path.stem for path in RECORDINGS] == ["assertion", "both", "ecdsa", "prefix-list", "response"]


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_sso_141_a_signature_of_xmlsec1_is_verified(path):
    identity, _ = read_response(encoded(path.read_bytes()), EXPECTED)
    assert (identity.name_id, identity.subject) == ("b.simon@contoso.com", OBJECT_ID)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_sso_141_a_recording_that_was_changed_is_refused(path):
    xml = changed(path.read_text(), (">b.simon@contoso.com</NameID>", ">admin@contoso.com</NameID>"))
    with pytest.raises(SignOnRefused) as refused:
        read_response(encoded(xml), EXPECTED)
    assert refused.value.reason == Reason.BAD_SIGNATURE
