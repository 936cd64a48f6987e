"""What the compiler makes of contracts and policy, checked by Envoy itself where it can."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.compiler.compile import compiled, write
from gateway.compiler.operations import ContractUnclear, contracts, operations
from gateway.compiler.policy import OperationRule, Policy
from gateway.compiler.routes import route_table
from gateway.compiler.settings import Deployment
from shared.services import SERVICES
from stack.envoy_proxy import binary

POLICY = Policy.read()
EMPTY = POLICY.model_copy(update={"rule": [], "page": []})
UPSTREAMS = dict.fromkeys(SERVICES, "127.0.0.1:9")


def one(**told: Any) -> dict[str, Any]:
    """A contract of one operation."""
    return {"catalog": {"paths": {"/catalog/v1/things/{thing}": {"get": told}}}}


def deployment(**settings: Any) -> Deployment:
    return Deployment(**{"upstreams": UPSTREAMS, **settings})


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"listen": ["127.0.0.1", "::1"]},
        {"tls_certificate": "/etc/tls/cert.pem", "tls_private_key": "/etc/tls/key.pem"},
        {"access_log": ""},
        {"admin_socket": "/var/lib/shuyuan/envoy/admin.sock"},
        {"upstreams": {**UPSTREAMS, "catalog": "catalog.shuyuan.svc:8000"}},
    ],
)
def test_envoy_accepts_the_configuration(tmp_path: Path, settings: dict[str, Any]) -> None:
    write(compiled(deployment(**settings), POLICY, tmp_path), tmp_path)
    run = subprocess.run(
        [binary(), "--mode", "validate", "-l", "warning", "-c", tmp_path / "static.json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "[warning]" not in run.stderr


def test_what_did_not_change_is_not_written_again(tmp_path: Path) -> None:
    write(compiled(deployment(), POLICY, tmp_path), tmp_path)
    before = {path.name: path.stat().st_ino for path in tmp_path.iterdir()}
    write(compiled(deployment(rate_factor=2.0), POLICY, tmp_path), tmp_path)
    after = {path.name: path.stat().st_ino for path in tmp_path.iterdir()}
    assert {name for name in after if after[name] != before[name]} == {
        "listeners.json",
        "static.json",
    }


def test_an_operation_that_does_not_say_who_may_call_it_is_refused() -> None:
    with pytest.raises(ContractUnclear, match="x-access"):
        operations(one(), EMPTY)


def test_a_contract_cannot_take_the_paths_of_another_service() -> None:
    document = {"learning": one(**{"x-access": {"public": True}})["catalog"]}
    with pytest.raises(ContractUnclear, match="below /learning"):
        operations(document, EMPTY)


def test_a_parameter_is_one_segment_unless_its_pattern_holds_a_slash() -> None:
    tile = {"name": "thing", "in": "path", "schema": {"type": "string", "pattern": "^x/[0-9]+$"}}
    (one_segment,) = operations(one(**{"x-access": {"public": True}}), EMPTY)
    (several,) = operations(one(**{"x-access": {"public": True}, "parameters": [tile]}), EMPTY)
    assert re.fullmatch(one_segment.regex, "/catalog/v1/things/x")
    assert not re.fullmatch(one_segment.regex, "/catalog/v1/things/x/1")
    assert not re.fullmatch(one_segment.regex, "/catalog/v1/things/")
    assert re.fullmatch(several.regex, "/catalog/v1/things/x/1")


def test_a_rule_that_fits_no_operation_is_refused() -> None:
    rule = OperationRule(operations=["GET /catalog/v1/nothing"], reason="None.")
    with pytest.raises(ContractUnclear, match="fits no operation"):
        operations(contracts(), POLICY.model_copy(update={"rule": [rule]}))


def test_a_service_without_an_address_is_refused(tmp_path: Path) -> None:
    known = {name: to for name, to in UPSTREAMS.items() if name != "catalog"}
    with pytest.raises(ContractUnclear, match="catalog"):
        compiled(deployment(upstreams=known), POLICY, tmp_path)


def test_a_certificate_without_its_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="named together"):
        deployment(tls_certificate="/etc/tls/cert.pem")


def test_a_deprecated_operation_says_since_when_and_until_when() -> None:
    told = {
        "x-access": {"public": True},
        "deprecated": True,
        "x-deprecation": {
            "since": "2026-09-01",
            "sunset": "2027-09-01",
            "link": "https://docs.example/things?q=%E4%B9%A6",
        },
    }
    table = json.dumps(route_table(operations(one(**told), EMPTY), EMPTY))
    assert '{"key": "deprecation", "value": "@1788220800"}' in table
    assert '{"key": "sunset", "value": "Wed, 01 Sep 2027 00:00:00 GMT"}' in table
    assert '<https://docs.example/things?q=%%E4%%B9%%A6>; rel=\\"deprecation\\"' in table


@pytest.mark.parametrize(
    "when",
    [
        {},
        {"sunset": "2027-09-01"},
        {"since": "2027-09-01", "sunset": "2026-09-01"},
        {"since": "soon"},
        {"since": "2026-09-01", "link": "https://docs.example/书"},
        {"since": "2026-09-01", "link": "/docs\r\nx-injected: 1"},
        {"since": "2026-09-01", "link": "/docs?q=100%"},
    ],
)
def test_a_deprecation_that_says_not_when_or_not_where_is_refused(when: dict[str, str]) -> None:
    told = {"x-access": {"public": True}, "deprecated": True, "x-deprecation": when}
    with pytest.raises(ContractUnclear, match="deprecat"):
        operations(one(**told), EMPTY)
