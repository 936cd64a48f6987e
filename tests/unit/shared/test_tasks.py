import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import pytest

from shared import tasks
from shared.metrics import TASK_RESTARTS
from shared.tasks import FIRST_PAUSE, LONGEST_PAUSE, keep_running

_real_sleep = asyncio.sleep


class Pauses:
    """Stands in for `asyncio.sleep`: notes how long, and cancels its task after the last."""

    def __init__(self, until: int) -> None:
        self.taken: list[float] = []
        self._until = until

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
        if len(self.taken) == self._until:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        await _real_sleep(0)


async def fail() -> None:
    raise LookupError("broken")


async def end() -> None:
    return


async def be_cancelled_by_a_library() -> None:
    waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting.cancel()
    await waiting


async def pauses_of(
    monkeypatch: pytest.MonkeyPatch, run: Callable[[], Awaitable[None]], count: int
) -> list[float]:
    monkeypatch.setattr(asyncio, "sleep", pauses := Pauses(count))
    monkeypatch.setattr(random, "uniform", lambda _low, high: high)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(keep_running("trial", run))
    return pauses.taken


@pytest.mark.parametrize("run", [fail, end, be_cancelled_by_a_library])
async def test_a_task_that_ends_is_started_again(
    monkeypatch: pytest.MonkeyPatch, run: Callable[[], Awaitable[None]]
) -> None:
    counter = TASK_RESTARTS.labels("trial")
    before = counter._value.get()
    assert len(await pauses_of(monkeypatch, run, 5)) == 5
    assert counter._value.get() == before + 5


async def test_pauses_grow_up_to_a_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = await pauses_of(monkeypatch, fail, 8)
    assert pauses[:4] == [FIRST_PAUSE * 2**n for n in range(4)]
    assert pauses[-1] == LONGEST_PAUSE == max(pauses)


async def test_after_a_good_while_the_pause_is_short_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter(float(n) for n in range(0, 10_000, 10))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    assert set(await pauses_of(monkeypatch, fail, 6)) == {FIRST_PAUSE}


async def test_pauses_are_spread_so_that_replicas_do_not_come_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asyncio, "sleep", pauses := Pauses(20))
    monkeypatch.setattr(tasks, "LONGEST_PAUSE", FIRST_PAUSE)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(keep_running("trial", fail))
    assert len(set(pauses.taken)) > 10
    assert all(FIRST_PAUSE / 2 <= pause <= FIRST_PAUSE for pause in pauses.taken)


async def test_cancellation_ends_it_at_once() -> None:
    begun = asyncio.Event()

    async def wait() -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(keep_running("trial", wait))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 1)
