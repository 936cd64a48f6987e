"""What a service says of itself, and which of its neighbours it has heard of.

Each start is announced as ``<service>.service.started.v1``; the others note it. An operator reads
at ``/about`` which versions meet during a rollout, and that events travel at all.
"""

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlalchemy import text

from shared.access import public
from shared.database import UnitOfWork
from shared.errors import Unavailable
from shared.events import Envelope
from shared.problems import declare

_HEAR = text(
    "INSERT INTO heard_from (service, version, started_at)"
    " VALUES (:service, :version, :started_at)"
    " ON CONFLICT (service) DO UPDATE"
    " SET version = excluded.version, started_at = excluded.started_at"
    " WHERE heard_from.started_at < excluded.started_at"
)
_HEARD = "SELECT service, version, started_at FROM heard_from ORDER BY service"


@dataclass(frozen=True)
class ServiceStarted:
    """A process of `service` began to serve; the service itself is the aggregate."""

    service: str
    version: str
    started_at: datetime

    @property
    def type(self) -> str:
        return started_type(self.service)

    @property
    def aggregate(self) -> str:
        return self.service


def started_type(service: str) -> str:
    """The type under which `service` announces its starts."""
    return f"{service}.service.started.v1"


async def hear(uow: UnitOfWork, envelope: Envelope) -> None:
    """Note that a neighbour started; an older announcement changes nothing."""
    started_at = datetime.fromisoformat(envelope.data["started_at"])
    await uow.connection.execute(_HEAR, {**envelope.data, "started_at": started_at})


class NeighbourView(BaseModel):
    service: str
    version: str
    started_at: datetime


class AboutView(BaseModel):
    """A running service. ``heard_from`` lists the neighbours whose start was announced to it."""

    service: str
    version: str
    started_at: datetime
    heard_from: list[NeighbourView]


def about_router(prefix: str) -> APIRouter:
    """``GET {prefix}/about``: public, and the proof that a service reaches its database."""
    router = APIRouter(prefix=prefix, tags=["about"])

    @router.get(
        "/about",
        responses=declare({})(Unavailable),
        summary="关于本服务",
        **public(),
    )
    async def about(request: Request) -> AboutView:
        """The service, its version, and the neighbours whose start it has heard of."""
        runtime = request.app.state.runtime
        heard = await runtime.reader.fetch(_HEARD)
        return AboutView(
            service=runtime.name,
            version=runtime.version,
            started_at=runtime.started_at,
            heard_from=[NeighbourView(**row) for row in heard],
        )

    return router
