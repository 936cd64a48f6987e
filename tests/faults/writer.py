"""``python -m tests.faults.writer``: a service with one POST, which raises a counter by one."""

from typing import Any

from fastapi import APIRouter, FastAPI, Response
from pydantic import BaseModel

from shared.idempotency import Once
from shared.service import Part, Runtime, application
from tests.faults.counters import SOURCE, Settings, increment, serve_in_turn
from tests.faults.moments import Moments


class Increment(BaseModel):
    name: str


class Incremented(BaseModel):
    name: str
    value: int


def create_app(settings: Settings) -> FastAPI:
    runtime = Runtime(SOURCE, settings, {})
    moments = Moments(settings.moments)
    router = APIRouter()
    publish = runtime.relay._publish

    async def publish_and_pass_by(js: Any, rows: list[Any]) -> int:
        last = await publish(js, rows)
        moments.pass_by("relay-after-publish")
        return last

    runtime.relay._publish = publish_and_pass_by  # type: ignore[method-assign]

    async def raise_by_one(name: str) -> Incremented:
        async with runtime.new_uow() as uow:
            result = Incremented(name=name, value=await increment(uow, name))
            moments.pass_by("writer-before-commit")
            await uow.commit(result)
        moments.pass_by("writer-after-commit")
        return result

    @router.post("/increments", status_code=201)
    async def increments(body: Increment, once: Once) -> Response:
        return await once.answer(raise_by_one(body.name), lambda result: result, 201)

    return application(runtime, title="t", description="d", parts=[Part([router])], table={})


if __name__ == "__main__":
    serve_in_turn(create_app)
