"""What is done to the knowledge graphs of subjects."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.vocabularies import MANAGE, Vocabulary, admit_of_province
from services.catalog.domain.knowledge import (
    Point,
    PointRefused,
    PrerequisiteCycle,
    point_flaws,
    prerequisite_cycles,
)
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import NotFound, StaleVersion
from shared.principal import Principal


@dataclass(frozen=True, slots=True)
class Graph:
    """The knowledge points of a subject by code, in the order of their positions. ``version``
    counts changes; a subject without points has version 0."""

    subject: str
    version: int = 0
    points: Mapping[str, Point] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GraphSummary:
    subject: str
    version: int
    points: int


class KnowledgeStore(Protocol):
    async def lock(self) -> None:
        """Keep all graphs from other writers until the transaction ends."""
        ...

    async def page(self, limit: int, after: str) -> Sequence[GraphSummary]:
        """In the order of subjects' codes."""
        ...

    async def graphs(self, subjects: Collection[str] | None) -> Mapping[str, Graph]:
        """The graphs that exist of those `subjects` (None: of all), in one statement."""
        ...

    async def keep(self, points: Sequence[tuple[str, Point]], at: datetime) -> None:
        """Add or replace points with their prerequisites; their graphs get their next
        versions."""
        ...


class Knowledge:
    """Every change is audited."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], KnowledgeStore],
        vocabulary: Vocabulary,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._vocabulary = vocabulary
        self._clock = clock

    async def page(self, limit: int, after: str) -> Sequence[GraphSummary]:
        async with self._new_uow() as uow:
            return await self._store(uow.connection).page(limit, after)

    async def graph(self, subject: str) -> Graph:
        """Raises `NotFound` for what is no subject."""
        async with self._new_uow() as uow:
            return await self._found(uow.connection, subject)

    async def point(self, subject: str, code: str) -> tuple[Graph, Point]:
        """One of its points, and the graph. Raises `NotFound`."""
        graph = await self.graph(subject)
        point = graph.points.get(code)
        if point is None:
            raise NotFound(
                "There is no knowledge point with that code.", zh="该学科没有这个知识点。"
            )
        return graph, point

    async def put(
        self, caller: Principal, subject: str, version: int, point: Point
    ) -> tuple[Graph, bool]:
        """Keep a point with its prerequisites; the graph after it, and whether the point is new.

        Raises `Forbidden`, `NotFound`, `StaleVersion`, `PointRefused`, `PrerequisiteCycle`.
        """
        admit_of_province(MANAGE, caller)
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            await store.lock()
            before = await self._found(uow.connection, subject)
            if before.version != version:
                raise StaleVersion
            old = before.points.get(point.code)
            if old == point:
                return before, False
            after = {**before.points, point.code: point}
            _check(point, after)
            await store.keep([(subject, point)], self._clock())
            uow.audit.record("knowledge_point.kept", f"{subject}/{point.code}", after=point.name_zh)
            return await uow.commit((Graph(subject, version + 1, after), old is None))

    async def _found(self, connection: AsyncConnection, subject: str) -> Graph:
        graph = (await self._store(connection).graphs([subject])).get(subject)
        if graph is None and await self._vocabulary.resolve(connection, "subject", subject) is None:
            raise NotFound("There is no subject with that code.", zh="没有该学科。")
        return graph or Graph(subject)


def _check(point: Point, after: Mapping[str, Point]) -> None:
    flaws = point_flaws([point], after)
    if flaws:
        errors = [{"pointer": f"#/{flaw.field}", "detail": flaw.advice} for flaw in flaws]
        raise PointRefused(
            "Correct the fields named in errors.", zh="请更正 errors 所列各项。", errors=errors
        )
    for cycle in prerequisite_cycles(after.values()):
        names = [f"{after[code].name_zh} ({code})" for code in cycle]
        raise PrerequisiteCycle(
            f"Each would come before itself: {' → '.join(names)}. Leave out one of these links.",
            zh=f"先修关系成环：{' → '.join(names)}。请去掉其中一条。",
            cycle=cycle,
        )
