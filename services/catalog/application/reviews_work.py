"""What happens to reviews in its own time: machine review, reminders, escalation.

A task is a row with the time it is due. Whoever takes one pushes it on by a lease first, in a
transaction of its own, so a kill in the middle leaves it to be taken again; its effect and its end
are one transaction, which does nothing when the case has gone on meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Protocol
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.checks import PAGE_BREAK
from services.catalog.application.resources import ResourceStore
from services.catalog.application.reviews_levels import moved, note, open_level, passed_on
from services.catalog.application.reviews_ports import ReviewStore, TaskKind
from services.catalog.domain.lifecycle import Action, State
from services.catalog.domain.resources import Content
from services.catalog.domain.reviews import Case, EventKind
from services.catalog.domain.reviews_events import ReviewEscalated, ReviewReminded
from services.catalog.domain.term_lists import Matcher, TermList, texts_of
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import Unavailable
from shared.storage import ObjectMissing, ObjectStore

LEASE = timedelta(minutes=2)
LOOK_SECONDS = 1.0
MOST_HITS = 200
MOST_ATTEMPTS = 5
"""So often texts are tried to be had; then the case goes on, and its timeline says what is missing.
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do about a case as it was in that round at that level."""

    case_id: UUID
    kind: TaskKind
    round: int
    level: int
    attempts: int


class TaskStore(Protocol):
    async def take(self, now: datetime, until: datetime) -> Task | None:
        """The task that is due longest, which nobody else takes before `until`."""
        ...

    async def done(self, task: Task) -> None: ...

    async def texts(self, resource_id: UUID, number: int) -> Sequence[tuple[int, str]]:
        """The position of each file of a version that has a text, and the text's key."""
        ...

    async def lists_in_effect(self, now: datetime) -> Sequence[TermList]: ...


