"""Every command of README.md and docs/ works as shown: a page is read from top to end beside a live server.

What stands for something (NAME, ID, https://scim.example.com, ...) is filled in; the rest is typed as it is. A command
that is added to a page and typed by nobody fails the page's test. What Docker, make and the tools of others run is in
test_elsewhere.py.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import requests
from pymongo import MongoClient

from app.check import CLIENTS
from app.store.sign_on.connections import Connections
from app.store.sign_on.links import Link, Links
from tests.auth.issuer import APP, AUDIENCE, SUBJECT, running_issuer
from tests.conftest import make_server
from tests.delivery.target import Reply, Target, running_target
from tests.docs import pages
from tests.docs.story import GROUP, SECRET_TOKEN, USER, Story, story
from tests.processes import until
from tests.sign_on.metadata import running_publisher

PUBLIC = "https://scim.example.com"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Story]:
    """Yield a reader of a page; no server runs yet."""
    with story(make_server(tmp_path, SCIMD_WORKERS="1", SCIMD_THREADS="8")) as told:
        yield told


def look_into_the_database(reader: Story) -> None:
    """Connect as `scimd mongo uri` says, with PyMongo, and with mongosh if it is installed."""
    command = 'mongosh "$(scimd mongo uri)"'
    reader.did(command)
    uri = reader.run("scimd mongo uri", "^mongodb://").strip()
    with MongoClient(uri, serverSelectionTimeoutMS=5_000) as client:
        assert client.get_default_database().users.count_documents({"tenant": "contoso"}) == 1
    if shutil.which("mongosh"):
        reader.run(f"{command} --quiet --eval 'db.users.countDocuments({{tenant: \"contoso\"}})'", "^1\n")


def answered(status: int, token: str, url: str) -> None:
    """Wait until the token gets this status; a worker may remember it for five seconds."""
    until(lambda: requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=30).status_code == status)


def create_and_look_up(reader: Story, token: str) -> None:
    """Type the README's two requests of `curl` for the tenant demo, and the first one twice."""
    shown = [line for line in pages.lines("README.md") if line.startswith("curl ")]
    create, look_up = (line.replace("http://127.0.0.1:8000", reader.server.url).replace("TOKEN", token) for line in shown)
    made = json.loads(reader.run(create, "jane@example.com"))
    assert json.loads(reader.run(look_up, "jane@example.com"))["Resources"][0]["id"] == made["id"]
    reader.run(create, '"409".*"uniqueness"')
    reader.run("scimd events demo --failed", "uniqueness")


def connect_entra(reader: Story) -> None:
    """Do what the first half of the README says."""
    page = reader.serve("make run")
    reader.run(re.search(r"^ +(curl .*)$", page, re.MULTILINE)[1], '"totalResults":[1-9]')  # type: ignore[index]
    create_and_look_up(reader, re.search(r"Secret Token +(\S+)", page)[1])  # type: ignore[index]
    url = f"{reader.server.url}/contoso/scim/v2"
    reader.run("scimd tenant create contoso", f"Tenant URL: {url}\n")
    token = reader.run("scimd token issue contoso --expires 90d", SECRET_TOKEN).strip()
    reader.run(f"scimd check {url} --token {token}", "ok")
    reader.send(token, "POST", f"{url}/Users", USER, 201)
    reader.follow("scimd events contoso --follow", "create +User jane@example.com")
    look_into_the_database(reader)
    reader.run("scimd client create contoso", f"OAuth token endpoint +{reader.server.url}/contoso/oauth/token")
    reader.run("scimd setup link contoso", f"{reader.server.url}/setup/enter/")
    with running_issuer() as issuer:
        more = f"--kind assertion --issuer {issuer.url} --audience {AUDIENCE} --subject {SUBJECT}"
        reader.run(f"scimd trust add contoso {more}", "Client ID")
    reader.run("scimd tenant show contoso", "Secret Token.*OAuth 2.0 client credentials.*Workload Identity Federation")
    reader.run("scimd tenant delete contoso", "", answer="y\n")
    answered(401, token, f"{url}/Users")
    reader.run("scimd tenant create contoso --profile interop", f"Tenant URL: {url}\n")


