"""Signing keys: made once for all processes, rotated without a gap."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import RSAKey

from app.errors import Conflict
from app.store.accounts.sealing import Sealer
from app.store.sign_on.signing_keys import ID_TOKEN, SAML, SigningKeys


@pytest.fixture
def keys(database, clock):
    return SigningKeys(database, Sealer(database), clock)


def test_sso_115_several_processes_make_one_first_key(database, clock):
    def first(_):
        return SigningKeys(database, Sealer(database), clock).current(ID_TOKEN).id

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(first, range(4)))) == 1
    assert database.db.signing_keys.count_documents({}) == 1


def test_sso_115_the_public_part_belongs_to_the_private_one_which_is_stored_sealed(keys, database):
    key = keys.current(ID_TOKEN)
    public = RSAKey.import_key(key.public)
    assert key.private.key_size == 3_072
    assert not public.is_private
    assert (key.public["kid"], key.public["use"], key.public["alg"]) == (key.id, "sig", "RS256")
    public.raw_value.verify(key.private.sign(b"text", PKCS1v15(), SHA256()), b"text", PKCS1v15(), SHA256())
    stored = database.db.signing_keys.find_one()
    assert str(key.private.private_numbers().d) not in str(stored)
    assert stored["private"].startswith("gAAAA")


def test_sso_115_a_rotation_publishes_signs_and_withdraws_in_this_order(keys, clock):
    old = keys.current(ID_TOKEN).id
    new = keys.rotate(ID_TOKEN).id
    assert (keys.current(ID_TOKEN).id, [key.id for key in keys.published(ID_TOKEN)]) == (old, [old, new])
    with pytest.raises(Conflict, match="is new already"):
        keys.rotate(ID_TOKEN)
    clock.moment += timedelta(hours=24)
    assert (keys.current(ID_TOKEN).id, [key.id for key in keys.published(ID_TOKEN)]) == (new, [old, new])
    clock.moment += timedelta(hours=24)
    assert (keys.current(ID_TOKEN).id, [key.id for key in keys.published(ID_TOKEN)]) == (new, [new])


def test_sso_115_an_emergency_withdraws_all_others_at_once(keys):
    keys.current(ID_TOKEN)
    keys.rotate(ID_TOKEN)
    new = keys.rotate(ID_TOKEN, at_once=True).id
    assert (keys.current(ID_TOKEN).id, [key.id for key in keys.published(ID_TOKEN)]) == (new, [new])


def test_sso_115_a_withdrawn_key_is_deleted_by_mongodb(keys, database):
    keys.current(ID_TOKEN)
    keys.rotate(ID_TOKEN, at_once=True)
    index = database.db.signing_keys.index_information()["published_until"]
    assert index["expireAfterSeconds"] == 0


def test_sso_32_only_keys_for_identity_providers_have_a_certificate_and_each_use_its_own_key(keys):
    saml, other = keys.current(SAML), keys.current(ID_TOKEN)
    certificate = x509.load_der_x509_certificate(saml.certificate)
    assert certificate.public_key() == saml.private.public_key()
    assert other.certificate is None
    assert other.id != saml.id
