"""What the tests of registrations share: people, and a work of theirs."""

import hashlib
from typing import Any

import httpx2

from services.copyright.verify.merkle import sm3
from shared.ids import uuid7
from tests.service.house import Token

V1 = "/copyright/v1/registrations"
WORK = "第一课 认识分数".encode()
SCHOOL = "P0.C1.S1"


def file(content: bytes, path: str = "第一课.txt") -> dict[str, Any]:
    digests = {"sha256": hashlib.sha256(content).hexdigest(), "sm3": sm3(content).hex()}
    return {"path": path, "size": len(content), **digests}


def work(**others: Any) -> dict[str, Any]:
    return {
        "title": "认识分数",
        "category": "written",
        "files": [file(WORK)],
        "authors": ["张三"],
        "holders": ["张三"],
        "licence": "cc-by-4.0",
        **others,
    }


class Person:
    """Somebody at the service."""

    def __init__(self, client: httpx2.AsyncClient, token: Token, *grants: str) -> None:
        self.id = str(uuid7())
        self._client = client
        self.headers = token(self.id, "copyright.read copyright.write", grants)

    async def post(self, path: str, body: Any, **headers: str) -> httpx2.Response:
        return await self._client.post(
            f"{V1}{path}", json=body, headers={**self.headers, **headers}
        )

    async def get(self, path: str) -> httpx2.Response:
        return await self._client.get(f"{V1}{path}", headers=self.headers)

    async def registered(self, **others: Any) -> str:
        answer = await self.post("", work(**others))
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])
