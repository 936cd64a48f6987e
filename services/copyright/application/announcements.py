"""What the platform binds itself to in the log: the licences that it knows, whenever they change,
and once an hour the head of its audit chain, which it then cannot write anew unseen."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.application.intake import Intake
from services.copyright.application.platform_streams import BY_SERVICE, PlatformStreams
from services.copyright.domain.licences import profile
from services.copyright.verify.leaf import Leaf
from services.copyright.verify.merkle import sha256
from shared.database import UnitOfWork
from shared.errors import Unavailable

LOOK_SECONDS = 60.0
EVERY = timedelta(hours=1)
_SERVICE = "copyright"


class AuditHeads(Protocol):
    async def head(self) -> tuple[int, bytes] | None:
        """Number and digest of the newest link of this service's audit chain."""


class Announcements:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        intake: Intake,
        heads: Callable[[AsyncConnection], AuditHeads],
        origin: str,
    ) -> None:
        self._new_uow = new_uow
        self._intake = intake
        self._heads = heads
        self._streams = PlatformStreams(intake, origin)

    async def run(self) -> None:
        """Announce for ever; of several replicas one does."""
        while True:
            with suppress(Unavailable):
                await self.publish_policy()
                await self.publish_audit_head()
            await asyncio.sleep(LOOK_SECONDS)

    async def publish_policy(self) -> bool:
        """Log a `policy.publish` unless the last one names the profile as it is; whether it was
        logged."""
        document = profile()
        digest = sha256(document).hex()
        async with self._new_uow() as uow:
            store = self._intake.store(uow.connection)
            stream = await self._streams.locked(uow, "/policy")
            told = await store.events(stream.id)
            if told and Leaf.parse(told[-1]).rights_policy_sha256 == digest:
                return False
            await store.add_policy(digest, "profile", document)
            fields = {"rights_policy_sha256": digest}
            await self._streams.add(uow, stream, "policy.publish", {}, BY_SERVICE, fields)
            return await uow.commit(True)

    async def publish_audit_head(self) -> bool:
        """Log an `audit.head` where the last one is an hour old; whether it was logged. Each month
        has its stream, which so stays short."""
        now = self._intake.clock()
        async with self._new_uow() as uow:
            stream = await self._streams.locked(uow, f"/audit/{now:%Y-%m}")
            told = await self._intake.store(uow.connection).events(stream.id)
            if told and now - _claimed(told[-1]) < EVERY:
                return False
            head = await self._heads(uow.connection).head()
            if head is None:
                return False
            entries, digest = head
            detail = {"service": _SERVICE, "entries": entries, "head": digest.hex()}
            await self._streams.add(uow, stream, "audit.head", detail, BY_SERVICE)
            return await uow.commit(True)


def _claimed(entry: bytes) -> datetime:
    return datetime.fromisoformat(Leaf.parse(entry).claimed_at)