def run_tenants(reader: Story) -> None:
    """Run the table's commands about tenants and tokens."""
    for profile in ("gallery", "interop", "rfc"):
        reader.run(f"scimd tenant create of-{profile} --profile {profile}", f"/of-{profile}/scim/v2")
    reader.run("scimd demo", "Its Secret Token was shown once, on")
    reader.run("scimd tenant list", "demo.*of-gallery.*of-interop.*of-rfc")
    reader.run("scimd tenant create acme --rate-limit 200", "/acme/scim/v2")
    reader.run("scimd tenant show acme", "200 requests a second")
    reader.run("scimd tenant limit acme 50", "")
    reader.run("scimd tenant guard acme --share 30 --stop", "More than 30 %.*further ones are refused")
    reader.run("scimd tenant guard acme --no-stop --allow", "a warning")
    reader.run("scimd tenant suspend acme", "")
    reader.run("scimd tenant show acme", "profile gallery, suspended")
    reader.run("scimd tenant resume acme", "")
    token = reader.run("scimd token issue acme --expires 90d", SECRET_TOKEN).strip()
    reader.run("scimd token issue acme --label entra-prod", SECRET_TOKEN)
    reader.run("scimd token issue acme --label app --scope scim.read", SECRET_TOKEN)
    reader.run("scimd token list acme", rf"{token.split('_')[1]}.*entra-prod")
    reader.run(f"scimd token revoke {token.split('_')[1]}", "")
    reader.run("scimd token list acme", "revoked")
    reader.run("scimd token issue --all-tenants --scope events.read --expires 90d", SECRET_TOKEN)
    reader.run("scimd token list --all-tenants", "valid.*events.read")
    reader.run("scimd acts", "tenant create +demo.*token revoke +acme")
    reader.run("scimd acts --tenant acme --since 7d", "tenant suspend.*tenant resume.*token issue")
    reader.run("scimd feed status", "relay +[^-].*published +[0-9]")
    reader.run("scimd feed restart", "The next change gets a number above [0-9]")


def run_clients_and_trusts(reader: Story) -> None:
    """Run the table's commands about clients and trusts."""
    made = json.loads(reader.run("scimd client create acme --json", "client_secret"))
    client = made["client_id"]
    reader.run("scimd client create acme", "Client Secret")
    reader.run(f"scimd client rotate {client}", "Client Secret")
    reader.run("scimd client list acme", rf"{client}.*{made['secret_id']}")
    reader.run(f"scimd client secret delete {client} {made['secret_id']}", "")
    assert made["secret_id"] not in reader.run("scimd client list acme", client)
    reader.run(f"scimd client delete {client}", "")
    assert client not in reader.run("scimd client list acme", "")
    with running_issuer() as issuer:
        trust = f"scimd trust add acme --kind bearer --issuer {issuer.url} --audience {AUDIENCE} --app-id {APP}"
        added = json.loads(reader.run(f"{trust} --json", "issuer"))["id"]
    reader.run("scimd trust list acme", added)
    reader.run(f"scimd trust delete {added}", "")
    reader.run("scimd trust list acme", "trusts no issuer")


