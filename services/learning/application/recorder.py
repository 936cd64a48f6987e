"""Gathers concurrent requests into transactions: acknowledged is committed.

While the writers are busy, requests wait, and the next writer takes all that wait: one commit is
shared by as many as came during the one before. Nothing waits for a timer.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from prometheus_client import Counter, Gauge

from services.learning.domain.applications import Class
from services.learning.domain.xapi.records import Batch, Overloaded, StatementConflict
from services.learning.ports import StatementStore
from shared.clock import Clock
from shared.errors import Unavailable

WRITERS = 2
ROWS_AT_ONCE = 1000
RETRY_SECONDS = 2
_MICROSECOND = timedelta(microseconds=1)

SHARES: Mapping[Class, float] = {Class.HOMEWORK: 1.0, Class.ORDINARY: 0.8, Class.ANALYTICS: 0.5}
"""How full the queue may be when a request of the class still joins it."""

Waiting = tuple[Batch, asyncio.Future[None]]
"""A request's statements, and whom to tell."""

WAITING = Gauge("shuyuan_statements_waiting", "Statements in the queue of the record store")
SHED = Counter("shuyuan_statements_shed", "Statements sent away", ["class"])


class Recorder:
    """Up to `capacity` statements wait; homework is taken first and shed last."""

    def __init__(self, store: StatementStore, clock: Clock, capacity: int) -> None:
        self._store = store
        self._clock = clock
        self._capacity = capacity
        self._lanes: dict[Class, deque[Waiting]] = {kind: deque() for kind in Class}
        self._waiting = 0
        self._writers: set[asyncio.Task[None]] = set()
        self._under_way: set[datetime] = set()
        self._last = clock()

    async def record(self, batch: Batch, kind: Class) -> None:
        """Return once the batch is committed.

        Raises `StatementConflict`; `Overloaded` when the class has its share of the queue,
        `Unavailable` when the queue is full or PostgreSQL is out of reach.
        """
        size = len(batch.records)
        if self._waiting + size > self._capacity * SHARES[kind] and self._waiting:
            SHED.labels(kind).inc(size)
            if self._waiting + size > self._capacity:
                raise Unavailable(
                    "The store is busy. Send it again.", RETRY_SECONDS, zh="系统繁忙，请稍后重发。"
                )
            raise Overloaded(RETRY_SECONDS)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lanes[kind].append((batch, done))
        self._waiting += size
        WAITING.set(self._waiting)
        if len(self._writers) < WRITERS:
            writer = asyncio.create_task(self._drain())
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)
        await done

    def consistent_through(self) -> datetime:
        """Every statement stored up to this instant can be read."""
        return min(self._under_way, default=self._clock() + _MICROSECOND) - _MICROSECOND

    async def _drain(self) -> None:
        while taken := self._take():
            stored = max(self._clock(), self._last + _MICROSECOND)
            self._last = stored + _span(taken)
            self._under_way.add(stored)
            try:
                await self._write(taken, stored)
            finally:
                self._under_way.discard(stored)

    async def _write(self, taken: Sequence[Waiting], stored: datetime) -> None:
        """Write these together, and tell each what became of it. Where that fails for another
        reason than an outage, one is the cause: halves are tried, until it alone is told so."""
        try:
            refused = await self._store.write([batch for batch, _ in taken], stored)
        except Exception as error:
            if len(taken) > 1 and not isinstance(error, Unavailable):
                half = len(taken) // 2
                await self._write(taken[:half], stored)
                await self._write(taken[half:], stored + _span(taken[:half]))
                return
            for _, done in taken:
                if not done.done():
                    done.set_exception(error)
            return
        for index, (_, done) in enumerate(taken):
            if done.done():
                continue
            if index in refused:
                done.set_exception(
                    StatementConflict(
                        f"The id {refused[index]} is taken: give the statement another.",
                        zh=f"编号 {refused[index]} 已被使用，请更换。",
                    )
                )
            else:
                done.set_result(None)

    def _take(self) -> list[Waiting]:
        taken: list[Waiting] = []
        rows = 0
        for lane in self._lanes.values():
            while lane and (not taken or rows + len(lane[0][0].records) <= ROWS_AT_ONCE):
                waiting = lane.popleft()
                rows += len(waiting[0].records)
                taken.append(waiting)
        self._waiting -= rows
        WAITING.set(self._waiting)
        return taken


def _span(taken: Sequence[Waiting]) -> timedelta:
    """How long these occupy the clock: every statement gets a microsecond of its own."""
    return sum(len(batch.records) for batch, _ in taken) * _MICROSECOND
