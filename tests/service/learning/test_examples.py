"""Every example of a request body is sent as a caller who may, and answered as documented."""

from collections.abc import Mapping

from fastapi import FastAPI

from shared.contract import openapi_document
from shared.ids import uuid7
from tests.service.examples import examples, named
from tests.service.learning.courses import Desk
from tests.service.learning.matrix import TARGETS, V1, Make, Target
from tests.service.learning.school import SCHOOL, organisation_id
from tests.service.learning.test_matrix import desk

__all__ = ["desk"]

NAMES = ("organisation", "resource_id", "assignment_id", "classes", "term")
"""Members of bodies that name what exists."""


async def arrange_space(desk: Desk) -> Target:
    body = {"resources": [{"resource_id": await desk.school.publish()}]}
    return Target(f"/spaces/{organisation_id(SCHOOL)}/resources", body, version=0)


async def arrange_course(desk: Desk) -> Target:
    made = await desk.create()
    body = {"sections": [{"items": [{"resource_id": await desk.school.publish()}]}]}
    return Target(f"/courses/{made['id']}/sections", body)


PREPARED: Mapping[str, Make] = {
    **TARGETS,
    "arrange_space": arrange_space,
    "arrange_course": arrange_course,
}
"""Where the matrix's target has less than an example speaks of, a target that has it."""


async def test_every_example_is_answered_as_documented(desk: Desk, app: FastAPI) -> None:
    defects: list[str] = []
    for example in examples(openapi_document(app)):
        operation = example.operation
        if not operation.path.startswith(V1):
            continue
        # What was written in the school's space before is another example's.
        for table in ("space_pages", "space_resources", "allowed_applications"):
            await desk.owner.execute(f"DELETE FROM {table}")  # noqa: S608 - constant names
        target = await PREPARED[operation.id](desk)
        scope, roles = operation.access["scope"], operation.access["roles"]
        grants = tuple(f"{role}@{SCHOOL}" for role in roles)
        person = desk.subject if operation.access["own"] else str(uuid7())
        request = example.sent(named(target.body, NAMES))
        request["headers"] |= desk.school.as_(person, *grants, scopes=scope)
        request["headers"] |= {"if-match": f'"v{target.version}"'}
        answer = await desk.client.request(operation.method, f"{V1}{target.path}", **request)
        defects += example.judge(answer)
    assert not defects, "\n".join(defects)
