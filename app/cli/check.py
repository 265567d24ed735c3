"""scimd check: tries a running SCIM server as an identity provider would, and says in plain words what is wrong."""

from __future__ import annotations

import click

from app.check import CLIENTS, run_check
from app.cli.output import json_option, print_json, say

MARKS = {"ok": "ok    ", "wrong": "WRONG ", "skipped": "-     "}


@click.command()
@click.argument("url")
@click.option("--token", required=True, envvar="SCIM_TOKEN", help="The Secret Token; or set the variable SCIM_TOKEN.")
@click.option("--as", "name", type=click.Choice(tuple(CLIENTS)), default="entra", show_default=True,
              help="Which identity provider's requests to send.")
@json_option
def check(url: str, token: str, name: str, as_json: bool) -> None:
    """Try a SCIM server as an identity provider would. It creates a user and a group, and deletes them again."""
    client = CLIENTS[name]
    report = run_check(url, token, name, client)
    if as_json:
        print_json(report)
    else:
        for row in report["steps"]:
            say(f"{MARKS[row['result']]} {row['step']}", *([f"       {row['detail']}"] if row["detail"] else []))
    if not report["ok"]:
        raise click.ClickException(f"{client.title} could not provision into this server as it is.")
