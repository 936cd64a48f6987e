"""Counting readers while the database comes and goes."""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self

import pytest

from services.catalog.application.feedback_readings import MOST_HELD, Reading, Readings
from services.catalog.domain.feedback import Kind
from shared.errors import Unavailable
from shared.ids import uuid7
from shared.testing.clock import FrozenClock

KEY = bytes(32)


class Ledger:
    """A database that may be out of reach: what is counted by day, and until when it forgot."""

    def __init__(self) -> None:
        self.connection = self
        self.away = False
        self.counted: dict[date, set[Reading]] = {}
        self.forgotten: date | None = None

    async def __aenter__(self) -> Self:
        if self.away:
            raise Unavailable
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def commit(self) -> None: ...

    async def salt(self, day: date) -> bytes:
        return day.isoformat().encode()

    async def count(self, day: date, readings: Collection[Reading]) -> None:
        self.counted.setdefault(day, set()).update(readings)

    async def forget(self, before: date) -> None:
        self.forgotten = before


def counting(clock: FrozenClock) -> tuple[Readings, Ledger]:
    ledger: Any = Ledger()
    return Readings(lambda: ledger, lambda _: ledger, KEY, clock), ledger


async def test_what_could_not_be_counted_is_counted_later_on_the_day_it_was_read() -> None:
    clock = FrozenClock(datetime(2026, 11, 22, 15, 59, tzinfo=UTC))
    readings, ledger = counting(clock)
    ledger.away = True
    readings.note(uuid7(), Kind.VIEW, "ada")
    with pytest.raises(Unavailable):
        await readings.flush()
    clock.advance(timedelta(minutes=2))
    readings.note(uuid7(), Kind.VIEW, "ada")
    ledger.away = False
    await readings.flush()
    await readings.flush()
    assert {day: len(each) for day, each in ledger.counted.items()} == {
        date(2026, 11, 22): 1,
        date(2026, 11, 23): 1,
    }, "a day begins at midnight in China"
    assert ledger.forgotten == date(2026, 11, 23)


async def test_the_same_reader_looks_another_on_another_day() -> None:
    clock = FrozenClock()
    readings, ledger = counting(clock)
    resource_id = uuid7()
    for _ in range(2):
        readings.note(resource_id, Kind.VIEW, "ada")
        await readings.flush()
        clock.advance(timedelta(days=1))
    hashes = {each.reader for day in ledger.counted.values() for each in day}
    assert len(hashes) == 2
    assert not [each for each in hashes if b"ada" in each]


async def test_what_is_held_is_bounded() -> None:
    readings, ledger = counting(FrozenClock())
    resource_id = uuid7()
    for number in range(MOST_HELD + 10):
        readings.note(resource_id, Kind.VIEW, str(number))
    await readings.flush()
    [counted] = ledger.counted.values()
    assert len(counted) == MOST_HELD
