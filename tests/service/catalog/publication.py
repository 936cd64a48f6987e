"""What the tests of publication share: resources that went through to their readers."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.objects import object_store
from services.catalog.adapters.resources import ResourceRepository
from services.catalog.domain.resources import Resource
from services.catalog.parts import publication
from services.catalog.parts.publication import publishing
from services.catalog.settings import Settings
from shared.database import UnitOfWork
from shared.ids import uuid7
from shared.service import Part, Runtime
from tests.service.catalog.resources import CITY, URL, Desk
from tests.service.house import Token

FEED = "/catalog/v1/changes"
NOTICE = "练习三答案有误，作者正在改正。"
SUSPENDED = {"reason_code": "factual_error", "notice": NOTICE}
RETIRED = {"reason_code": "outdated", "notice": "教材已换版。"}
WRONG = {"reason_code": "factual_error", "words": "第三题答案有误。"}
UPHELD = {"outcome": "UPHELD", "remark": "属实，已请作者改正。"}
RESTORED = {"reason_code": "cleared", "notice": "核查无误，恢复使用。"}


def build_publication(runtime: Runtime, settings: Settings) -> Part:
    return publication.build(runtime, settings, end_case=no_case)


async def no_case(_uow: UnitOfWork, resource: Resource) -> None:
    raise AssertionError(f"{resource.id} has no case here")


@dataclass
class Office(Desk):
    """A teacher's desk whose resources are published as the last approval of a review does."""

    app: FastAPI | None = None

    async def published(self, **others: Any) -> dict[str, Any]:
        """A resource whose first version everybody may read, as its owner sees it."""
        made = await self.finished(**others)
        assert (await self.freeze(made)).status_code == 201
        await self.approve(made)
        return await self.read(made)

    async def approve(self, made: dict[str, Any], number: int = 1) -> Resource:
        """Publish that version, in the state in which the last approval leaves a resource."""
        assert self.app is not None
        runtime: Runtime = self.app.state.runtime
        resource_id = UUID(made["id"])
        await self.owner.execute(
            "UPDATE resources SET state = CASE WHEN live_version IS NULL THEN 'APPROVED'"
            " ELSE 'UPDATE_IN_REVIEW' END WHERE id = $1 AND live_version IS DISTINCT FROM $2",
            *(resource_id, number),
        )
        async with runtime.new_uow() as uow:
            store = ResourceRepository(uow.connection)
            resource = await store.locked(resource_id)
            version = await store.version(resource_id, number)
            assert resource is not None
            assert version is not None
            after = await publishing(runtime).publish(uow, resource, version, uuid7())
            return await uow.commit(after)

    async def take(
        self,
        action: str,
        made: dict[str, Any],
        body: dict[str, Any],
        headers: dict[str, str] | None = None,
        version: int | None = None,
    ) -> httpx2.Response:
        """Suspend, retire or restore, as an administrator of the city unless somebody else."""
        tag = {"if-match": f'"v{made["version"] if version is None else version}"'}
        headers = self.administrator(CITY) if headers is None else headers
        url = f"{URL}/{made['id']}/{action}"
        return await self.client.post(url, headers={**headers, **tag}, json=body)

    async def taken(self, action: str, made: dict[str, Any], body: dict[str, Any]) -> Any:
        answer = await self.take(action, made, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def events(self, made: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        """Type and data of what the neighbours hear of a resource."""
        rows = await self.owner.fetch(
            "SELECT type, envelope FROM outbox WHERE aggregate = $1 ORDER BY id",
            f"resources/{made['id']}",
        )
        return [(each["type"], json.loads(each["envelope"])["data"]) for each in rows]


class Follower:
    """An integrator, who remembers nothing but the cursor."""

    def __init__(self, client: httpx2.AsyncClient, limit: int = 100) -> None:
        self.told: list[str] = []
        self.kinds: list[str] = []
        self.cursor: str | None = None
        self._client = client
        self._limit = limit

    async def poll(self) -> int:
        """Read one page; how long it was."""
        asked = {"limit": str(self._limit)} | ({"cursor": self.cursor} if self.cursor else {})
        answer = await self._client.get(FEED, params=asked)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        self.cursor = page["next"]
        self.told += [each["code"] for each in page["items"]]
        self.kinds += [each["kind"] for each in page["items"]]
        return len(page["items"])

    async def catch_up(self, count: int) -> None:
        """Poll until `count` changes were told: other databases of the server have transactions
        too, and the feed waits for those that began before."""
        async with asyncio.timeout(30):
            while len(self.told) < count:
                if not await self.poll():
                    await asyncio.sleep(0.05)


@pytest.fixture
def office(
    app: FastAPI,
    settings: Settings,
    client: httpx2.AsyncClient,
    owner: asyncpg.Connection,
    token: Token,
) -> Office:
    return Office(client, owner, token, object_store(settings), app=app)
