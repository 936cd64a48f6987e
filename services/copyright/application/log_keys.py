"""Rotation of the logs' keys, told in the log itself.

A new key signs beside the old one for at least 30 days; then the old one is taken from the signer,
and retired at the size it signed last.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.application.evidence_ports import LogKey, ProofReads
from services.copyright.application.intake import Intake
from services.copyright.application.log_ports import LogStore, Signer
from services.copyright.application.platform_streams import BY_OPERATOR, PlatformStreams
from services.copyright.verify.notes import VerifierKey
from shared.database import UnitOfWork

OVERLAP = timedelta(days=30)


@dataclass(frozen=True)
class Rotated:
    """The keys that were told of, those that were retired, and those that sign no more before the
    time, each with the day from which it may be retired."""

    added: tuple[str, ...]
    retired: tuple[str, ...]
    early: tuple[tuple[str, datetime], ...] = ()


class KeyRotation:
    """Compares what the signer signs with to what is known, and logs the difference."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        log: Callable[[AsyncConnection], LogStore],
        reads: Callable[[AsyncConnection], ProofReads],
        intake: Intake,
        signer: Signer,
        origin: str,
    ) -> None:
        self._new_uow = new_uow
        self._log = log
        self._reads = reads
        self._intake = intake
        self._signer = signer
        self._streams = PlatformStreams(intake, origin)

    async def rotate(self, *, at_once: bool = False) -> Rotated:
        """Log a `key.rotate` for each key that is new, retire those that sign no more: unless
        `at_once`, only those whose successors have signed for `OVERLAP`. To do it again changes
        nothing. Raises `Unavailable` while the signer is out of reach."""
        now = self._intake.clock()
        signing = await self._signer.keys()
        async with self._new_uow() as uow:
            log = self._log(uow.connection)
            known = [k for k in await self._reads(uow.connection).keys() if k.valid_to is None]
            added = [key for key in signing if str(key) not in [k.vkey for k in known]]
            silent = [k for k in known if k.vkey not in [str(key) for key in signing]]
            new = [LogKey(str(key), now, None, None) for key in added]
            due = {k.vkey: _may_retire(k, [*known, *new], silent) for k in silent}
            gone = [k for k in silent if at_once or due[k.vkey] <= now]
            for key in added if known else ():
                await self._tell(uow, key, known)
            await log.note_keys(added, now)
            sizes = {o: p.size for o, p in (await log.published([k.name for k in signing])).items()}
            for each in gone:
                name = VerifierKey.parse(each.vkey).name
                await log.retire_key(each.vkey, now, sizes.get(name, 0))
            early = tuple((k.vkey, due[k.vkey]) for k in silent if k not in gone)
            retired = tuple(each.vkey for each in gone)
            rotated = Rotated(tuple(map(str, added)), retired, early)
            uow.audit.record(
                "log.keys-rotated", "log", added=rotated.added, retired=rotated.retired
            )
            return await uow.commit(rotated)

    async def _tell(self, uow: UnitOfWork, key: VerifierKey, known: list[LogKey]) -> None:
        replaced = [each.vkey for each in known if _stands_for(key, each)]
        detail = {"vkey": str(key), "replaces": replaced[-1] if replaced else None}
        stream = await self._streams.locked(uow)
        await self._streams.add(uow, stream, "key.rotate", detail, BY_OPERATOR)


def _may_retire(key: LogKey, keys: Sequence[LogKey], silent: Sequence[LogKey]) -> datetime:
    """When a successor of the key has signed for long enough; at any time where it has none."""
    parsed = VerifierKey.parse(key.vkey)
    since = [each.valid_from for each in keys if each not in silent and _stands_for(parsed, each)]
    return max(since) + OVERLAP if since else key.valid_from


def _stands_for(key: VerifierKey, known: LogKey) -> bool:
    old = VerifierKey.parse(known.vkey)
    return (old.name, old.type) == (key.name, key.type)
