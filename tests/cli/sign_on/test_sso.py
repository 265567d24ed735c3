"""scimd sso: connections are made, tested, turned on and off; sessions are listed and ended."""

import threading
from datetime import timedelta

import pytest

from app.auth.refusal import Check
from app.config import Config
from app.store.accounts.sealing import Sealer
from app.store.accounts.tenant_deletion import TenantDeletion
from app.store.accounts.tenants import Tenants
from app.store.log.events import Events, LogSettings
from app.store.mongo.moments import now
from app.store.open import collections
from app.store.operators.audit import AuditLog
from app.store.sign_on.apps import Apps, Settings
from app.store.sign_on.connections import Connections
from app.store.sign_on.links import Link, Links
from app.store.sign_on.sessions import Session, Sessions
from app.store.sign_on.tickets import Tickets
from tests.auth.issuer import running_issuer
from tests.processes import until
from tests.sign_on.metadata import SSO_URL, metadata, running_publisher
from tests.sign_on.people import create_group
from tests.sign_on.saml.idp import ENTITY_ID, NOW, signer

URL = "https://scim.example.com/contoso/sign-on"


@pytest.fixture(autouse=True)
def prepared(database):
    database.prepare(collections(Config.from_environment({})))
    Tenants(database).create("contoso", "gallery")


@pytest.fixture
def publisher():
    with running_publisher() as one:
        yield one


@pytest.fixture
def issuer():
    with running_issuer() as one:
        root = one.url.rsplit("/", 2)[0]
        one.metadata |= {"authorization_endpoint": f"{root}/authorize", "token_endpoint": f"{root}/token"}
        yield one


@pytest.fixture
def saml(scimd, publisher):
    """Make a connection by SAML, and return it as it is stored."""
    done = scimd("sso", "set", "contoso", "saml", "--metadata-url", publisher.url)
    assert done.status == 0, done.err
    return done


def stored(database):
    return Connections(database).of_tenant("contoso")


def log_of(database):
    return Events(database, "contoso", LogSettings(90)).find()


def values(text):
    """Return the named values that a command has printed."""
    rows = [line.strip().split("  ") for line in text.splitlines() if line.startswith("  ")]
    return {row[0]: row[-1].strip() for row in rows if len(row) > 1}


def test_sso_21_what_to_paste_has_the_names_of_entras_page_in_their_order(saml):
    assert list(values(saml.out).items()) == [
        ("Identifier (Entity ID)", f"{URL}/saml/metadata"),
        ("Reply URL (Assertion Consumer Service URL)", f"{URL}/saml/acs"),
        ("Sign on URL", URL),
        ("Relay State", "(leave it empty)"),
        ("Logout Url", f"{URL}/saml/logout"),
        ("Metadata to upload", f"{URL}/saml/metadata"),
    ]
    assert "scimd sso test contoso" in saml.err


def test_sso_15_a_connection_is_made_from_metadata(saml, database, publisher):
    (made,) = stored(database)
    assert not made.on
    assert (made.match_attribute, made.match_source) == ("userName", "NameID")
    assert (made.saml.entity_id, made.saml.sso_url, made.saml.metadata_url) == (ENTITY_ID, SSO_URL, publisher.url)
    (line,) = log_of(database)
    assert (line["operation"], line["resource"]) == ("add", {"type": "connection", "id": made.id})
    assert [row["act"] for row in AuditLog(database).find(tenant="contoso")] == ["connection add"]


def test_sso_15_a_connection_is_made_from_a_file_and_by_hand(scimd, database, tmp_path):
    file, pem = tmp_path / "metadata.xml", tmp_path / "idp.pem"
    file.write_bytes(metadata())
    pem.write_text(signer().pem)
    assert scimd("sso", "set", "contoso", "saml", "--metadata-file", str(file)).status == 0
    by_file = stored(database)[0].saml
    by_hand = ("--entity-id", ENTITY_ID, "--sso-url", SSO_URL, "--certificate", str(pem))
    assert scimd("sso", "set", "contoso", "saml", *by_hand).status == 0
    by_hand_part = stored(database)[0].saml
    assert by_hand_part.certificates == by_file.certificates
    assert len(stored(database)) == 1


