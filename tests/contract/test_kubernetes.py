"""k8s/: every manifest against Kubernetes' own schemas, and what no schema knows of ours."""

import json
import re
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from gateway.compiler.compile import compiled
from gateway.compiler.policy import Policy
from gateway.compiler.settings import Deployment
from stack import containers
from tests.contract.deployment import (
    KUBERNETES,
    check_variables,
    composed,
    config_maps,
    containers_of,
    kustomizations,
    manifests,
    pod_of,
    variables,
)

OLDEST, NEWEST = "1.34", "1.37"
"""Releases of Kubernetes that are maintained."""
OVERLAYS = ("school", "province")
ALL = [(str(path.relative_to(KUBERNETES)), each) for path, each in manifests()]
PODS = {each["metadata"]["name"]: pod for _, each in ALL if (pod := pod_of(each))}
MAPS = config_maps()
CONTAINERS = {
    f"{name}/{each['name']}": each for name, pod in PODS.items() for each in containers_of(pod)
}
ONE_EACH = {"gateway", "copyright-signer", "copyright-witness"}
KUBECTL = shutil.which("kubectl")


def called(manifest: dict[str, Any]) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    return [each for _, each in ALL if each["kind"] in kinds]


def check_schema(manifest: dict[str, Any]) -> None:
    """Strictly: an unknown field is an error. CloudNativePG's own kind has no schema here."""
    if manifest["apiVersion"] == "postgresql.cnpg.io/v1":
        return
    for release in (OLDEST, NEWEST):
        kubernetes_validate.validate(manifest, release, strict=True)


@lru_cache
def rendered(overlay: str) -> list[dict[str, Any]]:
    build = [str(KUBECTL), "kustomize", str(KUBERNETES / "overlays" / overlay)]
    run = subprocess.run(build, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return list(yaml.safe_load_all(run.stdout))


@pytest.mark.parametrize(
    ("file", "manifest"), ALL, ids=[f"{file}-{called(each)}" for file, each in ALL]
)
def test_manifests_are_as_kubernetes_has_them(file: str, manifest: dict[str, Any]) -> None:
    check_schema(manifest)
    assert manifest["kind"] != "Secret", file


def test_every_file_belongs_to_a_kustomization() -> None:
    for path, told in kustomizations():
        patched = [each["path"] for each in told.get("patches", []) if "path" in each]
        files = {each for each in told["resources"] if each.endswith(".yaml")} | {*patched}
        beside = {each.name for each in path.parent.glob("*.yaml")}
        assert files | {"kustomization.yaml"} == beside, path
        others = [*told["resources"], *told.get("components", [])]
        for other in (each for each in others if not each.endswith(".yaml")):
            assert (path.parent / other / "kustomization.yaml").exists(), path


def test_what_an_overlay_changes_is_there() -> None:
    known = {called(each) for _, each in ALL}
    for path, told in kustomizations():
        for patch in told.get("patches", []):
            if "path" in patch:
                assert called(yaml.safe_load((path.parent / patch["path"]).read_text())) in known
            else:
                assert f"{patch['target']['kind']}/{patch['target']['name']}" in known


@pytest.mark.skipif(not KUBECTL, reason="kubectl, which has kustomize, is not installed")
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_is_built_of_what_kubernetes_accepts(overlay: str) -> None:
    for each in rendered(overlay):
        check_schema(each)
        assert each["kind"] == "Namespace" or each["metadata"]["namespace"] == "shuyuan"
        for container in containers_of(pod_of(each) or {}):
            assert not container["image"].startswith("shuyuan:"), called(each)


@pytest.mark.skipif(not KUBECTL, reason="kubectl, which has kustomize, is not installed")
def test_the_catalogue_scales_only_where_its_index_is_shared() -> None:
    for overlay, shared in (("school", False), ("province", True)):
        built = {called(each): each for each in rendered(overlay)}
        catalog = built["Deployment/catalog"]["spec"]
        [container] = catalog["template"]["spec"]["containers"]
        told = {each["name"] for each in container["env"]}
        assert ("SHUYUAN_CATALOG_MEILISEARCH_URL" in told) is shared
        assert ("replicas" in catalog) is not shared
        assert ("HorizontalPodAutoscaler/catalog" in built) is shared
        assert ("StatefulSet/search" in built) is shared


@pytest.mark.parametrize("name", PODS)
def test_pods_may_do_next_to_nothing(name: str) -> None:
    pod = PODS[name]
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] in {10001, 10002}
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    # Key files that their group could read are refused: owners are set once, at the first mount.
    assert pod["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch"
    assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC"}
    assert not [each for each in pod.get("volumes", []) if "hostPath" in each]


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers_may_do_next_to_nothing(name: str) -> None:
    container = CONTAINERS[name]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]
    assert re.fullmatch(r"\S+:[v\d][\w.-]+", container["image"]), container["image"]