def run_apps(reader: Story) -> None:
    """Run the table's commands about apps, their keys, and mail domains."""
    create = "scimd app create portal --redirect-uri https://app.example.com/cb --tenant acme"
    app = re.search(r"app_\w+", reader.run(f"{create} --public --scope groups", "Client ID"))[0]
    reader.run(f"scimd app show {app}", r"portal.*https://app\.example\.com/cb")
    reader.run(f"scimd app change {app} --name Portal", "")
    reader.run("scimd app list", f"{app}.*Portal.*acme")
    reader.run(f"scimd app delete {app}", "")
    made = json.loads(reader.run(f"{create} --json", "client_secret"))["client_id"]
    reader.run(f"scimd app rotate {made}", "Client Secret")
    shown = json.loads(reader.run(f"scimd app show {made} --json", "secrets"))
    reader.run(f"scimd app secret delete {made} {shown['secrets'][0]['secret_id']}", "")
    reader.run("scimd tenant domain add acme acme.example", "")
    reader.run("scimd tenant domain list acme", "acme.example")
    reader.run("scimd tenant domain remove acme acme.example", "")
    reader.run("scimd signing-key rotate --now", "signs from")
    reader.run("scimd signing-key rotate --use saml", "signs from")
    reader.run("scimd signing-key rotate", "signs from")
    reader.run("scimd signing-key list", "id-token.*saml")
    reader.run("scimd signing-key seal", r"^[\w-]{43}=$")


def run_sign_on(reader: Story) -> None:
    """Run the table's commands about identity providers and about who is signed in."""
    reader.run("scimd tenant create wingtip", "wingtip")
    with running_publisher() as publisher, running_issuer() as issuer:
        root = issuer.url.rsplit("/", 2)[0]
        issuer.metadata |= {"authorization_endpoint": f"{root}/authorize", "token_endpoint": f"{root}/token"}
        reader.run(f"scimd sso set wingtip saml --metadata-url {publisher.url} --require-mfa", "Sign on URL.*/wingtip/sign-on")
        reader.run("scimd sso show wingtip", "Identifier.*Certificate")
        reader.run("scimd sso test wingtip --no-wait", "/wingtip/sign-on/test/")
        reader.follow("scimd sso test wingtip", "/wingtip/sign-on/test/")
        reader.run("scimd sso on wingtip", "was not tested", status=1)
        reader.run("scimd sso refresh wingtip", "")
        reader.run("scimd sso on wingtip --untested", "")
        oidc = f"scimd sso set wingtip oidc --issuer {issuer.url} --client-id 1"
        reader.run(f"{oidc} --secret-stdin --scope email", "Redirect URI", answer="secret\n")
        reader.run("scimd sso sessions wingtip", "No one is signed in")
        reader.run("scimd sso end wingtip --all", "")
        reader.run("scimd sso off wingtip", "")
    url, token = f"{reader.server.url}/wingtip/scim/v2/Users", reader.run("scimd token issue wingtip", SECRET_TOKEN).strip()
    user = reader.send(token, "POST", url, USER | {"userName": "ann@example.com"}, 201)["id"]
    database = reader.server.database
    Links(database, "wingtip", "sso_1").pin(Link("subject", user), ())
    reader.run("scimd sso unlink wingtip --user ann@example.com", "")
    reader.run("scimd sso sessions wingtip --user ann@example.com", "No one is signed in")
    reader.run("scimd sso end wingtip --user ann@example.com", "")
    first, _ = Connections(database).of_tenant("wingtip")
    reader.run(f"scimd sso delete wingtip --yes --connection {first.id}", "")
    reader.run("scimd sso delete wingtip", "Delete the connection", answer="y\n")
    reader.run("scimd sso delete wingtip --yes", "has no connection", status=1)
    reader.run("scimd tenant delete wingtip --yes", "")


def told_of(target: Target, group: str) -> list[str]:
    """Return the ids of the events that arrived about the creation of a group."""
    return [each.id for each in target.accepted if each.event["subject"] == f"Groups/{group}" and each.event["type"] == "scimd.group.created"]


