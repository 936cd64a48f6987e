"""Pupils who do something: what they send, and what is told of it."""

from typing import Any
from uuid import UUID

import asyncpg
import httpx2
from fastapi import FastAPI

from services.learning.adapters import aggregates
from shared.clock import utc_now
from shared.ids import uuid7
from tests.service.learning.school import School

LESSON = "https://lessons.example/1"


class Activity:
    """Sends events as pupils do, and reads what is known of them."""

    def __init__(
        self, school: School, client: httpx2.AsyncClient, owner: asyncpg.Connection
    ) -> None:
        self.school = school
        self.client = client
        self.owner = owner
        self.origin = school.app.state.runtime.settings.public_origin

    def point(self, code: str) -> str:
        """The address of a knowledge point."""
        return f"{self.origin}/catalog/v1/knowledge/MATH/points/{code}"

    def resource(self, id_: str) -> str:
        """The address of a resource."""
        return f"{self.origin}/catalog/v1/resources/{id_}"

    async def send(self, person: str, **others: Any) -> str:
        """Something that the person did; returns its id."""
        answer = await self.sent(person, **others)
        assert answer.status_code == 200, answer.text
        event: str = others.get("id") or self.last
        return event

    async def sent(self, person: str, **others: Any) -> httpx2.Response:
        """The answer to something that the person did."""
        self.last = str(uuid7())
        did = {"id": self.last, "at": utc_now().isoformat(), "verb": "answered", "object": LESSON}
        return await self.client.post(
            "/learning/v1/events",
            headers=self.school.as_(person),
            json={"events": [{**did, **others}]},
        )

    async def read(self, person: str, what: str, headers: dict[str, str]) -> Any:
        """What is told of the person."""
        answer = await self.client.get(f"/learning/v1/people/{person}/{what}", headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()


async def voided(app: FastAPI, statement_id: str) -> None:
    """Void a statement as the application that sent it."""
    pool = app.state.records.pool
    async with pool.connection() as connection, connection.transaction():
        row = await connection.fetchval(
            "SELECT application_id FROM statements WHERE id = $1", UUID(statement_id)
        )
        await aggregates.void(connection, UUID(statement_id), row)
