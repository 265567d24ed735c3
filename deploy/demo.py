"""Make the tenant "demo" where there is none, and say what is pasted into Entra; done again, it changes nothing.

A token is shown once, when it is issued. Where the tenant has a valid one, no other is issued: that would leave one
more key to the same door at every start.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

TENANT = "demo"


def scimd(*arguments: str) -> Any:
    """Run a command of scimd and give what it says; ends where it fails, which has told why."""
    done = subprocess.run(["scimd", *arguments, "--json"], stdout=subprocess.PIPE, check=False)  # noqa: S603, S607
    if done.returncode:
        sys.exit(done.returncode)
    return json.loads(done.stdout)


def main() -> None:
    """Make what is missing, and print the page."""
    if TENANT not in {tenant["name"] for tenant in scimd("tenant", "list")}:
        scimd("tenant", "create", TENANT)
    url = scimd("tenant", "show", TENANT)["tenant_url"]
    valid = [token for token in scimd("token", "list", TENANT) if token["state"] == "valid"]
    print(f'\nThe tenant "{TENANT}" is ready. In Entra: Provisioning, Admin Credentials.\n')
    print(f"  Tenant URL    {url}")
    if valid:
        first = min(valid, key=lambda token: token["created"])
        print(f"  Secret Token  issued {first['created']} (id {first['id']}) and shown once, in the log of that start:")
        print("                docker compose logs demo, as long as that container is there\n")
        print(f"Where it is lost, issue another one: docker compose exec scimd scimd token issue {TENANT}")
    else:
        token = scimd("token", "issue", TENANT, "--label", "docker compose up", "--expires", "90d")["token"]
        print(f"  Secret Token  {token}\n")
        print("The token is shown this once, and is valid for 90 days. A request to try:\n")
        print(f"  curl -H 'Authorization: Bearer {token}' '{url}/Users?count=1'")


if __name__ == "__main__":
    main()
