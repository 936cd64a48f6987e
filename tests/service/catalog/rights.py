"""What the tests of ended rights share: copyright, as the catalogue hears it."""

from dataclasses import dataclass, field, fields
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.objects import object_store
from services.catalog.settings import Settings
from services.copyright.domain.events import ReuseEnded, ReuseResumed, told
from services.copyright.domain.registrations import Record, code_of
from services.copyright.verify.events import Standing
from shared.clock import utc_now
from shared.events import DomainEvent, Envelope
from shared.ids import uuid7
from shared.inbox import apply_handler
from tests.service.catalog.publication import Office
from tests.service.house import Token

REMOVED = ("takedown.decision", Standing.REMOVED)
RESTORED = ("restore", Standing.ACTIVE)


def registered(resource_id: UUID, version: int | None = 1) -> Record:
    """A registration of what was published, or (`version` None) of what somebody says is it."""
    own = uuid7()
    return Record(
        id=own,
        code=code_of(own),
        resource_id=resource_id,
        resource_version=version,
        resource_code=None,
        organisation_path=None,
        origin="CATALOGUE",
        details={},
        standing=Standing.ACTIVE,
        length=1,
        created_at=utc_now(),
    )


@dataclass
class Registry(Office):
    """Where resources are published, and what copyright tells is heard."""

    source: Record = field(default_factory=lambda: registered(uuid7()))
    """The work of somebody else."""

    async def hear(self, event: DomainEvent) -> None:
        """One event, held against its schema, applied as the inbox applies it."""
        assert self.app is not None
        runtime = self.app.state.runtime
        data = {each.name: getattr(event, each.name) for each in fields(event)}
        sent = Envelope(uuid7(), "/copyright", event.type, event.aggregate, utc_now(), data)
        envelope = Envelope.from_json(sent.to_json())
        envelope.check()
        async with runtime.new_uow() as uow:
            await apply_handler(runtime.handlers["copyright"], uow, envelope)
            await uow.commit()

    async def decide(self, record: Record, decision: tuple[str, Standing]) -> None:
        """The registration is removed, or restored."""
        kind, standing = decision
        fact = told(kind, standing)
        where = (record.resource_id, record.resource_version)
        await self.hear(fact(record.id, record.code, *where, kind, standing))

    async def end(self, used_in: UUID | None, agreement: str, reason: str = "EXPIRED") -> None:
        """The agreement ends under which the resource reuses the work of somebody else."""
        of = (self.source.id, self.source.code, self.source.resource_id)
        await self.hear(ReuseEnded(*of, agreement, used_in, reason))

    async def resume(self, used_in: UUID | None, agreement: str) -> None:
        of = (self.source.id, self.source.code, self.source.resource_id)
        await self.hear(ReuseResumed(*of, agreement, used_in, "RESTORED"))

    async def stands(self, made: dict[str, Any]) -> tuple[str, str | None]:
        """Its state, and the reason that readers are given."""
        seen = await self.read(made)
        answer = await self.client.get(f"/catalog/v1/codes/{made['code']}")
        assert (answer.status_code == 200) == (seen["state"] == "PUBLISHED"), answer.text
        return seen["state"], answer.json().get("reason_code")


@pytest.fixture
def registry(
    app: FastAPI,
    settings: Settings,
    client: httpx2.AsyncClient,
    owner: asyncpg.Connection,
    token: Token,
) -> Registry:
    return Registry(client, owner, token, object_store(settings), app=app)
