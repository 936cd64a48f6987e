"""A copy of a published lesson is told to its maker before submission, by way of the register of
copyright: the catalogue asks the copyright service as a client of identity."""

import secrets
from typing import Any

import httpx2

from tests.e2e.test_catalogue import Teacher
from tests.e2e.test_main_job import anybody, judged, people, until
from tests.service.catalog.resources import COMPLETE
from tests.unit.copyright.lessons import edited, text, words

__all__ = ["anybody", "people"]


async def drafted(teacher: Teacher, content: str) -> Any:
    upload = await teacher.upload("讲义.txt", "text/plain", content.encode())
    assert (await teacher.inspected(upload))["state"] == "AVAILABLE"
    terms = (await teacher.told("GET", "dictionaries/subject"))["terms"]
    [subject] = [each["code"] for each in terms if each["name_zh"] == "数学"]
    metadata = {**COMPLETE, "title": f"讲义{secrets.token_hex(4)}", "subject": subject}
    files = [{"upload_id": upload, "role": "main"}]
    body = {"organisation": teacher.organisation, "metadata": metadata, "files": files}
    return await teacher.told("POST", "resources", 201, json=body)


async def published(people: list[Teacher], content: str) -> Any:
    teacher, at_school, at_county, _ = people
    made = await drafted(teacher, content)
    submitted = await teacher.told(
        "POST", f"resources/{made['id']}/submit", json={"commitment": True}
    )
    await judged(at_school, submitted["review_id"])
    await judged(at_county, submitted["review_id"])
    return made


async def test_a_copy_of_a_registered_work_is_told_before_submission_and_not_refused(
    people: list[Teacher], anybody: httpx2.AsyncClient
) -> None:
    teacher, lesson = people[0], words(secrets.randbelow(1 << 30))
    first = await published(people, text(lesson))

    async def registered(made: Any) -> Any:
        answer = await anybody.get(
            "/copyright/v1/registrations", params={"resource_id": made["id"]}
        )
        return answer.json()["items"]

    [original] = await until(lambda: registered(first))

    copy = text(edited(lesson, 0.05, 1))
    made = await drafted(teacher, copy)
    report = await teacher.told("POST", f"resources/{made['id']}/check")
    told = {each["code"]: each for each in report["defects"]}
    assert original["code"] in told["registered-text"]["detail"]
    assert told["registered-text"]["level"] == "warning"
    assert report["passed"]
