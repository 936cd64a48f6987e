"""A province whose tree grows over HTTP."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import httpx2

from services.identity.domain.organisations import Organisation
from shared.ids import uuid7

URL = "/identity/v1/organisations"
SCOPES = "identity.read identity.manage"


@dataclass
class Tree:
    """A province with an administrator who makes the rest of the tree over HTTP."""

    client: httpx2.AsyncClient
    admin: dict[str, str]
    province: Organisation

    async def add(self, parent: str | None, kind: str, name: str, **codes: str) -> dict[str, Any]:
        body = {"parent": parent, "kind": kind, "name": name, **codes}
        answer = await self.client.post(URL, headers=self.admin, json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def city(self, name: str = "西安市") -> dict[str, Any]:
        return await self.add(self.province.code, "city", name)

    async def school(self, name: str = "一中", city: str | None = None) -> dict[str, Any]:
        return await self.add(city or (await self.city())["id"], "school", name)

    async def read(self, reference: object) -> dict[str, Any]:
        answer = await self.client.get(f"{URL}/{reference}", headers=self.admin)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def post(self, reference: object, action: str, version: int, **body: Any) -> Any:
        headers = {**self.admin, "if-match": f'"v{version}"'}
        return await self.client.post(f"{URL}/{reference}/{action}", headers=headers, json=body)

    async def names(self, query: str = "") -> list[str]:
        answer = await self.client.get(f"{URL}?{query}", headers=self.admin)
        assert answer.status_code == 200, answer.text
        return [each["name"] for each in answer.json()["items"]]


async def belong(owner: asyncpg.Connection, organisation_id: str) -> None:
    """Make a new person belong to the organisation from now on."""
    person, now = uuid7(), datetime.now(UTC)
    await owner.execute(
        "INSERT INTO people (id, code, state, version, created_at, updated_at)"
        " VALUES ($1, $2, 'ACTIVE', 1, $3, $3)",
        person,
        str(person),
        now,
    )
    await owner.execute(
        "INSERT INTO memberships"
        " (id, person_id, organisation_id, kind, valid_from, version, created_at)"
        " VALUES ($1, $2, $3, 'student', $4, 1, $5)",
        uuid7(),
        person,
        UUID(organisation_id),
        now.date(),
        now,
    )
