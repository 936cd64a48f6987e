"""Which statements may enter, who waits, and who is sent away."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.learning.application.recorder import Recorder
from services.learning.domain.applications import Class
from services.learning.domain.xapi.contents import Figures
from services.learning.domain.xapi.records import (
    About,
    Batch,
    Overloaded,
    Record,
    StatementConflict,
    plan,
)
from shared.clock import utc_now
from shared.errors import Unavailable

NIL = UUID(int=0)


def record(number: int, digest: bytes = b"a", timeless: bytes = b"t") -> Record:
    figures = Figures(None, None, False, None, None)
    return Record(
        *(UUID(int=number), b"{}", digest, timeless, None, NIL, NIL, NIL),
        *(About.OTHER, None, None, figures, None),
    )


def batch(*records: Record) -> Batch:
    return Batch(1, records)


def test_a_repeat_is_accepted_and_not_inserted_again() -> None:
    planned = plan([batch(record(1), record(2))], {UUID(int=1): b"a"})
    assert [each.id for _, each in planned.fresh] == [UUID(int=2)]
    assert planned.refused == {}


def test_a_time_that_the_store_set_makes_no_other_statement() -> None:
    known = {UUID(int=1): b"t"}
    assert plan([batch(record(1, b"timed"))], known).refused == {}
    assert plan([batch(record(1, b"t"))], {UUID(int=1): b"timed"}).refused == {0: UUID(int=1)}


def test_a_batch_with_one_conflict_is_refused_whole() -> None:
    planned = plan([batch(record(1), record(2, b"b")), batch(record(3))], {UUID(int=2): b"a"})
    assert [each.id for _, each in planned.fresh] == [UUID(int=3)]
    assert planned.refused == {0: UUID(int=2)}


def test_what_a_refused_batch_brings_is_not_there_for_the_next() -> None:
    batches = [batch(record(1, b"x"), record(2, b"b")), batch(record(1, b"y"))]
    planned = plan(batches, {UUID(int=2): b"a"})
    assert [each.digest for _, each in planned.fresh] == [b"y"]


def test_of_two_batches_with_one_id_the_first_wins() -> None:
    planned = plan([batch(record(1, b"a")), batch(record(1, b"a")), batch(record(1, b"b"))], {})
    assert len(planned.fresh) == 1
    assert planned.refused == {2: UUID(int=1)}


class Store:
    """Holds every write until it is let go."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.writes: list[list[int]] = []
        self.error: Exception | None = None
        self.refused: Mapping[int, UUID] = {}

    async def write(self, batches: Sequence[Batch], stored: datetime) -> Mapping[int, UUID]:
        self.writes.append([each.id.int for one in batches for each in one.records])
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return self.refused


async def waiting(
    recorder: Recorder, numbers: Sequence[int], kind: Class
) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(recorder.record(batch(record(n)), kind)) for n in numbers]
    await asyncio.sleep(0.01)
    return tasks


async def test_requests_that_wait_share_one_write_and_homework_goes_first() -> None:
    store = Store()
    recorder = Recorder(store, utc_now, 100)
    tasks = await waiting(recorder, [1], Class.ORDINARY)
    tasks += await waiting(recorder, [2], Class.ORDINARY)
    tasks += await waiting(recorder, [3], Class.ANALYTICS)
    tasks += await waiting(recorder, [4, 5], Class.HOMEWORK)
    store.go.set()
    await asyncio.gather(*tasks)
    assert store.writes == [[1], [2], [4, 5, 3]]


async def test_analytics_is_sent_away_before_homework() -> None:
    store = Store()
    recorder = Recorder(store, utc_now, 10)
    tasks = await waiting(recorder, [1], Class.ORDINARY)
    tasks += await waiting(recorder, [2], Class.ORDINARY)
    tasks += await waiting(recorder, range(3, 8), Class.ORDINARY)
    with pytest.raises(Overloaded):
        await recorder.record(batch(record(9)), Class.ANALYTICS)
    tasks += await waiting(recorder, range(10, 13), Class.ORDINARY)
    with pytest.raises(Overloaded):
        await recorder.record(batch(record(13)), Class.ORDINARY)
    tasks += await waiting(recorder, [14, 15], Class.HOMEWORK)
    with pytest.raises(Unavailable):
        await recorder.record(batch(record(16)), Class.HOMEWORK)
    store.go.set()
    await asyncio.gather(*tasks)


async def test_a_failed_write_is_told_to_everyone_who_shared_it() -> None:
    store = Store()
    store.error = Unavailable("no")
    store.go.set()
    recorder = Recorder(store, utc_now, 10)
    for task in await waiting(recorder, [1, 2], Class.ORDINARY):
        with pytest.raises(Unavailable):
            await task


class Strict(Store):
    """Refuses to write anything together with what `spoils` it."""

    def __init__(self, *spoils: int) -> None:
        super().__init__()
        self.spoils = spoils
        self.stored: list[tuple[int, datetime]] = []

    async def write(self, batches: Sequence[Batch], stored: datetime) -> Mapping[int, UUID]:
        await super().write(batches, stored)
        numbers = [each.id.int for one in batches for each in one.records]
        if not set(self.spoils).isdisjoint(numbers):
            raise TypeError("It cannot be kept.")
        self.stored += [
            (number, stored + n * timedelta(microseconds=1)) for n, number in enumerate(numbers)
        ]
        return {}


@pytest.mark.parametrize("spoils", [(3,), (2, 9), (2, 3, 4, 5, 6, 7, 8, 9)])
async def test_only_the_guilty_of_those_who_shared_a_write_fail(spoils: tuple[int, ...]) -> None:
    store = Strict(*spoils)
    recorder = Recorder(store, utc_now, 100)
    tasks = await waiting(recorder, range(10), Class.ORDINARY)
    store.go.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert {n for n, answer in enumerate(answers) if answer is not None} == set(spoils)
    assert sorted(number for number, _ in store.stored) == sorted(set(range(10)) - set(spoils))
    assert len({at for _, at in store.stored}) == len(store.stored)


async def test_what_is_tried_again_in_halves_is_not_yet_consistent() -> None:
    store = Strict(3)
    recorder = Recorder(store, utc_now, 100)
    tasks = await waiting(recorder, range(8), Class.ORDINARY)
    store.go.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert recorder.consistent_through() >= max(at for _, at in store.stored)


async def test_only_the_refused_batch_conflicts() -> None:
    store = Store()
    recorder = Recorder(store, utc_now, 100)
    first = await waiting(recorder, [1, 2], Class.ORDINARY)
    shared = await waiting(recorder, [3, 4], Class.ORDINARY)
    store.go.set()
    await asyncio.gather(*first)
    store.refused = {}
    await asyncio.gather(*shared)
    store.refused = {0: UUID(int=5)}
    with pytest.raises(StatementConflict):
        await recorder.record(batch(record(5)), Class.ORDINARY)


async def test_what_is_being_written_is_not_yet_consistent() -> None:
    store = Store()
    recorder = Recorder(store, utc_now, 10)
    before = datetime.now(UTC)
    tasks = await waiting(recorder, [1], Class.ORDINARY)
    through = recorder.consistent_through()
    await asyncio.sleep(0.01)
    assert recorder.consistent_through() == through
    store.go.set()
    await asyncio.gather(*tasks)
    assert recorder.consistent_through() > through
    assert through >= before.replace(microsecond=0)
