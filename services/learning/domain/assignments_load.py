"""How much homework a class has on a day (作业量).

Levels follow the State's limits of written homework: 60 minutes a day in the grades 3 to 6, 90 in
junior secondary school (中办发〔2021〕40号, 二之2).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

from shared.errors import DomainError

PRIMARY_MINUTES = 60
SECONDARY_MINUTES = 90
LONGEST_DAYS = 62


class DaysRefused(DomainError):
    """The last day is before the first."""


class LoadLevel(StrEnum):
    """HIGH is more than primary schools may give, EXCESSIVE more than any may."""

    NORMAL = "NORMAL"
    HIGH = "HIGH"
    EXCESSIVE = "EXCESSIVE"


class SubjectLoad(NamedTuple):
    """What is due on a day in one subject."""

    day: date
    subject: str
    assignments: int
    minutes: int


@dataclass(frozen=True, slots=True)
class DayLoad:
    day: date
    subjects: Sequence[SubjectLoad]

    @property
    def minutes(self) -> int:
        return sum(each.minutes for each in self.subjects)

    @property
    def level(self) -> LoadLevel:
        if self.minutes > SECONDARY_MINUTES:
            return LoadLevel.EXCESSIVE
        return LoadLevel.HIGH if self.minutes > PRIMARY_MINUTES else LoadLevel.NORMAL


def by_day(loads: Iterable[SubjectLoad]) -> list[DayLoad]:
    """The days on which something is due; `loads` come in their order."""
    return [DayLoad(day, list(some)) for day, some in groupby(loads, lambda each: each.day)]
