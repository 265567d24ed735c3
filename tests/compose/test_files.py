"""The compose files, the image and the proxy's configuration, read without Docker; test_stack.py runs them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

from app.blueprints.request.body import MOST_BYTES
from app.config import SETTINGS
from app.store.mongo.database import TRANSACTION_SECONDS

ROOT = Path(__file__).parents[2]
PINS = {"mongo:8", "nginx:stable", "scimd:local"}
ONE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
CLUSTER = yaml.safe_load((ROOT / "docker-compose.cluster.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
NGINX = (ROOT / "deploy/nginx.conf").read_text()


def whole(services: dict) -> list[tuple[str, dict]]:
    """Return the services that stand by themselves, and do not only change another file's."""
    return [(name, service) for name, service in services.items() if "image" in service]


ALL = whole(ONE["services"]) + whole(CLUSTER["services"])
SERVICES = pytest.mark.parametrize("service", [pytest.param(service, id=name) for name, service in ALL])
STAYING = pytest.mark.parametrize(
    "service", [pytest.param(service, id=name) for name, service in ALL if service["restart"] != "no"]
)


def seconds(text: str) -> int:
    assert re.fullmatch(r"\d+s", text)
    return int(text[:-1])


@SERVICES
def test_images_are_pinned(service):
    assert service["image"] in PINS


def test_the_image_is_built_from_a_pinned_base():
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert set(bases) == {"python:3.12-slim"}


def test_there_is_no_version_key_and_nothing_that_compose_1_29_does_not_know():
    for file in (ONE, CLUSTER):
        assert {key for key in file if not key.startswith("x-")} <= {"services", "networks", "volumes"}


@SERVICES
def test_root_is_read_only_and_tmp_is_in_memory(service):
    assert service["read_only"] is True
    assert any(path.split(":")[0] == "/tmp" for path in service["tmpfs"])


@SERVICES
def test_nobody_has_more_rights_than_needed(service):
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service and "cap_add" not in service
    user = service.get("user") or re.search(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)[1]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


@STAYING
def test_what_stays_has_a_health_check(service):
    check = service["healthcheck"]
    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries"} <= set(check)


@STAYING
def test_logs_do_not_fill_the_disk(service):
    assert {"max-size", "max-file"} <= set(service["logging"]["options"])


def test_only_the_proxy_is_published_and_only_on_this_machine():
    assert [name for name, service in ALL if "ports" in service] == ["proxy"]
    assert ONE["services"]["proxy"]["ports"] == ["${PUBLISH:-127.0.0.1:8000}:8000"]
    assert not any("ports" in service or "network_mode" in service for service in CLUSTER["services"].values())


def test_mongodb_is_on_a_network_that_leads_nowhere():
    assert ONE["networks"]["database"]["internal"] is True
    assert ONE["services"]["mongodb"]["networks"] == ["database"]
    assert ONE["services"]["proxy"]["networks"] == ["front"]


def test_sc_03_mongodb_ends_the_transactions_of_the_dead_as_the_private_one_does():
    name, value = "transactionLifetimeLimitSeconds", f"{TRANSACTION_SECONDS:.0f}"
    assert f"{name}={value}" in ONE["services"]["mongodb"]["command"]
    assert f"Set `{name}` to {value}" in (ROOT / "docs/operating.md").read_text()


def test_data_is_in_named_volumes():
    mounted = [volume.split(":")[0] for file in (ONE, CLUSTER) for service in file["services"].values()
               for volume in service.get("volumes", [])]
    named = {*ONE["volumes"], *CLUSTER["volumes"]}
    assert {source for source in mounted if not source.startswith("./")} == named
    assert {source for source in mounted if source.startswith("./")} == {"./deploy/nginx.conf"}


def test_scimd_waits_for_the_database_and_the_demo_for_the_proxy():
    services = ONE["services"]
    for one, other in (("scimd", "mongodb"), ("proxy", "scimd"), ("demo", "proxy")):
        assert services[one]["depends_on"][other]["condition"] == "service_healthy"


