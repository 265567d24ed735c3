"""The settings: defaults, values that cannot be, and names that nobody knows."""

from __future__ import annotations

import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config import SETTINGS, Config, ConfigError


def config(**settings: str) -> Config:
    return Config.from_environment({f"SCIMD_{name.upper()}": value for name, value in settings.items()})


def test_the_defaults() -> None:
    settings = config()
    assert settings.bind == "127.0.0.1:8000"
    assert settings.base_url == "http://127.0.0.1:8000"
    assert settings.data_dir == Path.cwd() / "data"
    assert settings.mongodb_uri == ""
    assert (settings.log_days, settings.deleted_days, settings.rate_limit, settings.threads) == (90, 30, 100, 64)
    assert 1 <= settings.workers <= 8


def test_every_row_has_a_default_that_can_be_and_one_sentence() -> None:
    assert Config.from_environment({row.name: row.default for row in SETTINGS}) == config()
    for row in SETTINGS:
        assert row.name.startswith("SCIMD_")
        assert row.sentence.endswith(".")
        assert "\n" not in row.sentence


def test_nothing_is_as_good_as_an_empty_value_and_blanks_do_not_matter() -> None:
    assert config(threads="") == config(threads=" 64 ") == config()
    assert Config.from_environment({"HOME": "/", "PATH": "x"}) == config()


@pytest.mark.parametrize(("bind", "url"), [
    ("0.0.0.0:8080", "http://localhost:8080"),
    ("[::]:8080", "http://localhost:8080"),
    ("[::1]:8080", "http://[::1]:8080"),
    ("scim.local:80", "http://scim.local:80"),
    ("unix:/run/scimd.sock", "http://localhost"),
])
def test_what_urls_start_with_follows_from_the_address(bind: str, url: str) -> None:
    assert config(bind=bind).base_url == url
    assert config(bind=bind, public_url="https://scim.example.com/x/").base_url == "https://scim.example.com/x"
    assert config(bind=bind).scim_url("acme") == f"{url}/acme/scim/v2"


