"""Keep a copy of the directories in scimd in an SQLite file, and follow every change.

Needs Python 3.9 or newer and the package requests. docs/consumers.md has the rules whose numbers are in the comments.

    export SCIM_SERVER=https://scim.example.com SCIM_EVENTS_TOKEN=scimd_...
    python examples/copy.py copy.sqlite             all tenants, with a token of all tenants
    python examples/copy.py copy.sqlite contoso     one tenant

The token needs the scope events.read, and the events their values (SCIMD_LOG_VALUES). It may be killed at any time.
"""

import json
import os
import sqlite3
import sys
import time

sys.path.pop(0)  # this folder, where `import copy` in other modules would find this file

import requests

TABLES = """
CREATE TABLE IF NOT EXISTS place (cursor TEXT);
CREATE TABLE IF NOT EXISTS deleted_tenants (tenant TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS resources (tenant TEXT, type TEXT, id TEXT PRIMARY KEY, version INTEGER, body TEXT);
CREATE TABLE IF NOT EXISTS memberships (tenant TEXT, grp TEXT, member TEXT, PRIMARY KEY (grp, member));
CREATE INDEX IF NOT EXISTS of_member ON memberships (member);
"""
ADD = "INSERT OR IGNORE INTO memberships VALUES (?, ?, ?)"
REMOVE = "DELETE FROM memberships WHERE grp = ? AND member = ?"
PUT = "INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?, ?)"


class Lost(Exception):
    """The copy cannot go on from its cursor."""


class Copy:
    """The copy; `tenant` in its tables is the tenant's id, which no later tenant has, or "-" if there is only one."""

    def __init__(self, file, tenant=None):
        self.url = os.environ["SCIM_SERVER"] + (f"/{tenant}" if tenant else "")
        self.only = "-" if tenant else None
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {os.environ['SCIM_EVENTS_TOKEN']}"
        self.db = sqlite3.connect(file, isolation_level="IMMEDIATE")
        self.db.executescript(TABLES)

    def follow(self):
        lost = self.db.execute("SELECT cursor FROM place").fetchone() is None
        while True:
            try:
                with self.db:  # a transaction
                    self.take_snapshot() if lost else self.go_on()
                lost = False
            except Lost as error:  # rule 5: begin with rule 1
                print(f"{error} Beginning anew.", file=sys.stderr)
                lost = True

    def take_snapshot(self):
        """Rule 1: replace the copy by what the snapshot names, and store from where to go on."""
        for table in ("place", "resources", "memberships"):
            self.db.execute(f"DELETE FROM {table}")  # noqa: S608
        for page in self.snapshot():
            for item in page["items"]:
                tenant, kind, resource = item.get("tenantid", self.only), item["type"].lower(), item.get("resource")
                if kind == "membership":
                    self.db.execute(ADD, [tenant, item["group"], item["member"]])
                elif resource:
                    version = int(resource["meta"]["version"][3:-1])  # W/"4" -> 4
                    self.db.execute(PUT, [tenant, kind, resource["id"], version, json.dumps(resource)])
        self.db.execute("INSERT INTO place VALUES (?)", [page["changes"]])

    def go_on(self):
        """Rule 2: apply the events of a page, and store its cursor in the same transaction."""
        page = self.get("/changes", after=self.db.execute("SELECT cursor FROM place").fetchone()[0], wait=15)
        for event in page["events"]:
            self.apply(self.only or event["tenantid"], *event["type"].split(".")[1:], event["data"])
        self.db.execute("UPDATE place SET cursor = ?", [page["cursor"]])
        if not page["events"]:
            time.sleep(0.1)  # the server answers at once if too many wait

    def apply(self, tenant, kind, what, data):
        if self.db.execute("SELECT 1 FROM deleted_tenants WHERE tenant = ?", [tenant]).fetchone():
            return  # a request that was under way when its tenant was deleted
        if kind == "tenant":
            if what == "deleted":  # rule 5
                self.db.execute("DELETE FROM resources WHERE tenant = ?", [tenant])
                self.db.execute("DELETE FROM memberships WHERE tenant = ?", [tenant])
                self.db.execute("INSERT INTO deleted_tenants VALUES (?)", [tenant])
            return
        key, version = data["id"], int(data["version"][3:-1])
        if what == "deleted":  # rules 3 and 4
            self.db.execute("DELETE FROM resources WHERE id = ? AND version < ?", [key, version])
            self.db.execute("DELETE FROM memberships WHERE grp = ? OR member = ?", [key, key])
            return
        row = self.db.execute("SELECT version, body FROM resources WHERE id = ?", [key]).fetchone() or (-1, "{}")
        if version > row[0]:  # rule 3
            resource = changed(json.loads(row[1]), data.get("changes", []))
            self.db.execute(PUT, [tenant, kind, key, version, json.dumps({**resource, "id": key})])
        members, groups = data.get("members", {}), data.get("groups", [])
        if members.get("truncated") or (kind == "group" and what == "restored"):  # rule 4
            self.db.execute("DELETE FROM memberships WHERE grp = ?", [key])
            for page in self.snapshot(group=key):
                self.db.executemany(ADD, [(tenant, key, item["member"]) for item in page["items"]])
        self.db.executemany(ADD, [(tenant, key, member) for member in members.get("added", [])])
        self.db.executemany(REMOVE, [(key, member) for member in members.get("removed", [])])
        self.db.executemany(ADD, [(tenant, group, key) for group in groups])  # of a user that is restored
        if data.get("groupsCount", 0) > len(groups):
            raise Lost("A user is back in more groups than the event names.")

    def snapshot(self, **parameters):
        page = {"page": ""}
        while page["page"] is not None:
            page = self.get("/snapshot", page=page["page"] or None, **parameters)
            yield page

    def get(self, path, **parameters):
        while True:
            try:
                response = self.http.get(self.url + path, params={"limit": 1000, **parameters}, timeout=60)
                if response.status_code == 200:
                    return response.json()
            except (requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema) as error:
                raise SystemExit(f"SCIM_SERVER: {error}") from None
            except requests.RequestException as error:
                print(f"{error}; trying again", file=sys.stderr)
                time.sleep(1)
                continue
            if response.status_code == 404 and "group" in parameters:  # rule 4: a group that is gone has no members
                return {"items": [], "page": None}
            if response.status_code == 410:
                raise Lost(response.json()["detail"])
            if response.status_code != 429 and response.status_code < 500:
                raise SystemExit(f"{response.status_code}: {response.text}")
            time.sleep(int(response.headers.get("Retry-After", 1)))


def changed(resource, changes):
    for change in changes:
        urn, _, name = change["attribute"].rpartition(":")  # an attribute of an extension has the URN before its name
        holder = resource.setdefault(urn, {}) if urn else resource
        holder.pop(name, None)
        if "new" in change:
            holder[name] = change["new"]
    return {key: value for key, value in resource.items() if value != {}}


if __name__ == "__main__":
    if len(sys.argv) < 2 or not {"SCIM_SERVER", "SCIM_EVENTS_TOKEN"} <= os.environ.keys():
        sys.exit(__doc__)
    Copy(*sys.argv[1:]).follow()
