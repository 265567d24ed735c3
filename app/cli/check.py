"""scimd check: looks at a running SCIM server as Entra would, and says in plain words what is wrong."""

from __future__ import annotations

import json
import ssl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import click
import requests

from app.cli.output import json_option, print_json, say
from app.schemas.group import GROUP_TYPE
from app.schemas.user import USER_TYPE

SCIM_JSON = "application/scim+json"
PATIENCE = 30
NAME = USER_TYPE.identifier
USER_URN = USER_TYPE.schema.id
GROUP_URN = GROUP_TYPE.schema.id
PATCH_URN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Wrong(Exception):
    """What is wrong, in one sentence, and what to do."""


@dataclass
class Check:
    """A client that does what Entra does, a step after the other."""

    url: str
    token: str
    results: list[dict[str, str]] = field(default_factory=list)
    session: requests.Session = field(default_factory=requests.Session)

    def run(self) -> bool:
        """Do every step and clean up; tell whether all went well."""
        for step in (self._address, self._test_connection, self._wrong_token, self._discovery):
            if not self._step(step.__doc__ or "", step):
                return False
        user = group = None
        try:
            user = self._result("A user is created", self._create_user)
            group = self._result("A group is created", self._create_group)
            if user and group:
                for sentence, step in self._life(user, group):
                    self._step(sentence, step)
        finally:
            for path in (f"/Users/{user}" if user else "", f"/Groups/{group}" if group else ""):
                if path:
                    self._step(f"What was made for the check is deleted: {path.split('/')[1]}", self._deleting(path))
        return all(row["result"] == "ok" for row in self.results)

    def _address(self) -> None:
        """The URL is one that Entra can use"""
        parts = urlsplit(self.url)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise Wrong("Entra takes only https; put a proxy with TLS in front.")
        if parts.query or parts.fragment:
            raise Wrong("The URL must end with its path, without ? and #.")

    def _test_connection(self) -> None:
        """Test Connection: a query for a user and for a group that do not exist finds nothing"""
        for path, attribute in (("/Users", NAME), ("/Groups", "displayName")):
            more = "excludedAttributes=members&" if path == "/Groups" else ""
            condition = quote(f'{attribute} eq "{uuid.uuid4()}"')
            found = self._get(f"{path}?{more}filter={condition}")
            if found.get("totalResults") != 0 or found.get("Resources") != []:
                raise Wrong(f"{path} must answer with an empty ListResponse to a filter that matches nothing.")

    def _wrong_token(self) -> None:
        """A wrong token is refused"""
        answer = self._send("GET", "/Users?count=1", token="wrong-" + uuid.uuid4().hex)
        if answer.status_code != 401:
            raise Wrong(f"A wrong token is answered with {answer.status_code}; it must be 401.")

    def _discovery(self) -> None:
        """Schema discovery answers"""
        schemas = {each.get("id") for each in self._get("/Schemas").get("Resources", ())}
        if not {USER_URN, GROUP_URN} <= schemas:
            raise Wrong("/Schemas must list User and Group; Entra maps only what it finds there.")

    def _create_user(self) -> str:
        self.name = f"scimd-check-{uuid.uuid4().hex[:12]}@example.com"
        body = {
            "schemas": [USER_URN], NAME: self.name, "externalId": uuid.uuid4().hex, "active": True,
            "displayName": "scimd check", "emails": [{"type": "work", "value": self.name, "primary": True}],
            "name": {"givenName": "scimd", "familyName": "check", "formatted": "scimd check"},
        }
        return self._created("/Users", body)

    def _create_group(self) -> str:
        body = {"schemas": [GROUP_URN], "displayName": f"scimd-check-{uuid.uuid4().hex[:12]}"}
        return self._created("/Groups", body)

    def _life(self, user: str, group: str) -> Iterator[tuple[str, Any]]:
        path = f"/Users/{user}"
        yield f"The user is matched by its {NAME}, in any letter case", lambda: self._matched(user)
        yield "An attribute is changed (Replace with a path)", lambda: self._changed(
            path, {"op": "Replace", "path": "displayName", "value": "changed"}, "displayName", "changed")
        yield "An e-mail address is changed (value filter)", lambda: self._changed(
            path, {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "new@example.com"},
            "emails", "new@example.com")
        yield "The user becomes a member", lambda: self._member(group, "Add", user, True)
        yield "The user is disabled (Replace active with the text False)", lambda: self._changed(
            path, {"op": "Replace", "path": "active", "value": "False"}, "active", "False")
        yield "A disabled user is still found", lambda: self._matched(user)
        yield "The user is enabled again", lambda: self._changed(
            path, {"op": "Replace", "path": "active", "value": True}, "active", "True")
        yield "The user is no member any more (Remove with a value)", lambda: self._member(group, "Remove", user, False)

    def _matched(self, user: str) -> None:
        condition = quote(f'{NAME} eq "{self.name.upper()}"')
        found = self._get(f"/Users?filter={condition}")
        if [each.get("id") for each in found.get("Resources", ())] != [user]:
            raise Wrong("Exactly this user must be found; otherwise Entra creates a second one.")

    def _changed(self, path: str, operation: dict[str, Any], key: str, expected: str) -> None:
        self._patch(path, operation)
        value = self._get(path).get(key)
        if expected not in json.dumps(value) and str(value) != expected:
            raise Wrong(f"{key} is {value!r} afterwards; {expected!r} was sent.")

    def _member(self, group: str, op: str, user: str, there: bool) -> None:
        self._patch(f"/Groups/{group}", {"op": op, "path": "members", "value": [{"$ref": None, "value": user}]})
        members = [each.get("value") for each in self._get(f"/Groups/{group}").get("members", ())]
        if (user in members) != there:
            raise Wrong(f"After {op} the members are {members}.")

    def _patch(self, path: str, operation: dict[str, Any]) -> None:
        answer = self._send("PATCH", path, {"schemas": [PATCH_URN], "Operations": [operation]})
        if answer.status_code not in (200, 204):
            raise Wrong(f"PATCH is answered with {answer.status_code}: {_detail(answer)}")

    def _created(self, path: str, body: dict[str, Any]) -> str:
        answer = self._send("POST", path, body)
        if answer.status_code != 201:
            raise Wrong(f"POST {path} is answered with {answer.status_code}: {_detail(answer)}")
        created = _object(answer)
        if not isinstance(created.get("id"), str):
            raise Wrong(f"POST {path} must answer with the resource and its id.")
        return str(created["id"])

    def _deleting(self, path: str) -> Any:
        def delete() -> None:
            if (status := self._send("DELETE", path).status_code) != 204:
                raise Wrong(f"DELETE is answered with {status}; {path} may be left behind.")
            if (status := self._send("GET", path).status_code) != 404:
                raise Wrong(f"A deleted resource is answered with {status}; it must be 404.")

        return delete

    def _get(self, path: str) -> dict[str, Any]:
        answer = self._send("GET", path)
        if answer.status_code == 401:
            raise Wrong("The token is refused. Issue a new one: scimd token issue TENANT.")
        if answer.status_code != 200:
            raise Wrong(f"GET {path.partition('?')[0]} is answered with {answer.status_code}: {_detail(answer)}")
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        if kind != SCIM_JSON:
            raise Wrong(f"The answer is {kind or 'of no type'}; it must be {SCIM_JSON}.")
        return _object(answer)

    def _send(self, method: str, path: str, body: Any = None, token: str | None = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {token or self.token}", "Accept": SCIM_JSON}
        data = None
        if body is not None:
            headers["Content-Type"], data = f"{SCIM_JSON}; charset=utf-8", json.dumps(body).encode()
        with _explained():
            answer = self.session.request(
                method, self.url + path, headers=headers, data=data, timeout=PATIENCE, allow_redirects=False
            )
        if 300 <= answer.status_code < 400:
            raise Wrong(f"The server redirects to {answer.headers.get('Location')}; Entra does not follow.")
        return answer

    def _step(self, sentence: str, step: Any) -> bool:
        return self._result(sentence, lambda: step() or "done") is not None

    def _result(self, sentence: str, step: Any) -> str | None:
        try:
            done: str = step()
        except Wrong as wrong:
            self.results.append({"step": sentence, "result": "wrong", "detail": str(wrong)})
            return None
        self.results.append({"step": sentence, "result": "ok", "detail": ""})
        return done


@click.command()
@click.argument("url")
@click.option("--token", required=True, envvar="SCIM_TOKEN", help="The Secret Token; or the variable SCIM_TOKEN.")
@json_option
def check(url: str, token: str, as_json: bool) -> None:
    """Try a SCIM server as Entra would; makes a user and a group and deletes them again."""
    run = Check(url.rstrip("/"), token)
    good = run.run()
    if as_json:
        print_json({"url": url, "ok": good, "steps": run.results})
    else:
        for row in run.results:
            say(f"{'ok    ' if row['result'] == 'ok' else 'WRONG '} {row['step']}")
            if row["detail"]:
                say(f"       {row['detail']}")
    if not good:
        raise click.ClickException("Entra could not provision into this server as it is.")


@contextmanager
def _explained() -> Iterator[None]:
    """Put what the network says into words."""
    try:
        yield
    except requests.exceptions.SSLError as error:
        reason = error.args[0]
        inner = getattr(reason, "reason", reason)
        text = inner.verify_message if isinstance(inner, ssl.SSLCertVerificationError) else "TLS failed"
        raise Wrong(f"The certificate is not good: {text}. Entra takes those of public authorities only.") from None
    except requests.exceptions.Timeout:
        raise Wrong(f"The server does not answer within {PATIENCE} seconds.") from None
    except requests.exceptions.ConnectionError:
        raise Wrong("Nobody answers at this address; look at its name, its port and the firewall.") from None
    except requests.exceptions.RequestException as error:
        raise Wrong(f"This is no URL that can be asked: {error}.") from None


def _object(answer: requests.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Wrong("The answer is no JSON object; is this the SCIM URL?")
    return body


def _detail(answer: requests.Response) -> str:
    try:
        return str(_object(answer).get("detail", "no detail is given"))
    except Wrong as wrong:
        return str(wrong)
