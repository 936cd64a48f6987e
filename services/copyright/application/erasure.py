"""Erasure to the last byte: PostgreSQL keeps a deleted row in its files until something else is
written over it, and whoever has the files and the master key would read the salt there."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.database import UnitOfWork
from shared.errors import Unavailable

LOOK_SECONDS = 3600.0


class Erased(Protocol):
    """The tables that people are erased from."""

    async def is_left(self) -> bool:
        """Whether the files may still have something of somebody who was forgotten."""

    async def write_anew(self) -> None:
        """Move what is left to new files, within the transaction; nobody reads meanwhile."""


class Erasure:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        erased: Callable[[AsyncConnection], Erased],
    ) -> None:
        self._new_uow = new_uow
        self._erased = erased

    async def run(self) -> None:
        """Work for ever, in each replica. All who were forgotten within the hour go at once."""
        while True:
            with suppress(Unavailable):
                await self.destroy()
            await asyncio.sleep(LOOK_SECONDS)

    async def destroy(self) -> bool:
        """Leave nothing of the forgotten in the files; whether there was anybody. Raises
        `Unavailable` where the tables were in use for too long."""
        async with self._new_uow() as uow:
            erased = self._erased(uow.connection)
            if not await erased.is_left():
                return False
            await erased.write_anew()
            return await uow.commit(True)
