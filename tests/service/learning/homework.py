"""A teacher, a class of pupils, and the homework between them."""

import hashlib
from datetime import timedelta
from typing import Any

import asyncpg
import httpx2

from shared.clock import utc_now
from shared.ids import uuid7
from tests.service.learning.school import CLASS, SCHOOL, School

V1 = "/learning/v1"
URL = f"{V1}/assignments"
SUBMISSIONS = f"{V1}/submissions"
MATHS = "14"
CHOICE = {
    "kind": "choice",
    "prompt": "二分之一写作？",
    "points": 2,
    "options": ["1/2", "2/1"],
    "correct": [0],
}
CLOZE = {"kind": "cloze", "prompt": "四分之三是 ____。", "points": 2, "gaps": [["3/4"]]}
TEXT = {
    "kind": "text",
    "prompt": "为什么 1/2 大于 1/3？",
    "points": 4,
    "model": "每份更大",
    "rubric": [{"title": "说理", "points": 3}, {"title": "表达", "points": 1}],
}
FILE = {"kind": "file", "prompt": "画图表示 3/4。", "points": 2, "most": 2}
ITEMS = [CHOICE, CLOZE, TEXT, FILE]
RIGHT = [{"item": 0, "choices": [0]}, {"item": 1, "gaps": [" ３/４ "]}]
"""The right answers to what marks itself."""
MARKS = [{"item": 2, "criteria": [2.5, 1], "comment": "好"}, {"item": 3, "points": 1.5}]


def due(**after: float) -> str:
    return (utc_now() + timedelta(**after)).isoformat()


class Classroom:
    """Assigns one teacher's homework over HTTP, and hands it in."""

    def __init__(
        self,
        school: School,
        client: httpx2.AsyncClient,
        owner: asyncpg.Connection,
        subject: str = "",
    ) -> None:
        self.school = school
        self.client = client
        self.owner = owner
        self.subject = subject or str(uuid7())
        self.teacher = school.as_(self.subject, f"teacher@{SCHOOL}")

    async def create(self, **others: Any) -> dict[str, Any]:
        body = {
            "title": "课后练习",
            "organisation": SCHOOL,
            "subject": MATHS,
            "minutes": 20,
            "due_at": due(days=2),
            "items": ITEMS,
            **others,
        }
        answer = await self.client.post(URL, headers=self.teacher, json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def assign(self, made: dict[str, Any], *classes: str) -> httpx2.Response:
        return await self.client.post(
            f"{URL}/{made['id']}/assign",
            headers=self.tagged(made),
            json={"classes": list(classes or (CLASS,))},
        )

    async def assigned(self, **others: Any) -> dict[str, Any]:
        """Homework of the class."""
        answer = await self.assign(await self.create(**others))
        assert answer.status_code == 200, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def pupil(self, path: str = CLASS, person: str = "") -> dict[str, str]:
        """The headers of a pupil of the class."""
        person = await self.school.enrol(path, person=person)
        return self.school.as_(person, f"student@{path}")

    async def hand_in(
        self,
        made: dict[str, Any],
        headers: dict[str, str],
        answers: list[dict[str, Any]] | None = None,
    ) -> httpx2.Response:
        body = {"assignment_id": made["id"], "answers": RIGHT if answers is None else answers}
        return await self.client.post(SUBMISSIONS, headers=headers, json=body)

    async def handed_in(
        self,
        made: dict[str, Any],
        headers: dict[str, str],
        answers: list[dict[str, Any]] | None = None,
    ) -> dict[str, Any]:
        answer = await self.hand_in(made, headers, answers)
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def announce(
        self, made: dict[str, Any], headers: dict[str, str], content: bytes, item: int = 3
    ) -> httpx2.Response:
        body = {
            "item": item,
            "name": "画图.jpg",
            "length": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        return await self.client.post(f"{URL}/{made['id']}/files", headers=headers, json=body)

    async def act(
        self,
        submission: dict[str, Any],
        action: str,
        body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        url = f"{SUBMISSIONS}/{submission['id']}/{action}"
        return await self.client.post(url, headers=self.tagged(submission, headers), json=body)

    async def acted(
        self, submission: dict[str, Any], action: str, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        answer = await self.act(submission, action, body)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def read(self, submission: dict[str, Any], headers: dict[str, str]) -> httpx2.Response:
        return await self.client.get(f"{SUBMISSIONS}/{submission['id']}", headers=headers)

    def tagged(
        self, thing: dict[str, Any], headers: dict[str, str] | None = None
    ) -> dict[str, str]:
        return {**(headers or self.teacher), "if-match": f'"v{thing["version"]}"'}

    async def set_due(self, made: dict[str, Any], after: timedelta) -> None:
        """Move the deadline to so much from now, by the database's clock."""
        await self.owner.execute(
            "UPDATE assignments SET due_at = now() + $2 WHERE id = $1", made["id"], after
        )
