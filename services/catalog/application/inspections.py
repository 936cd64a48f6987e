"""Reading how far an inspection is and what it found."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.domain.codes import Likeness
from services.catalog.domain.inspection import Derivative, Inspection, Job, State
from shared.access import Rule
from shared.database import UnitOfWork
from shared.errors import NotFound
from shared.principal import Principal
from shared.storage import ObjectStore

READ = Rule("catalog.read", own=True)
_ADDRESS_LIFE = timedelta(minutes=15)


class InspectionStore(Protocol):
    async def get(self, inspection_id: UUID) -> Inspection | None: ...

    async def owner(self, inspection_id: UUID) -> str | None:
        """The subject whose upload it is of."""
        ...

    async def take(self, worker: UUID, lease: timedelta) -> Job | None:
        """The unfinished inspection that has waited longest and nobody holds; it is held now."""
        ...

    async def renew(self, job: Job, lease: timedelta, step: str, progress: int) -> bool:
        """Tell how far it is; False when it is no longer this worker's."""
        ...

    async def hold(self, job: Job) -> bool:
        """Whether it is still this worker's; if so, it stays so until the transaction ends."""
        ...

    async def postpone(self, job: Job, pause: timedelta, *, outage: bool) -> None:
        """Give it back, to be tried after `pause`; what an `outage` cut short was no attempt."""
        ...

    async def report(self, job: Job, sha256: bytes | None, report: Mapping[str, Any]) -> None: ...

    async def finish(self, job: Job, state: State) -> None: ...

    async def keep_derivatives(self, sha256: bytes, derivatives: Sequence[Derivative]) -> None:
        """In place of those it had."""
        ...

    async def keep_likeness(self, sha256: bytes, made: Likeness) -> None:
        """That by which others like it are found. Again is in order."""
        ...

    async def derivatives(self, sha256: bytes) -> Sequence[Derivative]: ...


@dataclass(frozen=True, slots=True)
class Told:
    """An inspection, and the address of each thing that was made of a clean file."""

    inspection: Inspection
    derivatives: Sequence[tuple[Derivative, str]]


class Inspections:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], InspectionStore],
        objects: ObjectStore,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._objects = objects

    async def get(self, caller: Principal, inspection_id: UUID) -> Told:
        """The inspection of one of the caller's uploads. Raises `NotFound`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            inspection = await store.get(inspection_id)
            if inspection is None or await store.owner(inspection_id) != caller.subject:
                raise NotFound("You have no upload with that inspection.", zh="您没有这项检查。")
            made: Sequence[Derivative] = []
            if inspection.clean and inspection.sha256 is not None:
                made = await store.derivatives(inspection.sha256)
        return Told(inspection, [(each, self._address(each)) for each in made])

    def _address(self, derivative: Derivative) -> str:
        return self._objects.presign_get(
            derivative.object_key, expires=_ADDRESS_LIFE, content_type=derivative.media_type
        )
