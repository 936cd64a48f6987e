"""The authorization matrix over SCIM: every operation × caller × place, from the document."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from services.identity.domain.organisations import Organisation
from services.identity.settings import Settings
from shared.contract import openapi_document
from shared.testing.matrix import cells, operations
from tests.service.house import Token
from tests.service.identity.test_scim import PATCH, URL, USER, build_scim

OWNER = "directory"
NEW = {"schemas": [USER], "userName": "zhou"}
BODIES: dict[str, dict[str, Any]] = {
    "scim_create_user": NEW,
    "scim_replace_user": NEW,
    "scim_patch_user": {
        "schemas": [PATCH],
        "Operations": [{"op": "replace", "path": "active", "value": True}],
    },
    "scim_search_users": {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "count": 1,
    },
}
NAMED = {"scim_resource_type": "User", "scim_schema": USER}


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return build_scim


async def test_no_scim_operation_answers_whom_its_rule_refuses(
    app: FastAPI, client: httpx2.AsyncClient, province: Organisation, token: Token
) -> None:
    owner = token(OWNER, "scim", (f"integrator@{province.path}",), client_id=OWNER)
    asked = [each for each in operations(openapi_document(app)) if each.path.startswith(URL)]
    assert len(asked) == 12
    found = []
    for operation in asked:
        named = NAMED.get(operation.id)
        bound = "{resource_id}" in operation.path and named is None
        if bound:
            made = await client.post(
                f"{URL}/Users", json={**NEW, "userName": operation.id}, headers=owner
            )
            assert made.status_code == 201, made.text
            named = made.json()["id"]
        path = operation.path.replace("{resource_id}", named or "")
        for cell in sorted(cells(operation, bound=bound), key=lambda cell: cell.allowed):
            name = OWNER if cell.place == "here" else f"client-{cell.place}"
            grants = cell.grants(province.path, "P111111111")
            answer = await client.request(
                operation.method,
                path,
                headers={}
                if cell.scopes is None
                else token(name, cell.scopes, grants, client_id=name),
                json=BODIES.get(operation.id),
            )
            if wrong := cell.judge(answer.status_code):
                found.append(f"{wrong} {answer.text[:200]}")
    assert not found, "\n".join(found)
