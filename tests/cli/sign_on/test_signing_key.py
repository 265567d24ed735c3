"""scimd signing-key."""

import re

from app.config import Config
from app.store.accounts.sealing import Sealer
from app.store.sign_on.signing_keys import ID_TOKEN, SigningKeys


def test_a_new_key_waits_and_a_second_one_is_refused(scimd, database):
    assert "no keys yet" in scimd("signing-key", "list").out
    first = SigningKeys(database, Sealer(database)).current(ID_TOKEN)
    second = scimd("signing-key", "rotate", "--json").json
    listed = scimd("signing-key", "list", "--json").json
    assert [(row["key_id"], row["state"]) for row in listed] == [(first.id, "ends"), (second["key_id"], "waits")]
    assert "is new already" in scimd("signing-key", "rotate").err


def test_in_an_emergency_the_new_key_signs_at_once(scimd, database):
    SigningKeys(database, Sealer(database)).current(ID_TOKEN)
    made = scimd("signing-key", "rotate", "--now", "--json").json
    keys = SigningKeys(database, Sealer(database))
    assert [key.id for key in keys.published(ID_TOKEN)] == [keys.current(ID_TOKEN).id] == [made["key_id"]]


def test_each_use_has_keys_of_its_own(scimd):
    assert "scimd sso show" in scimd("signing-key", "rotate", "--use", "saml").err
    assert [row["use"] for row in scimd("signing-key", "list", "--json").json] == ["saml"]


def test_no_private_part_is_printed(scimd, database):
    scimd("signing-key", "rotate")
    printed = scimd("signing-key", "list", "--json").out
    assert database.db.signing_keys.find_one()["private"] not in printed


def test_sso_121_a_sealing_key_is_one_that_the_setting_takes(scimd, database):
    printed = scimd("signing-key", "seal").out.strip()
    keys = Config.from_environment({"SCIMD_SEALING_KEYS": printed}).sealing_keys
    assert re.fullmatch(r"[\w-]{43}=", printed)
    assert Sealer(database, keys).unseal(Sealer(database, keys).seal(b"x")) == b"x"
