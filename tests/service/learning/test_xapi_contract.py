"""Every resource of the learning record store, asked as its OpenAPI document shows."""

from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from shared.contract import openapi_document
from shared.testing.matrix import operations
from tests.service.examples import Example, examples
from tests.service.learning.conftest import Register

XAPI = "/learning/xapi/"
ORDER = ("PUT", "POST", "GET", "DELETE")


def parameters(told: dict[str, Any], place: str) -> dict[str, str]:
    """Those that are required, as the document shows them."""
    return {
        each["name"]: each["example"]
        for each in told.get("parameters", ())
        if each["in"] == place and each.get("required")
    }


@pytest.mark.parametrize("base", [f"{XAPI}1.0.3", f"{XAPI}2.0.0"])
async def test_every_resource_answers_as_documented(
    anonymous: httpx2.AsyncClient, register: Register, app: FastAPI, base: str
) -> None:
    document, credentials = openapi_document(app), await register("app")
    shown = {each.operation.id: each for each in examples(document)}
    asked = [each for each in operations(document) if each.path.startswith(base)]
    assert len(asked) >= 18
    defects: list[str] = []
    for operation in sorted(asked, key=lambda each: ORDER.index(each.method)):
        told = document["paths"][operation.path][operation.method.lower()]
        example = shown.get(operation.id) or Example(
            operation, "", None, {}, told["responses"], document["components"]
        )
        sent = example.sent({}) if example.media_type else {}
        headers = {**credentials, **parameters(told, "header"), **sent.pop("headers", {})}
        if operation.path.endswith("/profile"):
            headers["if-none-match" if operation.method == "PUT" else "if-match"] = "*"
        answer = await anonymous.request(
            operation.method,
            operation.path,
            params=parameters(told, "query"),
            headers=headers,
            **sent,
        )
        defects += example.judge(answer)
    assert not defects, "\n".join(defects)