@pytest.mark.parametrize(("options", "says"), [
    ((), "--metadata-url"),
    (("--metadata-url", "http://idp.example.com/"), "https"),
    (("--metadata-url", "http://127.0.0.1:9/"), "could not be read"),
    (("--entity-id", "x", "--sso-url", "https://idp.example.com/"), "--certificate"),
    (("--issuer", "https://idp.example.com/"), "not an option of saml"),
])
def test_a_connection_that_cannot_be_is_not_made(scimd, database, options, says):
    done = scimd("sso", "set", "contoso", "saml", *options)
    assert done.status
    assert says in done.err
    assert stored(database) == []
    assert log_of(database) == []


@pytest.mark.parametrize(("option", "value", "says"), [
    ("--match", "displayName=NameID", "userName"), ("--match", "userName=", "source"), ("--match", "userName", "source"),
    ("--app", "app_0", "There is no app 'app_0'; scimd app list shows the ids of those that there are."),
])
def test_sso_60_a_rule_that_cannot_hold_is_refused(scimd, database, publisher, option, value, says):
    done = scimd("sso", "set", "contoso", "saml", "--metadata-url", publisher.url, option, value)
    assert says in done.err
    assert stored(database) == []


@pytest.mark.parametrize("rule", ["bogus", "bogus=NameID", "userName", "userName="])
def test_the_error_about_a_match_rule_shows_one(scimd, publisher, rule):
    done = scimd("sso", "set", "contoso", "saml", "--metadata-url", publisher.url, "--match", rule)
    assert f"{rule!r} is no match rule" in done.err
    assert "ATTRIBUTE=SOURCE, such as userName=NameID" in done.err
    assert "emails, externalId, userName" in done.err


@pytest.mark.parametrize("content", [b"", b"no metadata", b"<a/>", b"\x30\x82"])
@pytest.mark.parametrize("options", [("--metadata-file",), ("--entity-id", "x", "--sso-url", SSO_URL, "--certificate")])
def test_the_error_about_a_file_names_it(scimd, database, tmp_path, options, content):
    file = tmp_path / "given.txt"
    file.write_bytes(content)
    done = scimd("sso", "set", "contoso", "saml", *options, str(file))
    assert done.status == 1
    assert f"{file}: " in done.err
    assert stored(database) == []


def test_the_error_about_a_metadata_url_names_it(scimd, database, publisher):
    publisher.body = b"<!DOCTYPE html><title>Sign in</title>"
    done = scimd("sso", "set", "contoso", "saml", "--metadata-url", publisher.url)
    assert done.err == f"scimd: {publisher.url}: The document is an HTML page.\n"
    assert stored(database) == []


def test_a_file_that_is_too_large_or_weak_is_named(scimd, tmp_path):
    large, weak = tmp_path / "large", tmp_path / "weak.pem"
    large.write_bytes(b"x" * 600_000)
    weak.write_text(signer("weak", bits=1_024).pem)
    assert f"{large}: It is larger" in scimd("sso", "set", "contoso", "saml", "--metadata-file", str(large)).err
    by_hand = ("--entity-id", "x", "--sso-url", SSO_URL, "--certificate", str(weak))
    assert f"{weak}: The certificate has an RSA key" in scimd("sso", "set", "contoso", "saml", *by_hand).err


def test_a_certificate_may_be_in_der_as_entras_raw_download_is(scimd, database, tmp_path):
    raw = tmp_path / "idp.cer"
    raw.write_bytes(signer().certificate.der)
    by_hand = ("--entity-id", ENTITY_ID, "--sso-url", SSO_URL, "--certificate", str(raw))
    assert scimd("sso", "set", "contoso", "saml", *by_hand).status == 0
    assert stored(database)[0].saml.certificates[0].der == signer().certificate.der


def test_a_group_that_is_not_there_yet_is_warned_about(saml, scimd, database):
    done = scimd("sso", "set", "contoso", "saml", "--group", "Staff")
    warning = "contoso has no group 'Staff' yet"
    assert done.status == 0
    assert f"Warning: {warning}" in done.err
    assert any(warning in each for each in scimd("sso", "show", "contoso", "--json").json[0]["advice"])
    create_group(database, "contoso", "staff")
    assert "Warning" not in scimd("sso", "set", "contoso", "saml", "--group", "Staff").err
    assert warning not in scimd("sso", "show", "contoso").out


