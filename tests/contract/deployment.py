"""What stands in docker-compose.yml and below k8s/, read as they are."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from gateway.compiler.settings import Deployment
from gateway.settings import Settings as Gateway
from services.catalog.settings import Settings as Catalog
from services.copyright.settings import Settings as Copyright
from services.identity.settings import Settings as Identity
from services.learning.settings import Settings as Learning
from shared.settings import check_names
from stack.settings import StackSettings

CHECKOUT = Path(__file__).resolve().parents[2]
KUBERNETES = CHECKOUT / "k8s"
READERS: Mapping[str, Any] = {
    "IDENTITY": Identity,
    "CATALOG": Catalog,
    "LEARNING": Learning,
    "COPYRIGHT": Copyright,
    "GATEWAY": Gateway,
    "ENVOY": Deployment,
    "STACK": StackSettings,
}
"""Who reads the variables that begin with SHUYUAN_<this>_."""

Json = dict[str, Any]


def composed() -> Json:
    """docker-compose.yml with every variable at its default."""
    text = (CHECKOUT / "docker-compose.yml").read_text()
    found: Json = yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text))
    return found


def manifests(folder: Path = KUBERNETES) -> Iterator[tuple[Path, Json]]:
    """Every object, with its file; what only changes others is left out."""
    for path in sorted(folder.rglob("*.yaml")):
        if path.name != "kustomization.yaml" and path not in patches():
            yield from ((path, each) for each in yaml.safe_load_all(path.read_text()))


def patches() -> set[Path]:
    """Files that are patches of what stands elsewhere."""
    return {
        path.parent / patch["path"]
        for path, each in kustomizations()
        for patch in each.get("patches", [])
        if "path" in patch
    }


def kustomizations() -> Iterator[tuple[Path, Json]]:
    for path in sorted(KUBERNETES.rglob("kustomization.yaml")):
        yield path, yaml.safe_load(path.read_text())


def config_maps() -> dict[str, dict[str, str]]:
    """The generated ConfigMaps of the base, and, merged over them, those of the overlays."""
    found: dict[str, dict[str, str]] = {}
    for _, each in sorted(kustomizations(), key=lambda one: "overlays" in one[0].parts):
        for generated in each.get("configMapGenerator", []):
            told = dict(literal.split("=", 1) for literal in generated["literals"])
            found.setdefault(generated["name"], {}).update(told)
    return found


def pod_of(manifest: Json) -> Json | None:
    """The pod's spec in a Deployment, StatefulSet or Job."""
    if manifest["kind"] not in {"Deployment", "StatefulSet", "Job"}:
        return None
    spec: Json = manifest["spec"]["template"]["spec"]
    return spec


def containers_of(pod: Json) -> list[Json]:
    return [*pod.get("initContainers", []), *pod.get("containers", [])]


def variables(container: Json, maps: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """What a container of a manifest has in its environment."""
    found: dict[str, str] = {}
    for each in container.get("envFrom", []):
        prefix, name = each.get("prefix", ""), each["configMapRef"]["name"]
        found |= {prefix + key: value for key, value in maps[name].items()}
    for each in container.get("env", []):
        source = each.get("valueFrom", {}).get("configMapKeyRef")
        found[each["name"]] = maps[source["name"]][source["key"]] if source else each["value"]
    return found


def check_variables(told: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every SHUYUAN_* variable is known to who reads it, holds what it may, and is no secret."""
    for name in [each for each in os.environ if each.startswith("SHUYUAN_")]:
        monkeypatch.delenv(name)
    ours = {name: value for name, value in told.items() if name.startswith("SHUYUAN_")}
    ours.pop("SHUYUAN_SECRETS_DIR", None)
    for name, value in ours.items():
        monkeypatch.setenv(name, value)
    for reader in {READERS[name.split("_")[1]] for name in ours}:
        assert issubclass(reader, BaseSettings)
        prefix = reader.model_config["env_prefix"].upper()
        check_names(reader, ours)
        for name in ours:
            if name.startswith(prefix):
                field = reader.model_fields[name.removeprefix(prefix).lower()]
                assert field.annotation is not SecretStr, name
        reader.load()


def version_of(package: str) -> str:
    """In uv.lock."""
    lock = (CHECKOUT / "uv.lock").read_text()
    found = re.search(rf'^name = "{package}"\nversion = "([^"]+)"$', lock, re.MULTILINE)
    assert found, package
    return found[1]