def run_streams(reader: Story) -> None:
    """Run the table's commands about streams of security event tokens."""
    reader.run("scimd stream create acme --push http://127.0.0.1:9/ --audience app", "Keys URL")
    line, of_push = "Bearer x\n", "scimd stream create acme --push http://127.0.0.1:9/ --audience app"
    reader.run(f"{of_push} --authorization-stdin", "Keys URL", answer=line)
    (pushed, *_) = [row["id"] for row in json.loads(reader.run("scimd stream list acme --json", "push"))]
    reader.run(f"scimd stream change {pushed} --push http://127.0.0.1:10/", "")
    reader.run(f"scimd stream change {pushed} --authorization-stdin", "", answer=line)
    made = re.findall(r"ep_\w+", reader.run("scimd stream create acme --poll --audience app --from-start", "Poll URL"))[0]
    reader.run("scimd stream create acme --poll --audience app", "Poll URL")
    reader.run("scimd stream list acme", f"{made} .*poll")
    reader.run("scimd stream list", made)
    reader.run(f"scimd stream show {made}", "jwks")
    reader.run(f"scimd stream delete {made}", "")
    reader.run("scimd stream rotate-key", "signs from")
    reader.run("scimd stream rotate-key --now", "signs from")


def run_webhooks(reader: Story) -> None:
    """Run the table's commands about webhooks."""
    with running_target() as target:
        create = f"scimd webhook create acme {target.url}"
        reader.run(f"{create} --types scimd.user.* --parallel 4", "Public key +whpk_")
        reader.run(f"{create} --hmac --resource current", "Secret +whsec_")
        made = json.loads(reader.run(f"{create} --from-start --json", "whpk_"))["id"]
        reader.did(f"{create} --from-start")
        reader.run("scimd webhook list acme", f"{made} .*{target.url}")
        reader.run("scimd webhook list", made)
        reader.run(f"scimd webhook change {made} --parallel 2", "")
        reader.run(f"scimd webhook rotate {made} --overlap 24h", "whpk_")
        reader.run(f"scimd webhook rotate {made}", "whpk_")
        reader.run(f"scimd webhook test {made}", "Delivered: 204")
        reader.run(f"scimd webhook show {made}", "whpk_.*204.*delivered")
        reader.run(f"scimd webhook failures {made}", "Nothing is put aside")
        token = reader.run("scimd token issue acme", SECRET_TOKEN).strip()
        url = f"{reader.server.url}/acme/scim/v2/Groups"
        group = reader.send(token, "POST", url, GROUP | {"displayName": "Told"}, 201)["id"]
        of_group = partial(told_of, target, group)
        until(lambda: len(of_group()) == 2)  # two of the three endpoints get it
        reader.run(f"scimd webhook resend {made} {of_group()[0]}", "")
        until(lambda: len(of_group()) == 3)
        reader.run(f"scimd webhook replay {made} --since 2h", "")
        until(lambda: len(of_group()) == 4)
        reader.send(token, "DELETE", f"{url}/{group}", status=204)
        reader.run(f"scimd webhook disable {made}", "is off")
        reader.run(f"scimd webhook enable {made}", "is on")
        reader.run(f"scimd webhook enable {made} --from now", "is on")
        for each in json.loads(reader.run("scimd webhook list acme --json", made)):
            reader.run(f"scimd webhook delete {each['id']}", "")


def run_the_pages(reader: Story) -> None:
    """Run the table's commands about the web pages."""
    reader.run("scimd console visits", "No one is signed in")
    for more in ("", " --as alice", " --role operator", " --role viewer"):
        link = reader.run(f"scimd console link{more}", f"{reader.server.url}/console/enter/").strip()
    requests.post(link, headers={"Sec-Fetch-Site": "same-origin"}, allow_redirects=False, timeout=30)
    (visit,) = json.loads(reader.run("scimd console visits --json", "viewer"))
    reader.run(f"scimd console end {visit['id']}", "1 visit ended")
    reader.run("scimd console end --all", "0 visits ended")
    for more in (" --may setup", " --may status", " --expires 72h", " --code"):
        reader.run(f"scimd setup link acme{more}", f"{reader.server.url}/setup/enter/")
    made = json.loads(reader.run("scimd setup link acme --json", "/setup/enter/"))["id"]
    reader.run("scimd setup list acme", made)
    reader.run(f"scimd setup revoke {made}", "is no longer valid")
    assert made not in reader.run("scimd setup list acme", "setup")


