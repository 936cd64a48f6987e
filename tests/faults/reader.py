"""``python -m tests.faults.reader``: a service that writes down which increments it hears of."""

from typing import Any

from fastapi import FastAPI

from shared.database import UnitOfWork
from shared.events import Envelope
from shared.service import Runtime, application
from tests.faults.counters import EVENT, HEARER, SOURCE, Settings, hear, serve_in_turn
from tests.faults.moments import Moments


class WatchedUnitOfWork(UnitOfWork):
    """Passes a moment right after each commit."""

    moments: Moments

    async def commit(self, result: Any = None) -> Any:
        told = await super().commit(result)
        self.moments.pass_by("reader-after-commit")
        return told


class WatchedRuntime(Runtime):
    def new_uow(self) -> UnitOfWork:
        return WatchedUnitOfWork(self.engine, f"/{self.name}", self.clock)


def create_app(settings: Settings) -> FastAPI:
    moments = WatchedUnitOfWork.moments = Moments(settings.moments)

    async def hear_and_pass_by(uow: UnitOfWork, envelope: Envelope) -> None:
        await hear(uow, envelope)
        moments.pass_by("reader-before-commit")

    runtime = WatchedRuntime(HEARER, settings, {SOURCE: {EVENT: hear_and_pass_by}})
    return application(runtime, title="t", description="d", parts=[], table={})


if __name__ == "__main__":
    serve_in_turn(create_app)