@pytest.mark.parametrize("name", CONTAINERS)
def test_processes_know_their_variables(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_variables(variables(CONTAINERS[name], MAPS), monkeypatch)


def test_what_runs_forever_is_asked_whether_it_lives() -> None:
    for each in of_kind("Deployment", "StatefulSet"):
        for container in each["spec"]["template"]["spec"]["containers"]:
            assert {"livenessProbe", "startupProbe"} <= container.keys(), container["name"]
            for port in container.get("ports", []):
                assert port["name"], container["name"]


def test_the_images_are_those_of_compose() -> None:
    used = {each["image"] for each in CONTAINERS.values()}
    composed_of = {each["image"] for each in composed()["services"].values()}
    [cluster] = of_kind("Cluster")
    postgres = {each for each in composed_of if "pg" in each}
    assert used == composed_of - postgres
    major = cluster["spec"]["imageName"].partition(":")[2].partition(".")[0]
    assert all(f"-pg{major}-" in each for each in postgres)


def test_envoy_has_the_configuration_that_it_has_in_compose(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def files(told: dict[str, str]) -> dict[str, Any]:
        for name, value in told.items():
            monkeypatch.setenv(name, value)
        origin = {"SHUYUAN_ENVOY_ISSUER": "https://x.example/identity"}
        for name, value in {**origin, "SHUYUAN_ENVOY_TRUSTED_PROXIES": "1"}.items():
            monkeypatch.setenv(name, value)
        return compiled(Deployment.load(), Policy.read(), tmp_path)

    here = files(variables(CONTAINERS["envoy/configuration"], MAPS))
    there = files(composed()["services"]["envoy-configuration"]["environment"])
    assert here == there
    assert CONTAINERS["envoy/envoy"]["args"] == composed()["services"]["envoy"]["command"]


def test_secrets_are_those_that_one_command_makes(tmp_path: Path) -> None:
    containers.secrets(tmp_path)
    made = {path.name for path in tmp_path.iterdir()}
    for name, pod in PODS.items():
        for volume in pod.get("volumes", []):
            sources = [each["secret"] for each in volume.get("projected", {}).get("sources", [])]
            for source in [*sources, *([volume["secret"]] if "secret" in volume else [])]:
                secret = source.get("secretName", source.get("name"))
                if secret == "postgres-superuser":  # CloudNativePG makes it
                    continue
                owner = secret.removeprefix("shuyuan-")
                assert owner in made, name
                for item in source.get("items", []):
                    assert (tmp_path / owner / item["key"]).exists(), item


def test_volumes_that_are_mounted_are_declared() -> None:
    claims = {each["metadata"]["name"] for each in of_kind("PersistentVolumeClaim")}
    for each in of_kind("Deployment", "StatefulSet", "Job"):
        pod = each["spec"]["template"]["spec"]
        declared = {volume["name"] for volume in pod["volumes"]}
        declared |= {v["metadata"]["name"] for v in each["spec"].get("volumeClaimTemplates", [])}
        mounted = {m["name"] for c in containers_of(pod) for m in c.get("volumeMounts", [])}
        assert declared == mounted, called(each)
        claimed = [
            v["persistentVolumeClaim"]
            for v in pod["volumes"]
            if len(v.keys()) == 2 and "persistentVolumeClaim" in v
        ]
        assert {claim["claimName"] for claim in claimed} <= claims


def labels_of_pods() -> list[dict[str, str]]:
    told = of_kind("Deployment", "StatefulSet", "Job")
    return [{}, *(each["spec"]["template"]["metadata"]["labels"] for each in told)]


def chosen(selector: dict[str, Any]) -> list[dict[str, str]]:
    """The pods that a label selector fits."""
    fitting = labels_of_pods()[1:]
    for key, value in selector.get("matchLabels", {}).items():
        fitting = [each for each in fitting if each.get(key) == value]
    for rule in selector.get("matchExpressions", []):
        named = {each.get(rule["key"]) for each in labels_of_pods()}
        assert set(rule["values"]) <= named, rule
        fitting = [each for each in fitting if each.get(rule["key"]) in rule["values"]]
    return fitting


def test_services_lead_to_pods_with_such_a_port() -> None:
    ports = {
        name: {port["name"] for each in pod["containers"] for port in each.get("ports", [])}
        for name, pod in PODS.items()
    }
    for service in of_kind("Service"):
        [name] = service["spec"]["selector"].values()
        for port in service["spec"]["ports"]:
            assert port["targetPort"] in ports[name], called(service)


def test_network_policies_speak_of_pods_that_there_are() -> None:
    closed = [each for each in of_kind("NetworkPolicy") if not each["spec"]["podSelector"]]
    assert [each["spec"]["policyTypes"] for each in closed] == [["Ingress", "Egress"]]
    received = set()
    for policy in of_kind("NetworkPolicy"):
        spec = policy["spec"]
        peers = [peer for rule in spec.get("ingress", []) for peer in rule.get("from", [])]
        for selector in [spec["podSelector"], *(peer["podSelector"] for peer in peers)]:
            operator = {"app.kubernetes.io/name", "cnpg.io/cluster"} & selector.get(
                "matchLabels", {}
            ).keys()
            if (
                not (operator and "cnpg.io/cluster" in operator)
                and selector.get("matchLabels", {}).get("app.kubernetes.io/name")
                != "cloudnative-pg"
            ):
                assert chosen(selector), policy
        if spec.get("ingress"):
            received |= {each["app.kubernetes.io/name"] for each in chosen(spec["podSelector"])}
    assert received == PODS.keys() - {"migrate"}


def test_what_may_run_once_alone_is_not_scaled() -> None:
    scaled = {each["spec"]["scaleTargetRef"]["name"] for each in of_kind("HorizontalPodAutoscaler")}
    by_name = {each["metadata"]["name"]: each for each in of_kind("Deployment")}
    assert scaled == by_name.keys() - ONE_EACH
    for name, each in by_name.items():
        # A number here and an autoscaler would undo each other; the search component removes it.
        assert ("replicas" in each["spec"]) == (name in ONE_EACH | {"catalog"}), name
        assert each["spec"].get("replicas", 1) == 1, name
    for name in ("copyright-signer", "copyright-witness"):
        assert by_name[name]["spec"]["strategy"] == {"type": "Recreate"}


def test_disruption_budgets_leave_room_to_drain_a_node() -> None:
    budgets = of_kind("PodDisruptionBudget")
    assert all(each["spec"]["maxUnavailable"] == 1 for each in budgets)
    assert all(chosen(each["spec"]["selector"]) for each in budgets)
    assert not {each["metadata"]["name"] for each in budgets} & ONE_EACH


def test_the_gateway_asks_everybody_for_their_health() -> None:
    told = json.loads(variables(CONTAINERS["gateway/gateway"], MAPS)["SHUYUAN_GATEWAY_COMPONENTS"])
    assert told.keys() == PODS.keys() - {"gateway", "migrate", "search"} | {"postgres"}