def run_the_rest(reader: Story) -> None:
    """Run the table's commands about the log, deleted resources, and moving a tenant."""
    url, token = f"{reader.server.url}/acme/scim/v2", reader.run("scimd token issue acme", SECRET_TOKEN).strip()
    jane = reader.send(token, "POST", f"{url}/Users", USER, 201)["id"]
    reader.send(token, "POST", f"{url}/Users", USER, 409)
    reader.send(token, "POST", f"{url}/Groups", GROUP | {"members": [{"value": jane}]}, 201)
    reader.send(token, "POST", f"{url}/Groups", GROUP | {"displayName": "Others"}, 201)
    reader.run("scimd events acme", "create +User jane@example.com.*create +Group Sales.*create +Group Others")
    assert "Others" not in reader.run("scimd events acme --user jane@example.com", "create.*409.*Group Sales")
    reader.run("scimd role map acme Sales seller --priority 10 --default guest", "")
    reader.run("scimd role list acme", "seller +10 +Sales.*guest")
    reader.run("scimd role list acme --user jane@example.com", "seller +Sales")
    reader.run("scimd role unmap acme Sales seller", "")
    reader.run("scimd role unmap acme --default", "")
    reader.run("scimd role list acme", "maps no group")
    assert " 201 " not in reader.run("scimd events acme --failed", "uniqueness")
    reader.run("scimd events acme --since 2h", "Sales")
    refused = json.loads(reader.run("scimd events acme --failed --json", "uniqueness"))["request"]
    reader.run(f"scimd events acme --reference {refused}", f"create.*409.*{refused}")
    reader.follow("scimd events acme --follow", "Sales")
    reader.send(token, "DELETE", f"{url}/Users/{jane}", status=204)
    reader.run("scimd deleted list acme", f"{jane}.*jane@example.com")
    reader.run(f"scimd restore acme {jane}", "Restored jane@example.com")
    shown = reader.send(token, "GET", f"{url}/Users/{jane}")
    reader.run("scimd export acme > acme.jsonl", "Exported 4 lines")
    reader.did("scimd export acme")
    reader.run("scimd tenant delete acme", "", answer="y\n")
    reader.run("scimd tenant create acme", "/acme/")
    reader.run("scimd import acme acme.jsonl", "Imported 4, already present 0, refused 0")
    token = reader.run("scimd token issue acme", SECRET_TOKEN).strip()
    assert reader.send(token, "GET", f"{url}/Users/{jane}") == shown | {"meta": shown["meta"] | {"version": 'W/"1"'}}


def test_readme(reader: Story, mongod_uri: str) -> None:
    connect_entra(reader)
    assert reader.server.stop() == 0
    shutil.rmtree(reader.server.folder / "data")
    page = reader.serve(f"SCIMD_PUBLIC_URL={PUBLIC} make run", SCIMD_PUBLIC_URL=PUBLIC, SCIMD_MONGODB_URI=mongod_uri)
    reader.did(f"SCIMD_MONGODB_URI={mongod_uri} make run")  # with both, it is started once less
    assert f"{PUBLIC}/demo/scim/v2" in page
    assert not (reader.server.folder / "data").exists()
    assert reader.untried("README.md", "Commands") == []


@pytest.mark.long
def test_the_commands_of_readme(reader: Story) -> None:
    reader.serve("scimd serve --demo", SCIMD_WEBHOOK_NETWORKS="127.0.0.0/8")
    reader.environ |= {"SCIMD_WEBHOOK_NETWORKS": "127.0.0.0/8"}
    run_tenants(reader)
    run_clients_and_trusts(reader)
    run_apps(reader)
    run_sign_on(reader)
    run_webhooks(reader)
    reader.did("scimd serve --demo --demo-webhook")  # tests/cli/test_demo_webhook.py
    run_streams(reader)
    run_the_pages(reader)
    run_the_rest(reader)
    url, token = f"{reader.server.url}/demo/scim/v2", reader.run("scimd token issue demo", SECRET_TOKEN).strip()
    for client in CLIENTS:
        reader.run(f"scimd check {url} --token {token} --as {client}", "ok")
    reader.run("scimd mongo uri", "^mongodb://")
    assert reader.untried("README.md#Commands") == []


