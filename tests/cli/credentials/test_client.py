"""scimd client."""

import pytest

from app.auth import TokenEndpoint, TokenRequest


@pytest.fixture
def acme(scimd):
    scimd("tenant", "create", "acme")
    return "acme"


@pytest.fixture
def works(database):
    """Return whether the token endpoint takes a client's id and secret."""

    def works(client_id, secret):
        body = f"grant_type=client_credentials&client_id={client_id}&client_secret={secret}".encode()
        return TokenEndpoint(database).answer(TokenRequest("acme", body)).status == 200

    return works


def test_created_as_json(scimd, acme, works):
    made = scimd("client", "create", acme, "--json").json
    assert made["token_endpoint"] == "https://scim.example.com/acme/oauth/token"
    assert made["scope"] == "scim.read scim.write"
    assert made["expires"].endswith("Z")
    assert works(made["client_id"], made["client_secret"])


def test_created_for_people_under_the_names_of_entras_page(scimd, acme, works):
    done = scimd("client", "create", acme)
    values = {line.strip().rsplit("  ", 1)[0].strip(): line.split()[-1] for line in done.out.splitlines()}
    assert set(values) == {"Tenant URL", "OAuth token endpoint", "Client ID", "Client Secret"}
    assert works(values["Client ID"], values["Client Secret"])
    assert values["Client Secret"] not in done.err


def test_rotated_and_the_first_secret_deleted(scimd, acme, works):
    first = scimd("client", "create", acme, "--json").json
    second = scimd("client", "rotate", first["client_id"], "--expires", "30d", "--json").json
    assert second["client_id"] == first["client_id"]
    assert works(first["client_id"], first["client_secret"])
    assert works(first["client_id"], second["client_secret"])
    [listed] = scimd("client", "list", acme, "--json").json
    assert [row["secret_id"] for row in listed["secrets"]] == [first["secret_id"], second["secret_id"]]
    assert scimd("client", "secret", "delete", first["client_id"], first["secret_id"]).status == 0
    assert not works(first["client_id"], first["client_secret"])
    assert works(first["client_id"], second["client_secret"])


def test_deleted(scimd, acme, works):
    made = scimd("client", "create", acme, "--json").json
    assert scimd("client", "delete", made["client_id"]).status == 0
    assert not works(made["client_id"], made["client_secret"])
    assert "no clients" in scimd("client", "list", acme).out


def test_lists_show_no_secret(scimd, acme):
    made = scimd("client", "create", acme, "--label", "entra", "--json").json
    for shown in (scimd("client", "list", acme).out, scimd("client", "list", acme, "--json").out,
                  scimd("tenant", "show", acme).out, scimd("tenant", "show", acme, "--json").out,
                  scimd("events", acme).out):
        assert made["client_id"] in shown or "events" in shown or "create" in shown
        assert made["client_secret"] not in shown
    assert "valid" in scimd("client", "list", acme).out


def test_tenant_show_names_what_is_pasted(scimd, acme):
    made = scimd("client", "create", acme, "--json").json
    shown = scimd("tenant", "show", acme).out
    for name in ("Tenant URL", "OAuth token endpoint", "Client ID", "Client Secret", "Last contact", "Last error"):
        assert name in shown
    assert made["token_endpoint"] in shown
    assert made["client_id"] in shown


@pytest.mark.parametrize("arguments", [
    ["create", "nobody"], ["create", "acme", "--expires", "1097d"], ["create", "acme", "--expires", "never"],
    ["create", "acme", "--scope", "admin"], ["create", "acme", "--token-lifetime", "59m"],
    ["create", "acme", "--token-lifetime", "7h"], ["list", "nobody"], ["rotate", "x"], ["delete", "x"],
    ["secret", "delete", "x", "y"], ["secret", "delete", "x"],
])
def test_errors_are_one_sentence(scimd, acme, arguments):
    done = scimd("client", *arguments)
    assert done.status != 0
    assert done.out == ""
    assert len(done.err.strip().splitlines()) == 1


def test_a_noun_without_a_verb_shows_what_there_is(scimd):
    done = scimd("client", "secret")
    assert done.status != 0
    assert "delete" in done.err