def test_what_would_keep_it_from_being_turned_on_is_said_at_once(scimd, database, publisher):
    publisher.body = metadata(signer("old", starts=-400, days=100).certificate)
    done = scimd("sso", "set", "contoso", "saml", "--metadata-url", publisher.url)
    assert done.status == 0
    assert "Warning: None of its certificates is valid now" in done.err
    scimd.settings["SCIMD_PUBLIC_URL"] = "http://scim.example.com"
    publisher.body = metadata()
    done = scimd("sso", "set", "contoso", "saml", "--metadata-url", publisher.url)
    assert "Warning: SCIMD_PUBLIC_URL must begin with https" in done.err
    assert "SCIMD_PUBLIC_URL must begin with https" in scimd("sso", "show", "contoso").out
    assert "Warning: SCIMD_PUBLIC_URL must begin with https" in scimd("sso", "test", "contoso", "--no-wait").err


def test_an_issuer_that_its_metadata_does_not_name(scimd, database, issuer):
    issuer.metadata["issuer"] = "https://login.example.com/other"
    done = scimd("sso", "set", "contoso", "oidc", "--issuer", issuer.url, "--client-id", "1", "--key")
    assert f"another issuer: https://login.example.com/other, and not {issuer.url}" in done.err
    assert stored(database) == []


def test_sa_63_a_weak_certificate_is_refused_at_set_up(scimd, database, tmp_path):
    pem = tmp_path / "idp.pem"
    pem.write_text(signer("weak", bits=1_024).pem)
    done = scimd("sso", "set", "contoso", "saml", "--entity-id", "x", "--sso-url", SSO_URL, "--certificate", str(pem))
    assert "1024 bits" in done.err
    assert stored(database) == []


def test_what_is_not_said_stays(saml, scimd, database):
    before = stored(database)[0]
    assert scimd("sso", "set", "contoso", "saml", "--require-mfa", "--match", "externalId=oid").status == 0
    assert scimd("sso", "set", "contoso", "saml", "--group", "Staff").status == 0
    (after,) = stored(database)
    assert (after.id, after.saml, after.require_mfa, after.group) == (before.id, before.saml, True, "Staff")
    assert (after.match_attribute, after.match_source) == ("externalId", "oid")
    assert scimd("sso", "set", "contoso", "saml", "--no-require-mfa", "--group", "").status == 0
    assert (stored(database)[0].require_mfa, stored(database)[0].group) == (False, "")


def test_another_identity_provider_is_another_connection(saml, scimd, database, publisher):
    (before,) = stored(database)
    Links(database, "contoso", before.id).pin(Link("subject", "u"), ())
    publisher.body = metadata(entity_id="https://sts.windows.net/2/")
    assert scimd("sso", "set", "contoso", "saml", "--metadata-url", publisher.url).status == 0
    (after,) = stored(database)
    assert after.id != before.id
    assert database.db.links.find_one() is None


def test_sso_20_a_connection_by_openid_connect_seals_its_secret(scimd, database, issuer):
    options = ("--issuer", issuer.url, "--client-id", "1", "--secret-stdin", "--scope", "email")
    done = scimd("sso", "set", "contoso", "oidc", *options, answer="s3cret~value\n")
    assert done.status == 0, done.err
    assert values(done.out) == {
        "Redirect URI (Web)": f"{URL}/oidc/callback", "Front-channel logout URL": f"{URL}/oidc/logout",
        "Optional claims": "auth_time, sid, upn",
    }
    (made,) = stored(database)
    assert (made.match_source, made.oidc.scopes) == ("preferred_username", ("email",))
    assert Sealer(database).unseal(made.oidc.secret) == b"s3cret~value"
    assert "s3cret~value" not in done.out + done.err + str(list(database.db.connections.find()))


def test_a_terminal_is_asked_for_the_client_secret(scimd, database, issuer, monkeypatch):
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda prompt: "s3cret~value")
    done = scimd("sso", "set", "contoso", "oidc", "--issuer", issuer.url, "--client-id", "1", "--secret-stdin", answer=Terminal())
    assert done.status == 0, done.err
    (made,) = stored(database)
    assert Sealer(database).unseal(made.oidc.secret) == b"s3cret~value"


