"""A log that cannot go on under its name, because a key was exposed or the log was forked, is
frozen; another continues it, whose first entry commits to what the frozen one was.

Freezing asks nothing of the signer but its last word: whoever has its keys gains nothing by them,
since the checkpoint that was frozen is in the new log, and witnesses saw it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.application.evidence_ports import ProofReads
from services.copyright.application.intake import Intake
from services.copyright.application.log_ports import TREES, Entry, LogStore
from services.copyright.application.log_sequencing import append
from services.copyright.application.platform_streams import BY_OPERATOR, PlatformStreams
from services.copyright.domain.entries import dedup_of
from services.copyright.verify.leaf import Leaf
from services.copyright.verify.logged import SM3_ORIGIN
from services.copyright.verify.notes import Checkpoint, Note, VerifierKey
from shared.database import UnitOfWork


class CannotFreeze(Exception):
    """The log is not in a state to be frozen or continued; the message says what to do."""


@dataclass(frozen=True)
class FrozenLog:
    """A frozen log: entry 0 of it is the entry `base` of all, of which it has `size`."""

    origin: str
    base: int
    size: int
    root: bytes
    sm3_root: bytes
    frozen_at: datetime


class FrozenLogs(Protocol):
    """The frozen logs, within one transaction."""

    async def all(self) -> list[FrozenLog]:
        """The oldest first."""

    async def add(self, frozen: FrozenLog) -> None: ...

    async def is_witnessed(self, origin: str, size: int) -> bool:
        """Whether a quorum cosigned that checkpoint."""


class Freezing:
    """Both halves of the procedure, each to be run by an operator while the service is stopped."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        log: Callable[[AsyncConnection], LogStore],
        frozen: Callable[[AsyncConnection], FrozenLogs],
        reads: Callable[[AsyncConnection], ProofReads],
        intake: Intake,
        *,
        origin: str,
        quorum: int,
    ) -> None:
        self._new_uow = new_uow
        self._log = log
        self._frozen = frozen
        self._reads = reads
        self._intake = intake
        self._origin = origin
        self._quorum = quorum
        self._streams = PlatformStreams(intake, origin)

    async def freeze(self) -> FrozenLog:
        """Freeze the log at its last checkpoint, from which on nothing is added, and retire its
        keys there. What is queued waits for the log that continues it. To do it again changes
        nothing. Raises `CannotFreeze`."""
        async with self._new_uow() as uow:
            log, frozen = self._log(uow.connection), self._frozen(uow.connection)
            size = await log.size_locked()
            known = await frozen.all()
            if done := next((each for each in known if each.origin == self._origin), None):
                return done
            origins = (self._origin, self._origin + SM3_ORIGIN)
            held = await log.hold_published(origins)
            if held is None or held.keys() != set(origins):
                raise CannotFreeze("it has no checkpoint, or another process publishes: stop that")
            last = [Checkpoint.parse(Note.parse(held[each].note).text) for each in origins]
            if {each.size for each in last} != {size}:
                raise CannotFreeze("entries wait to be signed: run the service until they are")
            if self._quorum and not await frozen.is_witnessed(self._origin, size):
                raise CannotFreeze("no quorum of witnesses saw its last checkpoint: run it on")
            now = self._intake.clock()
            base = sum(each.size for each in known)
            made = FrozenLog(self._origin, base, size, last[0].root, last[1].root, now)
            await frozen.add(made)
            for key in await self._reads(uow.connection).keys():
                if key.valid_to is None and VerifierKey.parse(key.vkey).name in origins:
                    await log.retire_key(key.vkey, now, size)
            uow.audit.record("log.frozen", "log", size=size, root=made.root.hex())
            return await uow.commit(made)

    async def carry_on(self) -> FrozenLog:
        """Begin the log of another name with an entry that commits to the one frozen last. To do it
        again changes nothing. Raises `CannotFreeze`."""
        async with self._new_uow() as uow:
            log = self._log(uow.connection)
            size = await log.size_locked()
            known = await self._frozen(uow.connection).all()
            if not known or self._origin in [each.origin for each in known]:
                raise CannotFreeze("no log was frozen that this one, by its name, could continue")
            last = known[-1]
            if size:
                return last
            detail = {
                "origin": last.origin,
                "size": last.size,
                "root": last.root.hex(),
                "sm3_root": last.sm3_root.hex(),
            }
            stream = await self._streams.locked(uow)
            await self._streams.add(uow, stream, "log.continue", detail, BY_OPERATOR)
            body = (await self._intake.store(uow.connection).events(stream.id))[-1]
            dedup = dedup_of(Leaf.parse(body), body)
            first = Entry(0, dedup, body, *(each.leaf(body) for each in TREES))
            await append(log, 0, [first])
            return await uow.commit(last)
