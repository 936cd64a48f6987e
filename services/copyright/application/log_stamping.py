"""Time-stamps over checkpoints: the last of the states that a registration goes through."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.application.log_ports import TimestampAuthority
from services.copyright.verify.notes import Note
from shared.database import UnitOfWork
from shared.errors import Unavailable

log = structlog.get_logger(__name__)


class StampStore(Protocol):
    """Time-stamps, within one transaction."""

    async def unstamped(self, origin: str, authority: str) -> tuple[int, bytes] | None:
        """Size and note of the newest checkpoint, where this authority has not stamped it; once
        witnesses are asked, the newest that a quorum saw."""

    async def keep(
        self, origin: str, size: int, authority: str, response: bytes, chain: bytes, at: datetime
    ) -> None:
        """Keep a time-stamp; another of the same authority stays."""


class Stamper:
    """One token of each authority over the text of a checkpoint, and so over all before it."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], StampStore],
        authorities: Sequence[TimestampAuthority],
        origin: str,
        seconds: float,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self.authorities = authorities
        self._origin = origin
        self._seconds = seconds

    async def run(self) -> None:
        """Stamp for ever."""
        while True:
            await self.stamp()
            await asyncio.sleep(self._seconds)

    async def stamp(self) -> None:
        """Have the newest checkpoint stamped by every authority that answers."""
        for each in self.authorities:
            try:
                await self._stamp(each)
            except Unavailable as reason:
                log.warning("no time-stamp", authority=each.name, reason=reason.detail)

    async def _stamp(self, authority: TimestampAuthority) -> None:
        async with self._new_uow() as uow:
            waiting = await self._store(uow.connection).unstamped(self._origin, authority.name)
        if waiting is None:
            return
        size, note = waiting
        text = Note.parse(note).text.encode()
        response, chain, at = await authority.stamp(text)
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            await store.keep(self._origin, size, authority.name, response, chain, at)
            await uow.commit()