@pytest.mark.parametrize(("name", "value"), [
    ("bind", "8000"), ("bind", "localhost"), ("bind", "localhost:"), ("bind", ":8000"), ("bind", "localhost:99999"),
    ("bind", "a@b:80"), ("bind", "unix:relative"), ("bind", "localhost:80/x"), ("bind", "::1:80"),
    ("public_url", "scim.example.com"), ("public_url", "ftp://scim.example.com"), ("public_url", "https://"),
    ("public_url", "https://b\u00fccher.example/"), ("public_url", "https://a/?b=c"), ("public_url", "https://a/#b"), ("public_url", "https://user:s3cret@a/"),
    ("public_url", "https://a:x/"), ("mongodb_uri", "localhost:27017"), ("mongodb_uri", "postgres://u:s3cret@h/"),
    ("threads", "0"), ("threads", "-1"), ("threads", "1.5"), ("threads", "513"), ("threads", "²"), ("threads", "1_0"),
    ("workers", "many"), ("workers", "0"), ("log_days", "0"), ("log_values", "yes"), ("schemas_dir", "/nowhere/at/all"),
    ("rate_limit", "24"), ("rate_limit", "0"), ("rate_limit", "none"), ("rate_limit", "9" * 5_000),
    ("webhook_networks", "10.0.0.1/8"), ("webhook_networks", "localhost"), ("webhook_networks", "10.0.0.0/8;::1"),
    ("webhook_networks", "::1, ::ffff:10.0.0.0/104"), ("webhook_networks", "::ffff:a00:1"), ("webhook_networks", "::ffff:0:0/96"),
    ("webhook_networks", "10.0.0.0/8, s3cret"), ("threads", "9" * 5_000), ("data_dir", "~nobody-of-this-name/data"), ("schemas_dir", "~nobody-of-this-name"),
])
def test_what_cannot_be_is_one_sentence_that_names_the_setting_and_no_secret(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config(**{name: value})
    said = str(raised.value)
    assert said.startswith(f"SCIMD_{name.upper()} must be ")
    assert said.endswith(".")
    assert "\n" not in said
    assert "limit for integer" not in said
    assert "s3cret" not in said


@pytest.mark.parametrize(("name", "said"), [
    ("bind", "host:port, such as 127.0.0.1:8000, or unix:/path"), ("metrics_bind", "host:port, such as 127.0.0.1:9464"),
])
def test_an_address_without_a_host_is_told_what_one_looks_like(name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=rf"^SCIMD_{name.upper()} must be {said}\.$"):
        config(**{name: "8000"})


@pytest.mark.parametrize(("name", "value", "expected"), [
    ("rate_limit", "off", None), ("rate_limit", "25", 25), ("workers", "cores", config().workers), ("workers", "3", 3),
    ("webhook_networks", "10.0.0.0/8, ::1,", (ip_network("10.0.0.0/8"), ip_network("::1"))), ("webhook_networks", "", ()),
    ("webhook_networks", "::/0", (ip_network("::/0"),)), ("webhook_networks", "64:ff9b::/96", (ip_network("64:ff9b::/96"),)),
    ("log_values", "OFF", False), ("deleted_days", "0", 0), ("data_dir", "/x", Path("/x")),
    ("data_dir", "~/x", Path.home() / "x"), ("mongodb_uri", "mongodb+srv://a/b", "mongodb+srv://a/b"),
])
def test_what_can_be(name: str, value: str, expected: object) -> None:
    assert getattr(config(**{name: value}), name) == expected


@pytest.mark.parametrize(("name", "near"), [
    ("SCIMD_BIN", "SCIMD_BIND"), ("SCIMD_LOGDAYS", "SCIMD_LOG_DAYS"), ("SCIMD_MONGO_URI", "SCIMD_MONGODB_URI"),
])
def test_a_name_that_nobody_knows_is_refused_with_the_nearest_that_is(name: str, near: str) -> None:
    with pytest.raises(ConfigError, match=f"There is no setting {name}; did you mean {near}\\?"):
        Config.from_environment({name: "x"})


# For a Service that is named so and has the ports http (8000) and dns (53, UDP); the shapes are the kubelet's
# (kubernetes.io, Services, Environment variables).
KUBELET = """
{0}_SERVICE_HOST=10.96.0.11
{0}_SERVICE_PORT=8000
{0}_SERVICE_PORT_HTTP=8000
{0}_SERVICE_PORT_DNS_UDP=53
{0}_PORT=tcp://10.96.0.11:8000
{0}_PORT_8000_TCP=tcp://10.96.0.11:8000
{0}_PORT_8000_TCP_PROTO=tcp
{0}_PORT_8000_TCP_PORT=8000
{0}_PORT_8000_TCP_ADDR=10.96.0.11
{0}_PORT_53_UDP=udp://10.96.0.11:53
{0}_PORT_53_UDP_PROTO=udp
{0}_PORT_53_UDP_PORT=53
{0}_PORT_53_UDP_ADDR=10.96.0.11
"""


def injected(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.split())


@pytest.mark.parametrize("service", ["SCIMD", "SCIMD_METRICS", "SCIMD_MONGODB", "SCIMD_BIND"])
@pytest.mark.parametrize("address", ["10.96.0.11", "fd00:10:96::b"])
def test_fa_07_what_a_kubelet_injects_is_no_setting(service: str, address: str) -> None:
    bracketed = f"[{address}]" if ":" in address else address
    text = KUBELET.format(service).replace("//10.96.0.11", f"//{bracketed}").replace("10.96.0.11", address)
    assert Config.from_environment(injected(text) | {"SCIMD_THREADS": "7"}) == config(threads="7")


def test_fa_07_nor_is_what_a_link_of_docker_injects() -> None:
    text = "SCIMD_PORT=tcp://172.17.0.5:8000 SCIMD_PORT_8000_TCP=tcp://172.17.0.5:8000 SCIMD_NAME=/web/scimd"
    assert Config.from_environment(injected(text)) == config()


@pytest.mark.parametrize("line", [
    "SCIMD_PORT=8000", "SCIMD_PORT=", "SCIMD_HOST=127.0.0.1", "SCIMD_SERVICE_HOST=scim.example.com",
    "SCIMD_SERVICE_PORT=http", "SCIMD_METRICS_PORT=9464", "SCIMD_NAME=scimd", "SCIMD_PORT_8000_TCP_ADR=10.96.0.11",
    "SCIMD_PORT_8000_TCP_PORT=tcp", "SCIMD_BIND_PORT=8000", "SCIMD_SERVICE=10.96.0.11",
])
def test_fa_07_a_mistyped_setting_is_refused_all_the_same(line: str) -> None:
    with pytest.raises(ConfigError, match=f"There is no setting {line.partition('=')[0]};"):
        Config.from_environment(injected(line))


@given(st.sampled_from(SETTINGS), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30))
def test_any_text_is_a_value_or_one_sentence(row: object, text: str) -> None:
    name = row.name  # type: ignore[attr-defined]
    try:
        Config.from_environment({name: text})
    except ConfigError as error:
        assert str(error).startswith(name)


def test_nothing_is_read_at_import() -> None:
    code = "import app.config, app.store.mongo.database, app.cli"
    done = subprocess.run([sys.executable, "-c", code], env={"SCIMD_BIND": "nonsense", "SCIMD_NONSENSE": "1"}, check=False)
    assert done.returncode == 0
