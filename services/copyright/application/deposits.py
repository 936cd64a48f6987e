"""Deposits with evidence platforms: asked for by the holder, made in the background, receipts kept.

A deposit is a row. Whoever takes it pushes it on by a pause first, so a kill in the middle leaves
it to be taken again; its id makes the platform see one deposit however often it hears of it.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.application.intake import Stores
from services.copyright.application.registrations_ports import RegistrationStore
from services.copyright.domain.deposits import Deposit, DepositRefused
from services.copyright.domain.registrations import NotTheirs, Record
from services.copyright.verify.events import fold
from services.copyright.verify.leaf import DESCRIBES_WORK, Leaf
from shared.access import Rule
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import NotFound, Unavailable
from shared.ids import uuid7
from shared.principal import Principal

DEPOSIT = Rule("copyright.write")
LOOK_SECONDS = 2.0
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=6)

log = structlog.get_logger(__name__)


class EvidencePlatform(Protocol):
    """One platform that keeps digests and says since when."""

    name: str

    async def deposit(self, deposit: Deposit) -> tuple[bytes, datetime]:
        """Its receipt as it wrote it, and the time in it; the same for the same id. Raises
        `DepositRefused`, `Unavailable`."""


class DepositStore(Protocol):
    """Deposits, within one transaction."""

    async def add(self, deposit: Deposit) -> Deposit:
        """Keep a deposit; the one that is kept, where the digest is deposited there already."""

    async def of(self, registration_id: UUID) -> Sequence[Deposit]:
        """A registration's, the oldest first."""

    async def take(self, now: datetime) -> Deposit | None:
        """The one that waits longest, which nobody else takes meanwhile."""

    async def save(self, deposit: Deposit) -> None: ...


class Deposits:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        deposits: Callable[[AsyncConnection], DepositStore],
        store: Stores,
        platforms: Sequence[EvidencePlatform],
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._deposits = deposits
        self._store = store
        self._platforms: Mapping[str, EvidencePlatform] = {each.name: each for each in platforms}
        self._clock = clock

    @property
    def platforms(self) -> Sequence[str]:
        """Their names."""
        return list(self._platforms)

    async def ask(self, caller: Principal, registration_id: UUID, platform: str) -> Deposit:
        """Have the work, as it is described now, deposited. To ask again changes nothing. Raises
        `NotFound`, `NotTheirs`."""
        if platform not in self._platforms:
            raise NotFound(
                f"There is no such platform. There is: {', '.join(self._platforms) or 'none'}.",
                zh=f"没有该存证平台。现有：{'、'.join(self._platforms) or '无'}。",
            )
        now = self._clock()
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            record, digest = await self._held(store, caller, registration_id)
            made = Deposit(uuid7(), record.id, record.code, platform, digest, now, now)
            kept = await self._deposits(uow.connection).add(made)
            uow.audit.record(
                "deposit.asked",
                f"registrations/{record.id}",
                organisation=record.organisation_path,
                platform=platform,
            )
            return await uow.commit(kept)

    async def of(self, registration_id: UUID) -> Sequence[Deposit]:
        """What was deposited of a work, or waits to be. Raises `NotFound`."""
        async with self._new_uow() as uow:
            if await self._store(uow.connection).get(registration_id) is None:
                raise _missing()
            return await self._deposits(uow.connection).of(registration_id)

    async def run(self) -> None:
        """Deposit for ever, in each replica."""
        while True:
            with suppress(Unavailable):
                while await self.deliver():
                    pass
            await asyncio.sleep(LOOK_SECONDS)

    async def deliver(self) -> bool:
        """Try one deposit; whether there was one. Raises `Unavailable` without the database."""
        now = self._clock()
        async with self._new_uow() as uow:
            store = self._deposits(uow.connection)
            waiting = await store.take(now)
            if waiting is None:
                return False
            pause = min(FIRST_PAUSE * 2**waiting.attempts, LONGEST_PAUSE)
            taken = replace(waiting, attempts=waiting.attempts + 1, try_at=now + pause)
            await store.save(taken)
            await uow.commit()
        settled = await self._tried(taken)
        if settled is not None:
            async with self._new_uow() as uow:
                await self._deposits(uow.connection).save(settled)
                await uow.commit()
        return True

    async def _tried(self, deposit: Deposit) -> Deposit | None:
        platform = self._platforms.get(deposit.platform)
        try:
            if platform is None:
                raise DepositRefused("the platform is no longer configured")
            receipt, at = await platform.deposit(deposit)
        except DepositRefused as reason:
            log.warning("deposit refused", platform=deposit.platform, reason=str(reason))
            return replace(deposit, try_at=None, refusal=str(reason))
        except Unavailable as reason:
            log.warning("deposit waits", platform=deposit.platform, reason=reason.detail)
            return None
        return replace(deposit, try_at=None, receipt=receipt, deposited_at=at)

    async def _held(
        self, store: RegistrationStore, caller: Principal, registration_id: UUID
    ) -> tuple[Record, bytes]:
        record = await store.locked(registration_id)
        if record is None:
            raise _missing()
        entries = await store.events(record.id)
        parties = await store.parties(record.id)
        own = next((each.commitment for each in parties if each.person == caller.subject), None)
        if own is None or own != fold(entries).holder:
            raise NotTheirs("Only the holder deposits a work.", zh="仅权利人可申请存证。")
        leaves = [Leaf.parse(each) for each in entries]
        described = next(each for each in reversed(leaves) if each.type in DESCRIBES_WORK)
        digest = described.digests["sha256"] if described.digests else described.manifest_root
        return record, bytes.fromhex(str(digest))


def _missing() -> NotFound:
    return NotFound("There is no such registration.", zh="没有这项登记。")