class Terminal:
    """A standard input at which somebody types."""

    def isatty(self) -> bool:
        return True


def test_sso_52_the_certificate_of_the_servers_key_is_printed_where_it_takes_the_place_of_a_secret(scimd, issuer):
    done = scimd("sso", "set", "contoso", "oidc", "--issuer", issuer.url, "--client-id", "1", "--key")
    assert "-----BEGIN CERTIFICATE-----" in done.out


def test_sso_32_the_certificate_of_signed_requests_is_printed(scimd, publisher):
    done = scimd("sso", "set", "contoso", "saml", "--metadata-url", publisher.url, "--sign-requests")
    assert "-----BEGIN CERTIFICATE-----" in done.out


def test_sso_13_turning_on_needs_a_test(saml, scimd, database):
    assert "scimd sso test contoso" in scimd("sso", "on", "contoso").err
    Connections(database).record_test(stored(database)[0])
    assert scimd("sso", "on", "contoso").status == 0
    assert stored(database)[0].on
    assert scimd("sso", "on", "contoso").status == 1


def test_sso_13_a_test_of_last_week_is_too_old(saml, scimd, database):
    database.db.connections.update_one({}, {"$set": {"tested": now() - timedelta(days=7, seconds=1)}})
    assert scimd("sso", "on", "contoso").status == 1
    assert scimd("sso", "on", "contoso", "--untested").status == 0


def test_sso_18_expired_certificates_cannot_be_turned_on(scimd, database, publisher):
    publisher.body = metadata(signer("old", starts=-400, days=100).certificate)
    assert scimd("sso", "set", "contoso", "saml", "--metadata-url", publisher.url).status == 0
    done = scimd("sso", "on", "contoso", "--untested")
    assert "certificates is valid now" in done.err
    assert not stored(database)[0].on


def test_sso_10_a_second_connection_takes_over(saml, scimd, database, issuer):
    assert scimd("sso", "on", "contoso", "--untested").status == 0
    options = ("--issuer", issuer.url, "--client-id", "1", "--key")
    assert scimd("sso", "set", "contoso", "oidc", *options).status == 0
    assert scimd("sso", "on", "contoso", "--untested").status == 0
    assert [each.on for each in stored(database)] == [False, True]
    assert scimd("sso", "off", "contoso").status == 0
    done = scimd("sso", "on", "contoso", "--untested")
    assert "--connection" in done.err
    assert scimd("sso", "on", "contoso", "--untested", "--connection", stored(database)[0].id).status == 0
    assert [each.on for each in stored(database)] == [True, False]


def test_d_730_a_second_connection_to_the_same_identity_provider_begins_as_the_one_that_is_on(scimd, database, issuer):
    registered = ("--issuer", issuer.url, "--client-id", "1")
    rules = ("--match", "externalId=oid", "--require-mfa", "--group", "Staff", "--scope", "email", "--label", "Entra")
    assert scimd("sso", "set", "contoso", "oidc", *registered, "--secret-stdin", *rules, answer="old\n").status == 0
    assert scimd("sso", "on", "contoso", "--untested").status == 0
    done = scimd("sso", "set", "contoso", "oidc", "--secret-stdin", answer="new\n")
    assert done.status == 0, done.err
    first, second = stored(database)
    assert (first.on, second.on) == (True, False)
    for name in ("match_attribute", "match_source", "require_mfa", "group", "label", "provider"):
        assert getattr(second, name) == getattr(first, name)
    assert (second.oidc.client_id, second.oidc.scopes) == ("1", ("email",))
    assert [Sealer(database, ()).unseal(each.oidc.secret) for each in (first, second)] == [b"old", b"new"]


def test_d_730_a_second_connection_for_the_next_certificate_keeps_the_rules(scimd, database, tmp_path):
    file = tmp_path / "metadata.xml"
    file.write_bytes(metadata())
    rules = ("--require-mfa", "--sign-requests", "--our-entity-id", "urn:contoso", "--subject", "uid")
    assert scimd("sso", "set", "contoso", "saml", "--metadata-file", str(file), *rules).status == 0
    assert scimd("sso", "on", "contoso", "--untested").status == 0
    file.write_bytes(metadata(signer("next").certificate))
    assert scimd("sso", "set", "contoso", "saml", "--metadata-file", str(file)).status == 0
    first, second = stored(database)
    assert [each.saml.certificates[0].thumbprint for each in (first, second)] == [
        signer().certificate.thumbprint, signer("next").certificate.thumbprint,
    ]
    for each in (first, second):
        assert (each.require_mfa, each.sign_requests, each.subject) == (True, True, "uid")
        assert each.saml.our_entity_id == "urn:contoso"


