"""Read a customer's directory from scimd: who is there, which groups, and who is in which group.

Needs Python 3.9 or newer and the package requests. docs/consumers.md explains each request.

    export SCIM_URL=https://scim.example.com/contoso/scim/v2 SCIM_TOKEN=scimd_...
    python examples/directory.py users
    python examples/directory.py find userName jane@example.com
    python examples/directory.py groups
    python examples/directory.py members GROUP
    python examples/directory.py groups-of USER
    python examples/directory.py is-member USER GROUP

USER and GROUP are ids. Each command prints one JSON object a line; is-member prints true or false.
"""

import json
import os
import sys
import time

# copy.py beside this file would hide Python's own module of that name.
sys.path = [path for path in sys.path if path != os.path.dirname(os.path.abspath(__file__))]

import requests  # noqa: E402

PAGE = 200
"""Resources a page: the most that scimd returns."""
ARGUMENTS = {"users": 0, "find": 2, "groups": 0, "members": 1, "groups-of": 1, "is-member": 2}
"""How many arguments each command has."""
ATTEMPTS = 8
"""How often a request is sent while scimd is busy, before this program gives up."""


class Directory:
    """One customer's directory."""

    def __init__(self, url, token):
        self.url = url
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def users(self):
        """Yield all users."""
        return self._all("/Users", attributes="userName,externalId,displayName,active,emails")

    def find(self, attribute, value):
        """Yield the users with a value: of userName, externalId, or emails.value."""
        return self._all("/Users", filter=f"{attribute} eq {quoted(value)}", attributes="userName,externalId,active")

    def groups(self):
        """Yield all groups, without their members."""
        return self._all("/Groups", attributes="displayName,externalId")

    def members(self, group):
        """Yield the users in a group, those in groups inside it too."""
        return self._all("/Users", filter=f"groups.value eq {quoted(group)}", attributes="userName,active")

    def groups_of(self, user):
        """Return the groups that a user is in; `type` says whether directly or through another group."""
        return self._get(f"/Users/{user}", attributes="groups").get("groups", [])

    def is_member(self, user, group):
        """Return whether a user is in a group, directly or through another group."""
        both = f"id eq {quoted(user)} and groups.value eq {quoted(group)}"
        return self._get("/Users", filter=both, count=0)["totalResults"] == 1

    def _all(self, path, **parameters):
        """Yield what is on all pages: an empty cursor asks for the first one, nextCursor for the next one."""
        cursor = ""
        while cursor is not None:
            page = self._get(path, cursor=cursor, count=PAGE, **parameters)
            yield from page["Resources"]
            cursor = page.get("nextCursor")

    def _get(self, path, **parameters):
        """Return the JSON of a response; wait as long as scimd says when it is busy (429, 503)."""
        for attempt in range(ATTEMPTS):
            try:
                response = self.session.get(self.url + path, params=parameters, timeout=60)
            except requests.RequestException as error:
                raise SystemExit(f"scimd does not answer: {error}") from None
            if response.status_code not in (429, 503) or attempt == ATTEMPTS - 1:
                break
            time.sleep(int(response.headers.get("Retry-After", 5)))
        if response.status_code != 200:
            raise SystemExit(f"{response.status_code}: {response.text}")
        return response.json()


def quoted(text):
    """Return text as a string in a filter: in quotes, with those inside it escaped, as in JSON."""
    return json.dumps(text, ensure_ascii=False)


def main(command, *arguments):
    """Run one command."""
    directory = Directory(os.environ["SCIM_URL"], os.environ["SCIM_TOKEN"])
    result = getattr(directory, command.replace("-", "_"))(*arguments)
    for line in [result] if isinstance(result, bool) else result:
        print(json.dumps(line, ensure_ascii=False))


if __name__ == "__main__":
    known = len(sys.argv) > 1 and ARGUMENTS.get(sys.argv[1]) == len(sys.argv) - 2
    if not known or not {"SCIM_URL", "SCIM_TOKEN"} <= os.environ.keys():
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
