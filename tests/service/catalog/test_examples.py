"""Every example of a request body is sent as a caller who may, and answered as documented."""

from collections.abc import Mapping
from dataclasses import replace

from fastapi import FastAPI

from shared.contract import openapi_document
from shared.ids import uuid7
from tests.service.catalog.publication import Office
from tests.service.catalog.resources import CITY, SCHOOL
from tests.service.catalog.reviews import Panel
from tests.service.catalog.test_matrix import TARGETS, V1, Make, Target, desk, starter_set
from tests.service.catalog.vocabularies import PROVINCE
from tests.service.examples import examples, named

__all__ = ["desk", "starter_set"]

NAMES = ("organisation", "assignee", "upload_id", "table_upload_id", "resource_id")
"""Members of bodies that name what exists."""


async def create_resource(desk: Office) -> Target:
    body = {"files": [{"upload_id": await desk.upload()}], "organisation": SCHOOL}
    return Target("/resources", body)


async def arrange_collection(desk: Office) -> Target:
    target = await TARGETS["arrange_collection"](desk)
    published = await desk.published()
    return Target(target.path, {"items": [{"resource_id": published["id"]}]})


async def start_import(desk: Office) -> Target:
    sheet = await desk.upload(b"x", filename="t.csv", media_type="text/csv")
    uploads = [{"upload_id": await desk.upload()}]
    body = {"table_upload_id": sheet, "uploads": uploads, "organisation": SCHOOL}
    return Target("/imports", body)


async def assign_review(desk: Office) -> Target:
    target, reviewer = await TARGETS["assign_review"](desk), str(uuid7())
    await Panel(desk.client, desk.owner, desk.token, desk.objects).enrol(reviewer, SCHOOL)
    return replace(target, body={"assignee": reviewer})


PREPARED: Mapping[str, Make] = {
    **TARGETS,
    "create_resource": create_resource,
    "assign_review": assign_review,
    "arrange_collection": arrange_collection,
    "start_import": start_import,
}
"""Where the matrix's target has less than an example speaks of, a target that has it."""

MAKERS = frozenset({"create_resource", "start_import", "copy_collection"})
"""Operations open to others, whose examples speak of what the caller owns."""


async def test_every_example_is_answered_as_documented(desk: Office, app: FastAPI) -> None:
    defects: list[str] = []
    for example in examples(openapi_document(app)):
        operation = example.operation
        target = await PREPARED[operation.id](desk)
        owns = operation.access["own"] or operation.id in MAKERS
        scope, roles = operation.access["scope"], operation.access["roles"]
        grants = {f"{each}@{place}" for each in roles for place in (PROVINCE, CITY, SCHOOL)}
        if owns:
            grants.add(f"teacher@{SCHOOL}")
        caller = desk.token(desk.subject if owns else str(uuid7()), scope, tuple(sorted(grants)))
        url = f"{V1}{target.path}"
        if operation.id == "decide_review":
            claimed = await desk.client.post(url.replace("decide", "claim"), headers=caller)
            target = replace(target, version=claimed.json()["version"])
        request = example.sent(named(target.body, NAMES))
        request["headers"] |= caller | {"if-match": f'"v{target.version}"'}
        answer = await desk.client.request(operation.method, url, **request)
        defects += example.judge(answer)
    assert not defects, "\n".join(defects)
