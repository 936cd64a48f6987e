"""Progress of learners (学习进度) as people read it; it is counted from statements alone."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from services.learning.application.progress_access import WATCH, Learners
from services.learning.domain.progress import MasteryOf, Step, estimate
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.principal import Principal


class ProgressRecords(Protocol):
    """What the activity records tell of a person; of one they do not know, nothing."""

    async def steps(
        self, person: str, limit: int, before: tuple[datetime, UUID] | None
    ) -> Sequence[Step]:
        """The latest first, behind `before`."""
        ...

    async def mastery(
        self, person: str, limit: int, before: tuple[datetime, UUID] | None
    ) -> Sequence[MasteryOf]:
        """Those tried last first, behind `before`."""
        ...


class Estimated(NamedTuple):
    """Mastery with the present estimate, 0 to 1."""

    of: MasteryOf
    estimate: float


class Progress:
    """For the learner, the learner's guardians, and those who teach or administer there."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        learners: Learners,
        records: ProgressRecords,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._learners = learners
        self._records = records
        self._clock = clock

    async def steps(
        self, caller: Principal, person: str, limit: int, before: tuple[datetime, UUID] | None
    ) -> Sequence[Step]:
        """Raises `NotFound`."""
        await self._admit(caller, person, "progress.read")
        return await self._records.steps(person, limit, before)

    async def mastery(
        self, caller: Principal, person: str, limit: int, before: tuple[datetime, UUID] | None
    ) -> Sequence[Estimated]:
        """Raises `NotFound`."""
        await self._admit(caller, person, "mastery.read")
        found = await self._records.mastery(person, limit, before)
        now = self._clock()
        return [Estimated(each, estimate(each.mastery, now)) for each in found]

    async def _admit(self, caller: Principal, person: str, what: str) -> None:
        async with self._new_uow() as uow:
            await self._learners.read(uow, caller, person, WATCH, what)
