"""One document of several, with nothing lost and nothing mistaken for something else."""

import re
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from gateway.compiler.operations import contracts
from gateway.contract import SCHEMAS, ContractsClash, merged
from gateway.parts.contract import build

DOCUMENT = merged(contracts())


def document(service: str, **schemas: Any) -> dict[str, Any]:
    """A contract of one operation, which answers with the schema `Thing`."""
    answer = {"content": {"application/json": {"schema": {"$ref": f"{SCHEMAS}Thing"}}}}
    operation = {"operationId": "read", "responses": {"200": answer}}
    return {
        "info": {"title": service},
        "paths": {f"/{service}/things": {"get": operation}},
        "components": {"schemas": schemas},
    }


def answered(found: dict[str, Any], service: str) -> str:
    operation = found["paths"][f"/{service}/things"]["get"]
    return str(operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"])


def test_every_operation_of_every_contract_is_in_it() -> None:
    for told in contracts().values():
        for path, item in told["paths"].items():
            assert DOCUMENT["paths"][path].keys() == item.keys()


def test_every_reference_leads_somewhere() -> None:
    for target in set(re.findall(rf"'{SCHEMAS}([^']+)'", repr(DOCUMENT))):
        assert target in DOCUMENT["components"]["schemas"]


def test_every_operation_has_an_id_of_its_own_and_its_service_as_first_tag() -> None:
    found = [
        (path, operation)
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
        if method != "options"
    ]
    ids = [operation["operationId"] for _, operation in found]
    assert len(ids) == len(set(ids))
    assert all(operation["tags"][0] in path.split("/") for path, operation in found)


def test_a_schema_that_is_the_same_for_all_stands_once() -> None:
    schema = {"type": "string"}
    found = merged({each: document(each, Thing=schema) for each in ("one", "two")})
    assert found["components"]["schemas"] == {"Thing": schema}
    assert answered(found, "two") == f"{SCHEMAS}Thing"


def test_schemas_named_alike_are_told_apart_with_all_that_refers_to_them() -> None:
    thing = {"properties": {"part": {"$ref": f"{SCHEMAS}Part"}}}
    found = merged(
        {
            "one": document("one", Thing=thing, Part={"type": "string"}),
            "two": document("two", Thing=thing, Part={"type": "integer"}),
        }
    )
    assert set(found["components"]["schemas"]) == {"OneThing", "OnePart", "TwoThing", "TwoPart"}
    assert answered(found, "two") == f"{SCHEMAS}TwoThing"
    part = found["components"]["schemas"]["TwoThing"]["properties"]["part"]
    assert part == {"$ref": f"{SCHEMAS}TwoPart"}


def test_no_schema_is_named_by_the_modules_of_a_service() -> None:
    long = "services__one__domain__two_words__Thing"
    told = document("one", **{long: {"title": "Thing"}})
    found = merged({"one": told})
    assert found["components"]["schemas"] == {"OneTwoWordsThing": {"title": "OneTwoWordsThing"}}
    assert not [name for name in DOCUMENT["components"]["schemas"] if "__" in name]


def test_where_a_token_opens_an_operation_so_does_an_api_key_of_that_scope() -> None:
    taken, others = 0, 0
    for item in DOCUMENT["paths"].values():
        for operation in item.values():
            told = {name for each in operation.get("security", ()) for name in each}
            if "access_token" not in told or operation["x-access"].get("scope") == "openid":
                assert "api_key" not in told
                others += 1
                continue
            taken += 1
            assert {"api_key": []} in operation["security"]
            refused = operation["responses"]["429"]
            assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= refused["headers"].keys()
            for status, slug in (
                ("429", "gateway/quota-exceeded"),
                ("400", "gateway/key-and-token"),
            ):
                content = operation["responses"][status]["content"]["application/problem+json"]
                example = content["examples"][slug]["value"]
                assert example["type"] == f"urn:shuyuan:problem:{slug}"
                assert example["status"] == int(status)
            for status, answer in operation["responses"].items():
                if status.startswith("2"):
                    assert "RateLimit" in answer["headers"]
    assert min(taken, others) > 50
    scheme = DOCUMENT["components"]["securitySchemes"]["api_key"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "X-Api-Key")
    for name in ("RateLimit", "RateLimit-Policy", "Retry-After"):
        assert DOCUMENT["components"]["headers"][name]["schema"]


def test_a_security_scheme_with_two_meanings_is_refused() -> None:
    one, two = document("one", Thing={}), document("two", Thing={})
    one["components"]["securitySchemes"] = {"token": {"type": "http"}}
    two["components"]["securitySchemes"] = {"token": {"type": "apiKey"}}
    with pytest.raises(ContractsClash):
        merged({"one": one, "two": two})


def test_what_anybody_may_call_demands_no_credential_and_everything_else_one() -> None:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            security = operation["security"]
            open_to_all = security == [] or {} in security
            assert open_to_all == bool(operation["x-access"].get("public")), f"{method} {path}"


def test_no_credential_is_named_twice() -> None:
    for item in DOCUMENT["paths"].values():
        for operation in item.values():
            security = operation["security"]
            assert all(security.count(each) == 1 for each in security)


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("br, GZIP;q=0.5", "gzip"),
        ("gzip;q=0", None),
        ("br, gzip ; q=0.0, *", None),
    ],
)
async def test_the_contract_is_compressed_for_whom_it_suits(
    accepted: str, coding: str | None
) -> None:
    app = FastAPI(openapi_url=None)
    [router] = build().routers
    app.include_router(router)
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway.test") as client:
        answer = await client.get("/openapi.json", headers={"accept-encoding": accepted})
    assert answer.headers.get("content-encoding") == coding
    assert answer.json()["openapi"].startswith("3.1.")