def test_every_setting_can_be_set():
    fixed = {"SCIMD_BIND", "SCIMD_DATA_DIR", "SCIMD_SCHEMAS_DIR"}
    assert set(ONE["services"]["scimd"]["environment"]) == {row.name for row in SETTINGS} - fixed


def test_scimd_sees_the_address_of_a_client_and_not_that_of_the_proxy():
    """All customers would share the limits of one address."""
    assert "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;" in NGINX
    assert ONE["services"]["scimd"]["environment"]["SCIMD_PROXIES"] == "${SCIMD_PROXIES:-1}"


def test_the_second_scimd_is_as_the_first():
    first, second = dict(ONE["services"]["scimd"]), dict(CLUSTER["services"]["scimd-2"])
    for key in ("build", "depends_on", "networks"):
        first.pop(key)
        second.pop(key, None)
    first["environment"] = {**first["environment"], **CLUSTER["services"]["scimd"]["environment"]}
    assert second == first


def test_the_members_are_as_the_first_and_all_of_them_are_named():
    members = [name for name in CLUSTER["services"] if name.startswith("mongodb-")]
    for name in members:
        assert CLUSTER["services"][name] == {
            "extends": {"file": "docker-compose.yml", "service": "mongodb"}, "volumes": [f"{name}:/data/db"],
        }
    hosts = ",".join(f"{name}:27017" for name in ("mongodb", *members))
    for service in ("scimd", "scimd-2", "demo"):
        uri = CLUSTER["services"][service]["environment"]["SCIMD_MONGODB_URI"]
        assert uri == f"mongodb://{hosts}/?replicaSet=scimd"


def test_a_stop_takes_longer_than_the_requests_under_way():
    tree = ast.parse((ROOT / "gunicorn.conf.py").read_text())
    values = {target.id: node.value.value for node in tree.body if isinstance(node, ast.Assign)
              for target in node.targets if isinstance(target, ast.Name) and isinstance(node.value, ast.Constant)}
    graceful = values["graceful_timeout"]
    assert seconds(ONE["services"]["scimd"]["stop_grace_period"]) > graceful
    workers = int(re.search(r"worker_shutdown_timeout (\d+)s;", NGINX)[1])
    assert seconds(ONE["services"]["proxy"]["stop_grace_period"]) > workers > graceful


def test_no_secret_is_in_the_files():
    for file in ("Dockerfile", "docker-compose.yml", "docker-compose.cluster.yml", "deploy/nginx.conf"):
        text = (ROOT / file).read_text()
        assert not re.search(r"(?i)(password|passwd|token|secret|api_?key)\s*[:=]\s*\S", text), file
        assert not re.search(r"mongodb(\+srv)?://[^/\s]*@", text), file
    assert not re.search(r"^ARG ", DOCKERFILE, re.MULTILINE)


def test_the_build_sees_only_what_the_image_is_made_of():
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    allowed = {line[1:] for line in lines if line.startswith("!")}
    assert allowed == {"app", "scim_filter", "setup.cfg", "pyproject.toml", "README.md", "gunicorn.conf.py"}


def test_the_proxy_takes_a_whole_request_and_waits_ten_seconds_for_it():
    for line in ("proxy_request_buffering on;", "client_header_timeout 10s;", "client_body_timeout 10s;"):
        assert line in NGINX


def test_the_proxy_leaves_the_limit_of_a_body_to_scimd():
    assert int(re.search(r"client_max_body_size (\d+)m;", NGINX)[1]) * 1024 * 1024 > MOST_BYTES


def test_no_log_of_the_proxy_has_a_query():
    assert not re.search(r"\$(request|request_uri|args|query_string|http_authorization|is_args)\b", NGINX)
    assert "error_log /dev/stderr crit;" in NGINX


def test_every_refusal_of_the_proxy_has_its_words():
    refused = {code for line in re.findall(r"error_page ([\d ]+)", NGINX) for code in line.split()}
    worded = set(re.findall(r'^ +(\d{3}) "', NGINX, re.MULTILINE))
    assert refused - {"494", "500", "502"} <= worded
