"""The merged contract against what the running services answer."""

from collections.abc import Iterator
from typing import Any

import httpx2
import jsonschema_rs
import pytest

from gateway.compiler.operations import contracts
from gateway.contract import merged

Json = dict[str, Any]

DOCUMENT = merged(contracts())
HERE = {"log": "log"}
"""Values for parameters whose schema lists what there is and needs no example."""


def public_reads() -> Iterator[tuple[str, Json, dict[str, str]]]:
    """Path, operation and example parameters of what anyone may read without knowing an id."""
    for path, item in DOCUMENT["paths"].items():
        operation = item.get("get", {})
        parameters = operation.get("parameters", [])
        needed = [each for each in parameters if each.get("required")]
        found = {each["name"]: example(each) for each in needed}
        answers = operation.get("responses", {}).get("200", {}).get("content", {})
        if (
            operation.get("x-access", {}).get("public")
            and operation["tags"][1:] != ["openid"]  # these need a registered client
            and None not in found.values()
            and "application/json" in answers
            and not any(name.endswith(("_id", "code", "tile", "bundle")) for name in found)
        ):
            yield path, operation, {name: str(value) for name, value in found.items()}


def example(parameter: Json) -> Any:
    schema = parameter["schema"]
    listed = [*schema.get("examples", ()), *schema.get("enum", ())]
    return parameter.get("example", listed[0] if listed else HERE.get(parameter["name"]))


READS = list(public_reads())


@pytest.mark.parametrize(("path", "operation", "values"), READS, ids=[each[0] for each in READS])
async def test_an_example_is_answered_as_the_contract_says(
    gateway: httpx2.AsyncClient, path: str, operation: Json, values: dict[str, str]
) -> None:
    place = path.format_map(values)
    query = {name: value for name, value in values.items() if f"{{{name}}}" not in path}
    headers = {"x-experience-api-version": path.split("/")[3]} if "/xapi/" in path else {}
    answer = await gateway.get(place, params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    whole = {**schema, "components": DOCUMENT["components"]}
    jsonschema_rs.validator_for(whole).validate(answer.json())


async def test_the_merged_contract_is_served(gateway: httpx2.AsyncClient) -> None:
    answer = await gateway.get("/openapi.json", headers={"origin": "https://space.example"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["access-control-allow-origin"] == "*"
    served = answer.json()
    assert served["openapi"] == "3.1.0"
    for service in ("identity", "catalog", "learning", "copyright"):
        assert f"/{service}/v1/about" in served["paths"]