def test_d_730_a_second_connection_to_another_identity_provider_begins_anew(scimd, database, publisher, saml):
    assert scimd("sso", "on", "contoso", "--untested").status == 0
    publisher.body = metadata(entity_id="https://idp.example.com/")
    assert scimd("sso", "set", "contoso", "saml", "--metadata-url", publisher.url).status == 0
    assert [each.provider for each in stored(database)] == [ENTITY_ID, "https://idp.example.com/"]
    assert not stored(database)[1].require_mfa


@pytest.mark.parametrize(("change", "kept"), [((), True), (("--client-id", "2"), False), (("--subject", "sub"), False)])
def test_d_731_who_takes_over_from_the_same_registration_knows_the_same_people(
    scimd, database, issuer, change, kept
):
    assert scimd("sso", "set", "contoso", "oidc", "--issuer", issuer.url, "--client-id", "1", "--key").status == 0
    assert scimd("sso", "on", "contoso", "--untested").status == 0
    (first,) = stored(database)
    assert Links(database, "contoso", first.id).pin(Link("subject", "u"), ())
    assert scimd("sso", "set", "contoso", "oidc", "--key", *change).status == 0
    second = stored(database)[1]
    assert scimd("sso", "on", "contoso", "--untested").status == 0
    links = Links(database, "contoso", second.id)
    assert links.of("subject", "u") == ([Link("subject", "u")] if kept else [])
    if kept:
        assert Links(database, "contoso", first.id).of("subject", "u") == []
        assert links.pin(Link("subject", "u"), ())
        assert not links.pin(Link("another", "u"), ())


def sign_in(database, user="u", **changes):
    moment = now()
    about = {"tenant": "contoso", "user": user, "connection": stored(database)[0].id, "auth_time": moment}
    return Sessions(database).open(Session(**about, expires=moment + timedelta(hours=8), **changes))[0]


@pytest.mark.parametrize("command", [("off",), ("delete", "--yes")])
def test_sso_73_off_and_delete_end_all_sessions(saml, scimd, database, command):
    scimd("sso", "on", "contoso", "--untested")
    sign_in(database, apps=("app_1",))
    done = scimd("sso", command[0], "contoso", *command[1:])
    assert "Ended 1 session." in done.err
    assert Sessions(database).running("contoso") == []
    assert database.db.logouts.find_one()["reason"] == "operator"
    assert [row["act"] for row in AuditLog(database).find()][-1] == f"connection {command[0]}"


def test_sso_73_off_ends_the_sessions_of_the_connection_before_too(saml, scimd, database, issuer):
    scimd("sso", "on", "contoso", "--untested")
    sign_in(database, apps=("app_1",))
    scimd("sso", "set", "contoso", "oidc", "--issuer", issuer.url, "--client-id", "1", "--key")
    scimd("sso", "on", "contoso", "--untested")
    assert len(Sessions(database).running("contoso")) == 1, "who is signed in stays so"
    assert "Ended 1 session." in scimd("sso", "off", "contoso").err
    assert Sessions(database).running("contoso") == []


def test_delete_asks_first(saml, scimd, database):
    assert scimd("sso", "delete", "contoso", answer="n\n").status == 1
    assert len(stored(database)) == 1


