"""Phase 2 of writing: submissions become entries of both trees, within one transaction."""

from collections.abc import Callable, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.application.log_ports import TREES, Entry, LogBehind, LogStore
from services.copyright.domain.tree import grow
from services.copyright.verify.merkle import SHA256, SM3
from shared.database import UnitOfWork

BATCH = 1024


class Sequencer:
    """Orders what was accepted. Replicas take turns: the size of the tree is locked."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        log: Callable[[AsyncConnection], LogStore],
    ) -> None:
        self._new_uow = new_uow
        self._log = log

    async def waits(self) -> bool:
        """Whether anything was accepted that is not in the log."""
        async with self._new_uow() as uow:
            return await self._log(uow.connection).waits()

    async def integrate(self) -> int:
        """Sequence one batch; returns how many entries it had. Raises `LogBehind` where a log was
        frozen, and none begun that continues it."""
        async with self._new_uow() as uow:
            log = self._log(uow.connection)
            size = await log.size_locked()
            if size == 0 and await log.continues():
                raise LogBehind("a log was frozen: begin its successor with continue-log")
            submissions = await log.take(BATCH)
            if submissions:
                entries = [
                    Entry(
                        size + place,
                        each.dedup,
                        each.body,
                        SHA256.leaf(each.body),
                        SM3.leaf(each.body),
                    )
                    for place, each in enumerate(submissions)
                ]
                await append(log, size, entries)
            await uow.commit()
        return len(submissions)


async def append(log: LogStore, size: int, entries: Sequence[Entry]) -> None:
    """Add `entries` behind the first `size` ones, in both trees."""
    await log.append(entries)
    hashes = ([e.leaf_sha256 for e in entries], [e.leaf_sm3 for e in entries])
    for tree_hash, leaf_hashes in zip(TREES, hashes, strict=True):
        growth = grow(tree_hash, await log.edge(tree_hash, size), leaf_hashes)
        await log.put_tiles(tree_hash, growth.tiles)
    await log.grow_to(size + len(entries))