class Scheduler:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        resources: Callable[[AsyncConnection], ResourceStore],
        reviews: Callable[[AsyncConnection], ReviewStore],
        tasks: Callable[[AsyncConnection], TaskStore],
        objects: ObjectStore,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._resources = resources
        self._reviews = reviews
        self._tasks = tasks
        self._objects = objects
        self._clock = clock
        self._woken = asyncio.Event()
        self._matcher: tuple[Any, Matcher] = ((), Matcher([]))
        self._does: Mapping[TaskKind, Callable[[Task], Awaitable[None]]] = {
            TaskKind.EXAMINE: self._examine,
            TaskKind.REMIND: self._remind,
            TaskKind.ESCALATE: self._escalate,
        }

    def wake(self) -> None:
        """Look for what is due now rather than soon."""
        self._woken.set()

    async def run(self) -> None:
        """Do what is due until cancelled; several may run at once."""
        while True:
            self._woken.clear()
            await self.work()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._woken.wait()

    async def work(self) -> int:
        """Do everything that is due; returns how many tasks were taken."""
        taken = 0
        while (task := await self._take()) is not None:
            taken += 1
            try:
                await self._does[task.kind](task)
            except Unavailable as error:
                log.info("a review waits", case=str(task.case_id), reason=error.detail)
        return taken

    async def _take(self) -> Task | None:
        async with self._new_uow() as uow:
            now = self._clock()
            task = await self._tasks(uow.connection).take(now, now + LEASE)
            return await uow.commit(task)

    async def _examine(self, task: Task) -> None:
        async with self._new_uow() as uow:
            store, found = await self._locked(uow, task)
            if found is None or found.state not in (State.SUBMITTED, State.MACHINE_REVIEW):
                await self._over(uow, task)
                return
            case = moved(found, Action.EXAMINE, self._clock())
            await self._stood(uow, store, case)
            version = await self._resources(uow.connection).version(case.resource_id, case.number)
            tasks = self._tasks(uow.connection)
            keys = await tasks.texts(case.resource_id, case.number)
            lists = await tasks.lists_in_effect(self._clock())
            await uow.commit()
        content = version.content if version else Content({})
        found_hits = await self._read(content, keys, lists, last=task.attempts >= MOST_ATTEMPTS)
        async with self._new_uow() as uow:
            store, again = await self._locked(uow, task)
            if again is None or again.state is not State.MACHINE_REVIEW:
                await self._over(uow, task)
                return
            await store.tell(again, EventKind.EXAMINED, None, found_hits)
            case = await open_level(store, uow, again, 0, self._clock())
            await self._stand(uow, store, case)
            note(uow, "examined", case, again.state, hits=found_hits["total"])
            await uow.commit()

    async def _read(
        self,
        content: Content,
        keys: Sequence[tuple[int, str]],
        lists: Sequence[TermList],
        *,
        last: bool,
    ) -> dict[str, Any]:
        """What the timeline says of machine review. Raises `Unavailable`, unless it is the `last`
        attempt."""
        texts: list[tuple[dict[str, Any], str]] = [
            ({"pointer": pointer}, said) for pointer, said in texts_of(content.metadata)
        ]
        texts += [
            ({"file": position, "element": element}, said)
            for position, each in enumerate(content.files)
            for element, said in each.texts
        ]
        missing = list[int]()
        for position, key in keys if lists else ():
            try:
                pages = (await self._objects.get(key)).decode(errors="replace").split(PAGE_BREAK)
            except ObjectMissing:
                missing.append(position)
                continue
            except Unavailable:
                if not last:
                    raise
                missing.append(position)
                continue
            texts += [
                ({"file": position, "page": number}, page) for number, page in enumerate(pages, 1)
            ]
        hits, total = await asyncio.to_thread(self._matched, texts, lists)
        used = [{"name": each.name, "version": each.version} for each in lists]
        return {"lists": used, "hits": hits, "total": total, "unread_files": missing}

    def _matched(
        self, texts: Sequence[tuple[dict[str, Any], str]], lists: Sequence[TermList]
    ) -> tuple[list[dict[str, Any]], int]:
        key = tuple((each.name, each.version) for each in lists)
        if self._matcher[0] != key:
            self._matcher = key, Matcher(lists)
        matcher = self._matcher[1]
        found = ({**place, **asdict(hit)} for place, said in texts for hit in matcher.hits(said))
        told = list(islice(found, MOST_HITS))
        return told, len(told) + sum(1 for _ in found)

    async def _remind(self, task: Task) -> None:
        async with self._new_uow() as uow:
            store, case = await self._at_level(uow, task)
            if case is not None:
                case = await passed_on(store, case, self._clock())
                await store.tell(case, EventKind.REMINDED, None, {"assignee": case.assignee})
                uow.outbox.append(ReviewReminded.of(case))
            await self._over(uow, task)

    async def _escalate(self, task: Task) -> None:
        """Those above may judge too, and it is nobody's from now on: whoever held it lets go."""
        async with self._new_uow() as uow:
            store, case = await self._at_level(uow, task)
            if case is not None:
                case = case.changed(self._clock(), escalated=True, assignee=None)
                released = [each.reviewer for each in await store.claims(case.id)]
                await store.clear(case.id)
                await store.save(case)
                told = {"level": case.at.kind, "released": released}
                await store.tell(case, EventKind.ESCALATED, None, told)
                uow.outbox.append(ReviewEscalated.of(case))
                note(uow, "escalated", case)
            await self._over(uow, task)

    async def _at_level(self, uow: UnitOfWork, task: Task) -> tuple[ReviewStore, Case | None]:
        store, case = await self._locked(uow, task)
        stands = case is not None and case.state is State.IN_REVIEW and case.level == task.level
        return store, case if stands else None

    async def _locked(self, uow: UnitOfWork, task: Task) -> tuple[ReviewStore, Case | None]:
        """The case, if it is in that round still; its resource is locked before it."""
        store = self._reviews(uow.connection)
        found = await store.get(task.case_id)
        if found is None:
            return store, None
        await self._resources(uow.connection).locked(found.resource_id)
        case = await store.locked(task.case_id)
        return store, case if case is not None and case.round == task.round else None

    async def _stood(self, uow: UnitOfWork, store: ReviewStore, case: Case) -> None:
        await store.save(case)
        await self._stand(uow, store, case)

    async def _stand(self, uow: UnitOfWork, store: ReviewStore, case: Case) -> None:
        resource = await self._resources(uow.connection).get(case.resource_id)
        if resource is not None and resource.state is not case.resource_state:
            await store.stand(resource.moved(case.resource_state, case.id, self._clock()))

    async def _over(self, uow: UnitOfWork, task: Task) -> None:
        await self._tasks(uow.connection).done(task)
        await uow.commit()