def test_sso_77_who_is_signed_in_is_listed_and_ended(saml, scimd, database, operator_user):
    settings = Settings(name="Portal", redirect_uris=("https://app.example.com/",))
    app, _ = Apps(database).create(settings, lifetime=timedelta(days=1))
    sign_in(database, operator_user, apps=(app.id,))
    sign_in(database, "gone")
    rows = scimd("sso", "sessions", "contoso", "--json").json
    assert [(row["user"], row["apps"]) for row in rows] == [("ann@example.com", ["Portal"]), (None, [])]
    only = scimd("sso", "sessions", "contoso", "--user", "ANN@example.com", "--json").json
    assert [row["user_id"] for row in only] == [operator_user]
    assert "Ended 1 session." in scimd("sso", "end", "contoso", "--user", "ann@example.com").err
    assert "Ended 1 session." in scimd("sso", "end", "contoso", "--all").err
    assert "contoso has no user 'bob'" in scimd("sso", "end", "contoso", "--user", "bob").err
    assert scimd("sso", "end", "contoso").status == 2
    assert "No one is signed in" in scimd("sso", "sessions", "contoso").out
    line = next(line for line in log_of(database) if line["operation"] == "sign-off")
    assert line["credential"].startswith("command line: ")


@pytest.fixture
def operator_user(database):
    from tests.sign_on.people import create_user

    return create_user(database, "contoso", "ann@example.com")


def test_sso_63_unlink_forgets_the_pinned_subject(saml, scimd, database, operator_user):
    links = Links(database, "contoso", stored(database)[0].id)
    links.pin(Link("subject", operator_user), ())
    assert scimd("sso", "unlink", "contoso", "--user", "ann@example.com").status == 0
    assert links.of("subject", operator_user) == []
    assert scimd("sso", "unlink", "contoso", "--user", "ann@example.com").status == 1


def test_show_says_what_is_known_and_what_to_do(saml, scimd, database):
    (row,) = scimd("sso", "show", "contoso", "--json").json
    assert (row["identity_provider"], row["match"], row["on"]) == (ENTITY_ID, "userName=NameID", False)
    assert [each["thumbprint"] for each in row["certificates"]] == [signer().certificate.thumbprint]
    assert row["portal"]["Sign on URL"] == URL
    assert any("externalId" in each for each in row["advice"])
    printed = scimd("sso", "show", "contoso").out
    assert signer().certificate.thumbprint in printed
    assert signer().certificate.sha1 in printed
    database.db.connections.update_one({}, {"$set": {"baseUrl": "https://old.example.com", "fault": "It is away."}})
    printed = scimd("sso", "show", "contoso").out
    assert "https://old.example.com" in printed
    assert "It is away." in printed


def test_show_says_where_it_comes_from_and_whether_it_was_tested(saml, scimd, database, publisher):
    shown = values(scimd("sso", "show", "contoso").out)
    assert shown["SSO URL"] == SSO_URL
    assert shown["Metadata from"] == publisher.url
    assert shown["Tested"] == "not yet with these settings"
    database.db.connections.update_one({}, {"$set": {"tested": now() - timedelta(days=8)}})
    assert "more than seven days ago" in scimd("sso", "show", "contoso").out


def test_show_says_that_metadata_was_given_once(scimd, tmp_path):
    file = tmp_path / "metadata.xml"
    file.write_bytes(metadata())
    scimd("sso", "set", "contoso", "saml", "--metadata-file", str(file))
    shown = scimd("sso", "show", "contoso").out
    assert "not read again" in shown
    assert "Metadata read" not in shown
    assert scimd("sso", "show", "contoso", "--json").json[0]["metadata_url"] is None


@pytest.mark.parametrize(("starts", "days", "says"), [
    (-400, 100, "expired 300 days ago"), (-10, 110, "99 days left"), (-10, 10.5, "expires in 11 hours"),
    (10, 100, "not valid before"),
])
def test_show_says_how_long_a_certificate_is_valid(scimd, publisher, starts, days, says):
    today = (now() - NOW) / timedelta(days=1)
    publisher.body = metadata(signer(says, starts=starts + today, days=days).certificate)
    scimd("sso", "set", "contoso", "saml", "--metadata-url", publisher.url)
    assert says in scimd("sso", "show", "contoso").out


def test_show_shows_one_of_two(saml, scimd, database, issuer):
    scimd("sso", "on", "contoso", "--untested")
    scimd("sso", "set", "contoso", "oidc", "--issuer", issuer.url, "--client-id", "1", "--key")
    first, second = stored(database)
    (row,) = scimd("sso", "show", "contoso", "--json", "--connection", second.id).json
    assert row["metadata_url"] == f"{issuer.url}/.well-known/openid-configuration"
    printed = scimd("sso", "show", "contoso", "--connection", first.id).out
    assert first.id in printed
    assert second.id not in printed
    assert "no connection 'sso_0'" in scimd("sso", "show", "contoso", "--connection", "sso_0").err


