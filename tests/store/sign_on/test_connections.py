"""The connections of a tenant: at most two, at most one on, and what is read of the identity provider again."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.errors import Conflict, NotFound
from app.store.accounts.expiries import warn_of_expiries
from app.store.accounts.tenants import Tenants
from app.store.log.events import Events, LogSettings
from app.store.sign_on.connection import OIDC, SAML, Connection, OidcPart, SamlPart, StoredCertificate
from app.store.sign_on.connections import SPEC, Connections, Readings, certificate_expiries
from tests.tenants import delete_for_good

THREADS = 8
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ENDS = datetime(2029, 1, 1, tzinfo=UTC)
CERTIFICATE = StoredCertificate(b"der", "AB", datetime(2026, 1, 1, tzinfo=UTC), ENDS)
SAML_PART = SamlPart(
    entity_id="https://sts.windows.net/1/", sso_url="https://idp.example.com/sso", certificates=(CERTIFICATE,),
    metadata_url="https://idp.example.com/metadata",
)
GOOD = Connection(tenant="contoso", kind=SAML, match_attribute="userName", match_source="NameID", saml=SAML_PART)
OPENID = Connection(
    tenant="contoso", kind=OIDC, match_attribute="externalId", match_source="oid", require_mfa=True, group="Staff",
    label="New", subject="oid", app="app_1", sign_requests=True, oidc=OidcPart(
        issuer="https://login.example.com/v2.0", client_id="1", secret="sealed", scopes=("email",),
        metadata={"jwks_uri": "https://login.example.com/keys"}, keys=({"kid": "1", "n": "2"},),
    ),
)


@pytest.fixture
def connections(database, clock):
    return Connections(database, clock)


@pytest.fixture
def readings(database, clock):
    return Readings(database, clock)


def turn_on(database, connections, connection):
    return database.transaction(lambda session: connections.turn_on(connection.tenant, connection.id, session))


@pytest.mark.parametrize("settings", [GOOD, OPENID])
def test_what_is_stored_comes_back(connections, clock, settings):
    saved = connections.save(settings)
    moments = dict.fromkeys(("created", "saved", "fetched"), clock.moment)
    assert saved == replace(settings, id=saved.id, expires=ENDS if settings.saml else None, **moments)
    assert connections.get("contoso", saved.id) == saved
    assert connections.of_tenant("contoso") == [saved]
    assert not saved.on


def test_sso_10_a_tenant_has_two_connections_at_most(connections):
    connections.save(GOOD)
    connections.save(OPENID)
    connections.save(replace(GOOD, tenant="fabrikam"))
    with pytest.raises(Conflict, match="two connections already"):
        connections.save(GOOD)
    assert len(connections.of_tenant("contoso")) == 2


def test_sso_10_two_connections_at_most_also_of_many_requests_at_once(connections):
    def save(_):
        try:
            return connections.save(GOOD)
        except Conflict:
            return None

    with ThreadPoolExecutor(THREADS) as threads:
        made = list(filter(None, threads.map(save, range(THREADS))))
    assert {each.id for each in made} == {each.id for each in connections.of_tenant("contoso")}
    assert 1 <= len(made) <= 2


def test_sso_10_one_is_on_and_the_other_one_off_in_the_same_moment(database, connections):
    old, new = connections.save(GOOD), connections.save(OPENID)
    turn_on(database, connections, old)
    assert connections.on("contoso").id == old.id
    turn_on(database, connections, new)
    assert connections.on("contoso").id == new.id
    assert [each.on for each in connections.of_tenant("contoso")] == [False, True]
    assert not connections.turn_off("contoso", new.id).on
    assert connections.on("contoso") is None


def test_sso_10_only_a_connection_that_is_off_can_be_changed(database, connections, clock):
    saved = connections.save(GOOD)
    connections.record_test(saved)
    clock.moment += HOUR
    changed = connections.save(replace(saved, require_mfa=True))
    assert (changed.require_mfa, changed.tested, changed.created) == (True, None, saved.created)
    turn_on(database, connections, saved)
    with pytest.raises(Conflict, match="is on"):
        connections.save(saved)
    connections.delete("contoso", saved.id)
    with pytest.raises(NotFound):
        connections.save(saved)


def test_sso_11_a_connection_belongs_to_one_tenant(database, connections):
    saved = connections.save(GOOD)
    assert connections.get("fabrikam", saved.id) is None
    for act in (connections.turn_off, connections.delete):
        with pytest.raises(NotFound):
            act("fabrikam", saved.id)
    with pytest.raises(NotFound):
        turn_on(database, connections, replace(saved, tenant="fabrikam"))
    assert connections.get("contoso", saved.id) == saved


def test_sso_14_two_tenants_may_have_the_same_identity_provider(database, connections):
    for tenant in ("contoso", "fabrikam"):
        turn_on(database, connections, connections.save(replace(GOOD, tenant=tenant)))
    assert connections.on("contoso").provider == connections.on("fabrikam").provider
    assert connections.on("contoso").id != connections.on("fabrikam").id


def test_a_test_counts_for_the_settings_with_which_it_was_made(connections, clock):
    saved = connections.save(GOOD)
    clock.moment += MINUTE
    changed = connections.save(replace(saved, require_mfa=True))
    connections.record_test(saved)
    assert connections.get("contoso", saved.id).tested is None
    connections.record_test(changed)
    assert connections.get("contoso", saved.id).tested == clock.moment


def test_sso_22_the_last_good_sign_in_is_noted_with_our_url_once_a_minute(connections, clock):
    saved, first = connections.save(GOOD), clock.moment
    connections.record_sign_in(saved, "https://one.example.com")
    noted = connections.get("contoso", saved.id)
    assert (noted.last_sign_in, noted.base_url) == (first, "https://one.example.com")
    clock.moment += MINUTE - timedelta(milliseconds=1)
    connections.record_sign_in(noted, "https://one.example.com")
    assert connections.get("contoso", saved.id).last_sign_in == first
    connections.record_sign_in(noted, "https://two.example.com")
    assert connections.get("contoso", saved.id).base_url == "https://two.example.com"


def test_sso_16_of_many_workers_one_reads_the_metadata_in_each_minute(readings, connections, clock):
    saved = connections.save(GOOD)
    with ThreadPoolExecutor(THREADS) as threads:
        assert sum(threads.map(lambda _: readings.claim(saved, MINUTE), range(THREADS))) == 1
    clock.moment += MINUTE - timedelta(milliseconds=1)
    assert not readings.claim(saved, MINUTE)
    clock.moment += timedelta(milliseconds=1)
    assert readings.claim(saved, MINUTE)


def test_sso_16_what_was_read_replaces_what_was_known(readings, connections, clock):
    saved = connections.save(GOOD)
    later = replace(CERTIFICATE, der=b"new", thumbprint="CD", not_after=ENDS + HOUR)
    new = replace(saved, saml=replace(SAML_PART, sso_url="https://idp.example.com/new", certificates=(later,)))
    readings.record_fault(saved, "it takes too long")
    assert connections.get("contoso", saved.id).fault == "it takes too long"
    clock.moment += HOUR
    assert readings.old(HOUR) == connections.of_tenant("contoso")
    assert readings.store(saved, new)
    found = connections.get("contoso", saved.id)
    assert found == replace(new, fetched=clock.moment, expires=later.not_after)
    assert readings.old(HOUR) == []
    assert not readings.claim(saved, MINUTE)  # it was read since


def test_sso_16_what_was_read_is_dropped_if_an_operator_was_quicker(readings, connections, clock):
    saved = connections.save(GOOD)
    clock.moment += MINUTE
    changed = connections.save(replace(saved, saml=replace(SAML_PART, entity_id="https://sts.windows.net/2/")))
    assert not readings.store(saved, saved)
    assert connections.get("contoso", saved.id) == changed


def test_metadata_from_a_file_is_not_read_again(readings, connections, clock):
    connections.save(replace(GOOD, saml=replace(SAML_PART, metadata_url="")))
    openid = connections.save(OPENID)
    clock.moment += HOUR
    assert readings.old(HOUR) == [openid]


def test_a_deleted_tenant_leaves_no_connection(database, connections):
    Tenants(database).create("contoso", "gallery")
    connections.save(GOOD)
    other = connections.save(replace(GOOD, tenant="fabrikam"))
    delete_for_good(database, "contoso")
    assert [row["_id"] for row in database.db[SPEC.name].find()] == [other.id]


def test_sso_18_the_last_certificate_is_warned_of_three_times_while_the_connection_is_on(
    database, connections, readings, clock
):
    Tenants(database).create("contoso", "gallery")
    saved = connections.save(GOOD)
    days = [ENDS - timedelta(days=95) + timedelta(days=number) for number in range(97)]
    assert [day for day in days if warn_of_expiries(database, day, 90)] == []
    turn_on(database, connections, saved)
    assert [(ENDS - day).days for day in days if warn_of_expiries(database, day, 90)] == [30, 7, 1]
    lines = Events(database, "contoso", LogSettings(90)).find()
    assert [line["operation"] for line in lines] == ["credential.expiring"] * 3
    assert f"{saved.id} expires on 2029-01-01 00:00 UTC" in lines[0]["detail"]
    assert "scimd sso refresh contoso" in lines[0]["detail"]
    assert certificate_expiries(database) == {"contoso": ENDS}
    next_one = replace(CERTIFICATE, der=b"next", thumbprint="EF", not_after=ENDS + timedelta(days=365))
    assert readings.store(saved, replace(saved, saml=replace(SAML_PART, certificates=(CERTIFICATE, next_one))))
    later = days[-1] + timedelta(days=364 - 20)
    assert warn_of_expiries(database, days[-2], 90) == 0
    assert warn_of_expiries(database, later, 90) == 1
