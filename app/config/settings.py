"""The settings: each environment variable is one row, with its default and one sentence.

Nothing is read at import; `Config.from_environment` reads the environment, and its errors say in one sentence what is
wrong with a value. A test compares the README's table of settings with these rows.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

from app.config.readers import (
    address,
    contact,
    folder,
    mongodb_uri,
    networks,
    one_of,
    optional_folder,
    port_address,
    processes,
    rate,
    sealing_keys,
    short_text,
    switch,
    web_address,
    whole,
)

PREFIX = "SCIMD_"

_INJECTED = tuple(re.compile(pattern) for pattern in (
    r"\w+_SERVICE_HOST=[\da-fA-F.:]+",
    r"\w+_SERVICE_PORT(_\w+)?=\d+",
    r"\w+_PORT(_\d+_(TCP|UDP|SCTP))?=(tcp|udp|sctp)://\S+",
    r"\w+_PORT_\d+_(TCP|UDP|SCTP)_(ADDR=[\da-fA-F.:]+|PORT=\d+|PROTO=(tcp|udp|sctp))",
    r"\w+_NAME=/\S+/\S+",
))
"""The variables that a kubelet sets for a Service whose name begins with `scimd`, as `NAME=value` (D-70).

Docker's links set the same ones, and the last one besides.
"""


class ConfigError(Exception):
    """A setting has a wrong value, or there is no such setting; the text is one sentence for the operator."""

    for_operators = True


@dataclass(frozen=True)
class Setting:
    """One row of the table of settings."""

    name: str
    default: str
    sentence: str
    read: Callable[[str], Any]


def setting(default: str, sentence: str, read: Callable[[str], Any] = str) -> Any:
    """Describe one setting: its default as written in the environment, what it is for, and how to read its text."""
    return field(metadata={"default": default, "sentence": sentence, "read": read})


@dataclass(frozen=True)
class Config:
    """The settings of this process."""

    bind: str = setting("127.0.0.1:8000", "Where to listen: `host:port`, or `unix:/path` behind a proxy.", address)
    mongodb_uri: str = setting(
        "",
        "The MongoDB to use, a replica set or a sharded cluster; without it scimd runs a private `mongod` of its own.",
        mongodb_uri,
    )
    data_dir: Path = setting("./data", "The folder of the private `mongod`.", folder)
    public_url: str = setting(
        "", "What links and the Tenant URL start with; without it, what `SCIMD_BIND` says.", web_address
    )
    schemas_dir: Path | None = setting("", "The folder with schemas of your own.", optional_folder)
    log_days: int = setting("90", "Days that the provisioning log is kept.", whole(1, 36_500))
    log_values: bool = setting("on", "Whether the provisioning log keeps old and new values: `on` or `off`.", switch)
    deleted_days: int = setting("30", "Days that a deleted user or group can be restored.", whole(0, 36_500))
    rate_limit: int | None = setting("100", "Requests a second that a tenant may make, at least 25, or `off`.", rate)
    workers: int = setting(
        "cores", "Processes that answer requests: a number, or `cores`: as many as the machine has, up to 8.", processes
    )
    threads: int = setting("64", "Threads in each of these processes.", whole(1, 512))
    metrics_bind: str = setting(
        "", "Where to serve `/metrics`, such as `127.0.0.1:9464`, for Prometheus; without it nowhere.", port_address
    )
    metrics_tenants: int = setting(
        "500", "Tenants that metrics distinguish; all others share the label `(others)`.", whole(1, 100_000)
    )
    session_hours: int = setting("8", "Hours that a person stays signed in, from 1 to 24.", whole(1, 24))
    proxies: int = setting(
        "0", "How many proxies in front of scimd add an address to `X-Forwarded-For`, from 0 to 9.", whole(0, 9)
    )
    sealing_keys: tuple[str, ...] = setting(
        "", "Keys that encrypt (seal) the secrets that scimd has to read again; without them a key in the database "
        "does.", sealing_keys
    )
    webhook_networks: tuple[IPv4Network | IPv6Network, ...] = setting(
        "", "Networks beside the public ones that webhooks may be sent to, such as `10.0.0.0/8`; the keys of issuers "
        "that were named on setup pages may come from there, too.", networks
    )
    console: str = setting(
        "on", "The web pages: `on`, `setup` (only those of customers' administrators) or `off`.",
        one_of("on", "setup", "off"),
    )
    console_tenant: str = setting("", "The tenant whose people operate this server, and sign in to the console.")
    console_group: str = setting("", "The group of that tenant whose members are operators of the console.", short_text)
    console_viewers: str = setting("", "The group of that tenant whose members see the console only.", short_text)
    vendor: str = setting("scimd", "The name that the web pages show.", short_text)
    support: str = setting("", "Whom customers ask: an e-mail address or an https URL.", contact)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Config:
        """Return the settings; raises ConfigError for a wrong value and for an unknown name."""
        known = {row.name: row for row in SETTINGS}
        for name in sorted(environ):
            if name.startswith(PREFIX) and name not in known and not _is_injected(name, environ[name]):
                near = difflib.get_close_matches(name, known, n=1, cutoff=0)
                raise ConfigError(f"There is no setting {name}; did you mean {near[0]}?")
        values = {}
        for key, row in zip(cls.__dataclass_fields__, SETTINGS, strict=True):
            text = environ.get(row.name, "").strip() or row.default
            try:
                values[key] = row.read(text)
            except ValueError as error:
                # The value is not repeated, since a connection string has a password.
                raise ConfigError(f"{row.name} must be {error}.") from None
        groups = [name for name in ("console_group", "console_viewers") if values[name]]
        if values["console_tenant"] and not groups:
            raise ConfigError("SCIMD_CONSOLE_TENANT must come with SCIMD_CONSOLE_GROUP or SCIMD_CONSOLE_VIEWERS.")
        if groups and not values["console_tenant"]:
            raise ConfigError(f"{PREFIX}{groups[0].upper()} must come with SCIMD_CONSOLE_TENANT.")
        return cls(**values)

    @property
    def base_url(self) -> str:
        """The start of the server's own URLs, without a slash at the end."""
        if self.public_url:
            return self.public_url
        if self.bind.startswith("unix:"):
            return "http://localhost"
        host, _, port = self.bind.rpartition(":")
        # One can listen on a wildcard address but not connect to it.
        return f"http://{'localhost' if host in ('0.0.0.0', '[::]') else host}:{port}"  # noqa: S104

    def scim_url(self, tenant: str) -> str:
        """Return a tenant's SCIM URL, to which its endpoints are appended: what Entra calls the Tenant URL."""
        return f"{self.base_url}/{tenant}/scim/v2"

    def token_endpoint(self, tenant: str) -> str:
        """Return the URL at which a tenant's clients get access tokens: what Entra calls the OAuth token endpoint."""
        return f"{self.base_url}/{tenant}/oauth/token"


def _is_injected(name: str, value: str) -> bool:
    return any(pattern.fullmatch(f"{name}={value}") for pattern in _INJECTED)


def _row(row: Field[Any]) -> Setting:
    return Setting(PREFIX + row.name.upper(), **row.metadata)


SETTINGS = tuple(_row(row) for row in fields(Config))
"""Every setting, in the order in which the README shows them."""
