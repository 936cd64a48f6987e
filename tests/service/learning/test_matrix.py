"""Every guarded operation × every role × every place: nobody reaches what is not theirs."""

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from shared.access import Role
from shared.contract import openapi_document
from shared.ids import uuid7
from shared.testing.matrix import cells, operations
from tests.service.house import Token
from tests.service.learning.courses import Desk
from tests.service.learning.matrix import TARGETS, V1
from tests.service.learning.school import OTHER_SCHOOL, School

NAMING = frozenset({"copy_course"})
"""Operations whose body names an organisation: what is refused there is that one."""


@pytest.fixture
async def desk(
    app: FastAPI, token: Token, anonymous: httpx2.AsyncClient, owner: asyncpg.Connection
) -> Desk:
    school = School(app, token)
    await school.found()
    return Desk(school, anonymous, owner)


async def test_no_operation_answers_whom_its_rule_refuses(desk: Desk, app: FastAPI) -> None:
    found = []
    for operation in operations(openapi_document(app)):
        if operation.access.get("public") or not operation.path.startswith(V1):
            continue
        target = await TARGETS[operation.id](desk)
        for cell in sorted(cells(operation), key=lambda cell: cell.allowed):
            headers = {}
            if cell.scopes is not None:
                grants = cell.grants(target.here, OTHER_SCHOOL)
                headers = desk.school.token(str(uuid7()), cell.scopes, grants)
            answer = await desk.client.request(
                operation.method, f"{V1}{target.path}", **target.request(headers)
            )
            if wrong := cell.judge(answer.status_code):
                found.append(f"{wrong} {answer.text[:200]}")
    assert not found, "\n".join(found)


async def test_nothing_tells_a_stranger_that_it_exists(desk: Desk, app: FastAPI) -> None:
    school = desk.school
    strangers = {
        "somebody without a role": school.as_(str(uuid7())),
        "a pupil elsewhere": school.as_(await school.enrol(OTHER_SCHOOL)),
        "a guardian of a child elsewhere": school.as_(
            await school.consent(await school.enrol(OTHER_SCHOOL))
        ),
        **{
            f"{role} elsewhere": school.as_(str(uuid7()), f"{role}@{OTHER_SCHOOL}") for role in Role
        },
    }
    asked = 0
    for operation in operations(openapi_document(app)):
        if not operation.path.startswith(V1) or "{" not in operation.path:
            continue
        target = await TARGETS[operation.id](desk)
        for name, headers in strangers.items():
            answer = await desk.client.request(
                operation.method, f"{V1}{target.path}", **target.request(headers)
            )
            unknown = answer.status_code == 404 or (
                operation.id in NAMING and answer.status_code == 403
            )
            assert unknown, f"{operation.id}: {name} {answer.status_code} {answer.text}"
            asked += 1
    assert asked >= len(strangers)