@pytest.mark.long
def test_entra(reader: Story) -> None:
    reader.serve("make run")
    url = f"{reader.server.url}/contoso/scim/v2"
    reader.run("scimd tenant create contoso", url)
    token = reader.run("scimd token issue contoso --expires 90d", SECRET_TOKEN).strip()
    reader.run("scimd token issue contoso", SECRET_TOKEN)
    client = json.loads(reader.run("scimd client create contoso --json", "client_id"))["client_id"]
    reader.run("scimd client create contoso", "Tenant URL.*OAuth token endpoint.*Client ID.*Client Secret")
    reader.run("scimd client list contoso", client)
    reader.run(f"scimd client rotate {client}", "Client Secret")
    with running_issuer() as issuer:
        add = f"scimd trust add contoso --issuer {issuer.url}"
        kinds = {"assertion": f"--audience api://{APP} --subject {SUBJECT}", "bearer": f"--audience {AUDIENCE} --app-id {APP}"}
        for kind, more in kinds.items():
            add = f"scimd trust add contoso --kind {kind} --issuer {issuer.url} {more}"
            reader.run(add, "OAuth token endpoint.*Client ID" if kind == "assertion" else "leave it empty")
    ways = "Secret Token.*OAuth 2.0 client credentials.*Workload Identity Federation.*leave it empty"
    assert url in reader.run("scimd tenant show contoso", ways)
    reader.run(f"scimd check {url} --token {token}", "ok")
    reader.send(f"{token[:-1]}x", "GET", f"{url}/Users", status=401)
    for more in ("", " --since 1d"):
        reader.run(f"scimd events contoso --failed{more}", "401")
    reader.send(token, "POST", f"{url}/Users", USER, 201)
    reader.run("scimd events contoso --user jane@example.com", "create +User jane@example.com")
    connect(reader)
    assert reader.untried("docs/entra.md") == []


def connect(reader: Story) -> None:
    """Connect contoso by SAML and by OpenID Connect, as the pages say."""
    with running_publisher() as publisher, running_issuer() as issuer:
        root = issuer.url.rsplit("/", 2)[0]
        issuer.metadata |= {"authorization_endpoint": f"{root}/authorize", "token_endpoint": f"{root}/token"}
        reader.run(f'scimd sso set contoso saml --metadata-url "{publisher.url}"', "Reply URL")
        reader.follow("scimd sso test contoso", "/contoso/sign-on/test/")
        reader.run("scimd sso on contoso", "was not tested", status=1)
        reader.run("scimd sso on contoso --untested", "")
        oidc = f"scimd sso set contoso oidc --issuer {issuer.url} --client-id {APP} --secret-stdin"
        reader.run(oidc, "Redirect URI", answer="secret\n")


@pytest.mark.long
def test_sign_on(reader: Story) -> None:
    reader.serve("make run")
    reader.run("scimd tenant create contoso", "contoso")
    connect(reader)
    reader.run("scimd sso show contoso", "Certificate")
    for command in ("sessions contoso", "end contoso --all", "off contoso"):
        reader.run(f"scimd sso {command}", "")
    for command in ("end", "unlink"):
        reader.run(f"scimd sso {command} contoso --user b.simon@contoso.com", "has no user 'b.simon@contoso.com'", status=1)
    reader.run("scimd events contoso --user b.simon@contoso.com", "")
    reader.run("scimd events contoso --reference 0", "Nothing was refused")
    reader.run("scimd events demo --failed", "409")
    reader.run("scimd events contoso --failed", "")
    reader.run("scimd signing-key seal", "")
    reader.run("scimd sso refresh contoso", "", status=1)
    reader.run("scimd tenant resume contoso", "")
    reader.run("scimd app create portal --redirect-uri https://app.example.com/callback", "Discovery URL")
    reader.did("scimd export")
    reader.did("scimd export contoso")
    assert reader.untried("docs/sign-on.md") == []


