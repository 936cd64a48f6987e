"""Every guarded operation × every role × every place: nobody reaches what is not theirs.

Each operation gets a target that exists, at a school, and a request that would succeed in the right
hands. Each part of the service has a table of targets. Public operations admit everybody; those
about a resource are asked by strangers too, who must not learn that a draft exists.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.objects import object_store
from services.catalog.settings import Settings
from shared.access import Role
from shared.contract import openapi_document
from shared.ids import uuid7
from shared.testing.matrix import Place, cells, operations
from tests.service.catalog.resources import OTHER_SCHOOL, SCHOOL, Desk
from tests.service.house import Token

V1 = "/catalog/v1"


@dataclass(frozen=True)
class Target:
    """A request's path behind its version, its body, and the path of the organisation that it is
    about."""

    path: str
    body: Any = None
    here: str = SCHOOL
    version: int = 1


Make = Callable[[Desk], Awaitable[Target]]


def resource(rest: str = "", body: Any = None) -> Make:
    """A draft without errors at the school."""

    async def make(desk: Desk) -> Target:
        return Target(f"/resources/{(await desk.finished())['id']}{rest}", body)

    return make


async def create_resource(_desk: Desk) -> Target:
    return Target("/resources", {"organisation": SCHOOL})


async def restore_version(desk: Desk) -> Target:
    made = await desk.finished()
    assert (await desk.freeze(made)).status_code == 201
    return Target(f"/resources/{made['id']}/versions/1/restore", version=2)


RESOURCES: Mapping[str, Make] = {
    "create_resource": create_resource,
    "change_resource": resource("", {"metadata": {"title": "新"}}),
    "delete_resource": resource(),
    "check_resource": resource("/check"),
    "freeze_resource": resource("/versions", {}),
    "restore_version": restore_version,
}

TARGETS: Mapping[str, Make] = {**RESOURCES}

ON_NO_ORGANISATION: Mapping[str, str] = {}
"""Operations whose roles count wherever they are held, each with the reason."""

_OWNERS = "administrators read drafts and leave changing them to the owners"
EXCEPTIONS: Mapping[tuple[str, Role, Place], str] = {
    (operation, Role.ADMINISTRATOR, "here"): _OWNERS
    for operation in ("change_resource", "delete_resource", "freeze_resource", "restore_version")
}
"""Cells that are refused although their operation's rule, taken alone, would let them in."""


@pytest.fixture
def desk(
    settings: Settings, client: httpx2.AsyncClient, owner: asyncpg.Connection, token: Token
) -> Desk:
    return Desk(client, owner, token, object_store(settings))


async def test_no_operation_answers_whom_its_rule_refuses(desk: Desk, app: FastAPI) -> None:
    found = []
    for operation in operations(openapi_document(app)):
        if operation.access.get("public") or not operation.path.startswith(V1):
            continue
        target = await TARGETS[operation.id](desk)
        bound = operation.id not in ON_NO_ORGANISATION
        for cell in sorted(cells(operation, bound=bound), key=lambda cell: cell.allowed):
            headers = {}
            if cell.scopes is not None:
                grants = cell.grants(target.here, OTHER_SCHOOL)
                headers = desk.token(str(uuid7()), cell.scopes, grants)
            answer = await desk.client.request(
                operation.method,
                f"{V1}{target.path}",
                headers={**headers, "if-match": f'"v{target.version}"'},
                json=target.body,
            )
            excepted = cell.role and (operation.id, cell.role, cell.place) in EXCEPTIONS
            if excepted and answer.status_code == 403:
                continue
            if wrong := cell.judge(answer.status_code):
                found.append(f"{wrong} {answer.text[:200]}")
    assert not found, "\n".join(found)


async def test_no_public_operation_tells_a_stranger_of_a_draft(desk: Desk, app: FastAPI) -> None:
    made = await desk.finished()
    assert (await desk.freeze(made)).status_code == 201
    strangers = {
        "nobody": {},
        "a colleague": desk.colleague(),
        "an administrator elsewhere": desk.administrator(OTHER_SCHOOL),
        "an administrator below": desk.administrator(f"{SCHOOL}.K1"),
        "the owner without the scope": desk.token(desk.subject, "openid"),
    }
    asked = 0
    for operation in operations(openapi_document(app)):
        if not (operation.access.get("public") and "{resource_id}" in operation.path):
            continue
        path = operation.path.replace("{resource_id}", made["id"])
        path = path.replace("{number}", "1").replace("{kind}", "svg") + "?from=1"
        owned = await desk.client.request(operation.method, path, headers=desk.teacher)
        assert owned.status_code in (200, 302), f"{operation.id}: {owned.text}"
        for name, headers in strangers.items():
            answer = await desk.client.request(operation.method, path, headers=headers)
            assert answer.status_code == 404, f"{operation.id}: {name} {answer.status_code}"
            asked += 1
    assert asked >= len(strangers)
