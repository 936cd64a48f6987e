"""What would happen if a resource were taken down."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.resources import ResourceStore, actors_of, known, viewer_of
from services.catalog.domain.impact import Impact
from services.catalog.domain.resources import Viewer
from shared.access import Role, Rule
from shared.database import UnitOfWork
from shared.errors import Forbidden
from shared.principal import Principal

PREVIEW = Rule("catalog.read", frozenset({Role.ADMINISTRATOR}), own=True)


class CourseReferences(Protocol):
    """Which courses use what, kept by the events of the learning service."""

    async def add(self, fact: Mapping[str, Any]) -> None:
        """Keep ``resource_id``, ``course_id``, ``organisation_path``; once is enough."""
        ...

    async def remove(self, fact: Mapping[str, Any]) -> None: ...


class ImpactReads(Protocol):
    async def of(self, resource_id: UUID, viewer: Viewer) -> Impact:
        """A constant number of statements."""
        ...


class Impacts:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        resources: Callable[[AsyncConnection], ResourceStore],
        reads: Callable[[AsyncConnection], ImpactReads],
    ) -> None:
        self._new_uow = new_uow
        self._resources = resources
        self._reads = reads

    async def preview(self, caller: Principal, resource_id: UUID) -> Impact:
        """For whoever may take it down. Raises `NotFound`, `Forbidden`."""
        viewer = viewer_of(caller)
        async with self._new_uow() as uow:
            resource = known(await self._resources(uow.connection).get(resource_id), viewer)
            if not actors_of(viewer, resource):
                raise Forbidden(
                    "It is for its owner and the administrators above.",
                    zh="仅资源所有者及其上级机构的管理员可以查看。",
                )
            return await self._reads(uow.connection).of(resource_id, viewer)
