"""``/healthz`` says that the process answers; ``/readyz`` names each dependency; ``/metrics``.

Only PostgreSQL makes a service unready: without the bus writes are still acknowledged, without the
object store metadata is still served, before the issuer's keys are known what is public.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.metrics import DEPENDENCY_UP
from shared.storage import ObjectStore

Check = Callable[[], Awaitable[bool]]
CHECK_SECONDS = 2.0


class ReadyView(BaseModel):
    status: Literal["ready", "degraded", "unavailable"]
    dependencies: dict[str, Literal["up", "down"]]


class Health:
    """Asks every dependency at once, each for at most two seconds."""

    def __init__(
        self,
        engine: AsyncEngine,
        bus_connected: Callable[[], bool],
        issuer_known: Callable[[], bool],
        checks: Mapping[str, Check],
    ) -> None:
        self._engine = engine
        self._checks: dict[str, Check] = {
            "database": self._database,
            "bus": _told(bus_connected),
            "issuer": _told(issuer_known),
            **checks,
        }

    async def look(self) -> ReadyView:
        answers = await asyncio.gather(*(_up(check) for check in self._checks.values()))
        up = dict(zip(self._checks, answers, strict=True))
        for name, answer in up.items():
            DEPENDENCY_UP.labels(name).set(answer)
        return ReadyView(
            status="unavailable" if not up["database"] else "ready" if all(answers) else "degraded",
            dependencies={name: "up" if answer else "down" for name, answer in up.items()},
        )

    async def _database(self) -> bool:
        async with self._engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
        return True


def _told(known: Callable[[], bool]) -> Check:
    async def check() -> bool:
        return known()

    return check


def object_store_check(objects: ObjectStore) -> Check:
    """Whether the object store answers, and knows us."""

    async def check() -> bool:
        await objects.ready()
        return True

    return check


async def _up(check: Check) -> bool:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check()
    except Exception:
        return False


def health_router(health: Health) -> APIRouter:
    """The routes for whoever runs the service; no gateway leads to them."""
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/readyz")
    async def readyz(response: Response) -> ReadyView:
        view = await health.look()
        response.status_code = 503 if view.status == "unavailable" else 200
        return view

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router