@pytest.mark.long
def test_console(reader: Story) -> None:
    reader.serve("make run")
    reader.run("scimd tenant create contoso", "contoso")
    reader.run("scimd console link", "/console/enter/")
    link = reader.run("scimd console link --role viewer --as alice", "/console/enter/").strip()
    requests.post(link, headers={"Sec-Fetch-Site": "same-origin"}, allow_redirects=False, timeout=30)
    reader.run("scimd console visits", "alice.*viewer")
    (visit,) = json.loads(reader.run("scimd console visits --json", "alice"))
    reader.run(f"scimd console end {visit['id']}", "1 visit ended")
    reader.run("scimd console end --all", "0 visits ended")
    reader.run("scimd setup link contoso --expires 72h", "/setup/enter/")
    (made,) = json.loads(reader.run("scimd setup list contoso --json", "setup"))
    reader.run("scimd setup list contoso", made["id"])
    reader.run(f"scimd setup revoke {made['id']}", "is no longer valid")
    json.loads(reader.run("scimd setup link contoso --expires 5m --json", "/setup/enter/"))
    reader.run("scimd acts", "console link.*setup link +contoso.*setup revoke")
    assert reader.untried("docs/console.md") == []


@pytest.mark.long
def test_clients(reader: Story) -> None:
    reader.serve("make run")
    url = f"{reader.server.url}/contoso/scim/v2"
    reader.run("scimd tenant create contoso --profile interop", url)
    token = reader.run("scimd token issue contoso --expires 365d", SECRET_TOKEN).strip()
    reader.run("scimd client create contoso", "Client ID")
    reader.run(f"scimd check {url} --token {token} --as okta", "ok")
    reader.follow("scimd events contoso --follow", "create")
    assert reader.untried("docs/clients.md") == []


@pytest.mark.long
def test_mongodb(reader: Story) -> None:
    reader.serve("make run")
    token = reader.run("scimd token issue demo", SECRET_TOKEN).strip()
    url = f"{reader.server.url}/demo/scim/v2"
    jane = reader.send(token, "POST", f"{url}/Users", USER, 201)["id"]
    reader.send(token, "DELETE", f"{url}/Users/{jane}", status=204)
    reader.run(f"scimd restore demo {jane}", "Restored")
    reader.run("scimd export demo > demo.jsonl", "Exported [0-9]+ lines")
    lines = (reader.server.folder / "demo.jsonl").read_text().splitlines()
    reader.run("scimd import demo demo.jsonl", f"already present {len(lines)}")
    reader.run("scimd mongo uri", "^mongodb://")
    reader.run("scimd events demo", "restore +User jane@example.com")
    users = reader.send(token, "GET", f"{url}/Users?count=0")["totalResults"]
    until(lambda: f"Users: {users} " in reader.run("scimd tenant show demo", "Users: "))
    assert reader.untried("docs/mongodb.md") == []


def webhooks_that_fail(reader: Story, token: str) -> None:
    """Do what the page says about an endpoint that accepts nothing."""
    with running_target() as target:
        target.reply = lambda _: Reply(410)
        made = json.loads(reader.run(f"scimd webhook create demo {target.url} --json", "whpk_"))["id"]
        url = f"{reader.server.url}/demo/scim/v2/Groups"
        group = reader.send(token, "POST", url, GROUP | {"displayName": "Told"}, 201)["id"]
        until(lambda: "off" in reader.run(f"scimd webhook show {made}", ""))
        reader.run(f"scimd webhook failures {made}", "")
        reader.run(f"scimd webhook rotate {made}", "whpk_")
        reader.run(f"scimd webhook rotate {made} --overlap 1s", "whpk_")
        target.reply = lambda _: Reply()
        reader.run(f"scimd webhook enable {made}", "is on")
        until(lambda: told_of(target, group))
        reader.run(f"scimd webhook resend {made} {target.ids[0]}", "")
        until(lambda: len(target.ids) > 1)
        reader.run(f"scimd webhook delete {made}", "")
        reader.send(token, "DELETE", f"{url}/{group}", status=204)