def test_show_without_a_connection_says_how_to_make_one(scimd):
    assert "scimd sso set contoso saml" in scimd("sso", "show", "contoso").out
    assert scimd("sso", "show", "contoso", "--json").json == []
    assert scimd("sso", "show", "nobody").status == 1


def test_refresh_reads_the_metadata_now(saml, scimd, database, publisher, caplog):
    publisher.body = metadata(signer("new").certificate)
    assert scimd("sso", "refresh", "contoso").status == 0
    assert [each.thumbprint for each in stored(database)[0].saml.certificates] == [signer("new").certificate.thumbprint]
    publisher.behaviour = "error"
    assert scimd("sso", "refresh", "contoso").err == f"scimd: {publisher.url} answered 500.\n"
    assert caplog.records == []  # the sentence is said once


def test_sso_19_a_test_prints_a_link_and_waits_for_what_it_finds(saml, scimd, database):
    done = scimd("sso", "test", "contoso", "--no-wait")
    secret = done.out.strip().removeprefix(f"{URL}/test/")
    ticket = Tickets(database).take("contoso", secret)
    assert ticket is not None
    assert ticket[1] == stored(database)[0].id


def running_test(scimd, database, *options, passed):
    """Run `scimd sso test`, while somebody signs in."""
    def report():
        until(lambda: database.db.tickets.find_one())
        row = database.db.tickets.find_one()
        check = vars(Check("issuer", ENTITY_ID, ENTITY_ID, passed))
        end = {"user": "u", "name": "ann"} if passed else {"reason": "issuer", "detail": "It is another."}
        values = [{"name": "NameID", "values": ["ann@example.com"]}]
        outcome = {"passed": passed, "connection": row["connection"], "checks": [check], "values": values} | end
        Tickets(database).report("contoso", row["_id"], outcome)

    thread = threading.Thread(target=report)
    thread.start()
    done = scimd("sso", "test", "contoso", *options)
    thread.join()
    return done


@pytest.mark.parametrize("passed", [True, False])
def test_a_test_prints_what_it_finds_as_json(saml, scimd, database, passed):
    done = running_test(scimd, database, "--json", passed=passed)
    assert done.status == (0 if passed else 1)
    assert done.json["passed"] == passed
    assert [check["received"] for check in done.json["checks"]] == [ENTITY_ID]
    assert f"{URL}/test/" in done.err
    assert scimd("sso", "test", "contoso", "--no-wait", "--json").json["link"].startswith(f"{URL}/test/")


@pytest.mark.parametrize("passed", [True, False])
def test_sso_19_a_test_shows_each_check(saml, scimd, database, passed):
    done = running_test(scimd, database, passed=passed)
    assert done.status == (0 if passed else 1)
    assert ENTITY_ID in done.out
    assert "ann@example.com" in done.out
    assert ("How to fix it:\n  1. Compare the issuer (Microsoft Entra Identifier) at Entra" in done.err) is not passed
    assert ("scimd sso on contoso" if passed else "issuer. It is another.") in done.err


def test_sso_73_deleting_a_tenant_ends_its_sessions_and_the_apps_are_still_told(saml, scimd, database):
    sign_in(database, apps=("app_1",))
    assert scimd("tenant", "delete", "contoso", "--yes").status == 0
    assert database.db.sessions.find_one() is None
    assert [(row["app"], row["reason"]) for row in database.db.logouts.find()] == [("app_1", "deleted")]


def test_sso_73_so_do_those_that_begin_while_a_tenant_is_deleted(saml, scimd, database, monkeypatch):
    """To end the sessions of a large tenant takes a while, in which people sign in."""
    begin = TenantDeletion.begin

    def after_a_sign_in(self, name):
        if Tenants(database).get(name):
            sign_in(database, apps=("app_1",))
        begin(self, name)

    monkeypatch.setattr(TenantDeletion, "begin", after_a_sign_in)
    assert scimd("tenant", "delete", "contoso", "--yes").status == 0
    assert [(row["app"], row["reason"]) for row in database.db.logouts.find()] == [("app_1", "deleted")]
