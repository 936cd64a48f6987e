"""A teacher's desk, with courses."""

from typing import Any

import asyncpg
import httpx2

from shared.ids import uuid7
from tests.service.learning.school import CLASS, SCHOOL, School

URL = "/learning/v1/courses"


class Desk:
    """Makes courses of one teacher over HTTP."""

    def __init__(
        self, school: School, client: httpx2.AsyncClient, owner: asyncpg.Connection
    ) -> None:
        self.school = school
        self.client = client
        self.owner = owner
        self.subject = str(uuid7())
        self.teacher = school.as_(self.subject, f"teacher@{SCHOOL}")

    async def create(self, **others: Any) -> dict[str, Any]:
        body = {"title": "分数的初步认识", "organisation": SCHOOL, **others}
        answer = await self.client.post(URL, headers=self.teacher, json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def arrange(self, course: dict[str, Any], *sections: dict[str, Any]) -> httpx2.Response:
        return await self.client.put(
            f"{URL}/{course['id']}/sections",
            headers=self.tagged(course),
            json={"sections": list(sections)},
        )

    async def arranged(self, course: dict[str, Any], *sections: dict[str, Any]) -> dict[str, Any]:
        answer = await self.arrange(course, *sections)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def act(self, course: dict[str, Any], action: str) -> dict[str, Any]:
        url = f"{URL}/{course['id']}/{action}"
        answer = await self.client.post(url, headers=self.tagged(course))
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def enrol(self, course: dict[str, Any], path: str = CLASS) -> httpx2.Response:
        url = f"{URL}/{course['id']}/enrolments"
        return await self.client.post(url, headers=self.teacher, json={"organisation": path})

    async def taught(self, **others: Any) -> dict[str, Any]:
        """A published course with one resource, which the class takes."""
        item = placed(await self.school.publish())
        course = await self.arranged(await self.create(**others), section(item))
        assert (await self.enrol(course)).status_code == 201
        return await self.act(course, "publish")

    async def read(
        self, course: dict[str, Any], headers: dict[str, str], rest: str = ""
    ) -> httpx2.Response:
        return await self.client.get(f"{URL}/{course['id']}{rest}", headers=headers)

    def tagged(
        self, course: dict[str, Any], headers: dict[str, str] | None = None
    ) -> dict[str, str]:
        return {**(headers or self.teacher), "if-match": f'"v{course["version"]}"'}

    async def told(self) -> list[tuple[str, str]]:
        """What was told of references: the end of the type, and the resource."""
        rows = await self.owner.fetch(
            "SELECT type, convert_from(envelope, 'UTF8')::jsonb -> 'data' ->> 'resource_id'"
            " FROM outbox WHERE type LIKE 'learning.reference.%' ORDER BY id"
        )
        return [(kind.split(".")[2], resource) for kind, resource in rows]


def placed(resource_id: str, **others: Any) -> dict[str, Any]:
    return {"resource_id": resource_id, "version": 1, "title": "导入视频", **others}


def section(*items: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"title": "第一课时", "items": list(items), **others}