@pytest.mark.long
def test_operating(reader: Story) -> None:
    reader.serve("make run", SCIMD_WEBHOOK_NETWORKS="127.0.0.0/8")
    reader.environ |= {"SCIMD_WEBHOOK_NETWORKS": "127.0.0.0/8"}
    url = f"{reader.server.url}/demo/scim/v2"
    old = reader.run("scimd token issue demo", SECRET_TOKEN).strip()
    token = reader.run("scimd token issue demo --expires 365d --label entra-2027", SECRET_TOKEN).strip()
    jane = reader.send(token, "POST", f"{url}/Users", USER, 201)["id"]
    reader.send(token, "POST", f"{url}/Users", USER, 409)
    reader.run("scimd token list demo", "entra-2027")
    reader.run(f"scimd token revoke {old.split('_')[1]}", "")
    reader.run("scimd events demo --user jane@example.com", "create.*201.*409")
    reader.run("scimd events demo", "create +User jane@example.com")
    reader.run("scimd events demo --failed", "uniqueness")
    reader.run("scimd events demo --failed --since 2h", "uniqueness")
    reader.run("scimd events demo --since 1h", "uniqueness")
    reader.run(f"scimd check {url} --token {token}", "ok")
    reader.send(token, "DELETE", f"{url}/Users/{jane}", status=204)
    reader.run("scimd deleted list demo", jane)
    reader.run(f"scimd restore demo {jane}", "Restored")
    made = json.loads(reader.run("scimd client create demo --json", "secret_id"))
    reader.run(f"scimd client rotate {made['client_id']}", "Client Secret")
    reader.run(f"scimd client secret delete {made['client_id']} {made['secret_id']}", "")
    reader.run(f"scimd client delete {made['client_id']}", "")
    reader.run("scimd events demo --since 7d", "create +User jane@example.com +201 +" + token.split("_")[1])
    reader.run("scimd token issue demo --scope events.read --label crm", SECRET_TOKEN)
    copy = reader.run("scimd token issue --all-tenants --scope events.read --label copy", SECRET_TOKEN)
    reader.run("scimd token list --all-tenants", f"{copy.split('_')[1]}.*copy")
    reader.run("scimd events - --since 7d", "issue +token copy")
    reader.run("scimd events -", "issue +token copy")
    webhooks_that_fail(reader, token)
    answered(403, reader.run("scimd token issue demo --scope events.read", SECRET_TOKEN).strip(), f"{url}/Users")
    answered(401, copy.strip(), f"{url}/Users")
    reader.run("scimd signing-key seal", r"^[\w-]{43}=$")
    reader.run("scimd sso show demo", "OpenID Connect")
    reader.run("scimd sso refresh demo", "")
    reader.run("scimd tenant guard demo --share 30", "More than 30 %")
    reader.run("scimd tenant guard demo --stop", "further ones are refused")
    reader.run("scimd tenant guard demo --allow", "More than 30 %")
    reader.run("scimd tenant guard demo --no-stop", "a warning")
    reader.run("scimd tenant limit demo 200", "")
    reader.run("scimd tenant show demo", "200 requests a second")
    reader.run("scimd tenant limit demo default", "")
    reader.run("scimd tenant suspend demo", "")
    answered(403, token, f"{url}/Users")
    reader.run("scimd tenant resume demo", "")
    answered(200, token, f"{url}/Users")
    reader.run("scimd acts", "client rotate.*tenant suspend.*tenant resume")
    reader.run("scimd feed status", "relay +[^-].*published +[0-9]")
    reader.run("scimd tenant show demo", "Last contact: 20.*Last error: 20")
    assert reader.untried("docs/operating.md", "Backup and restore", "Upgrading") == []
