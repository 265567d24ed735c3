"""What is sealed can be opened with its key, and with no other."""

import pytest

from app.store.accounts.sealing import Sealer, new_key
from app.store.mongo.database import StoreError


def test_sso_121_what_is_sealed_can_be_opened(mock_database):
    sealer = Sealer(mock_database)
    sealed = sealer.seal(b"secret")
    assert "secret" not in sealed
    assert Sealer(mock_database).unseal(sealed) == b"secret"


def test_sso_121_the_first_key_seals_and_the_others_still_open(mock_database):
    old, new = new_key(), new_key()
    before = [Sealer(mock_database, keys).seal(b"secret") for keys in ([], [old])]
    both = Sealer(mock_database, [new, old])
    assert [both.unseal(each) for each in before] == [b"secret", b"secret"]
    assert Sealer(mock_database, [new]).unseal(both.seal(b"other")) == b"other"


def test_sso_121_without_its_key_a_secret_stays_closed(mock_database):
    sealed = Sealer(mock_database, [new_key()]).seal(b"secret")
    with pytest.raises(StoreError, match="SCIMD_SEALING_KEYS"):
        Sealer(mock_database).unseal(sealed)


def test_sso_121_a_changed_secret_is_not_opened(mock_database):
    sealer = Sealer(mock_database)
    sealed = sealer.seal(b"secret")
    with pytest.raises(StoreError):
        sealer.unseal(sealed[:-6] + "AAAA==")
