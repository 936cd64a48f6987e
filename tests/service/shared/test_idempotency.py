import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import Depends, FastAPI, Header, Response
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import idempotency, problems
from shared.context import current
from shared.database import UnitOfWork
from shared.edge import Edge
from shared.errors import Forbidden
from shared.etags import etag
from shared.idempotency import Once
from tests.conftest import Stack
from tests.faults.counters import SOURCE, increment
from tests.service.shared.house import count, rows


class Increment(BaseModel):
    name: str
    by: str = "one"


class Incremented(BaseModel):
    name: str
    value: int


@dataclass
class Trial:
    """An application with one POST, and what a test may do in the midst of it."""

    engine: AsyncEngine
    before_commit: Callable[[UnitOfWork], Any] | None = None

    async def raise_by_one(self, name: str) -> Incremented:
        async with UnitOfWork(self.engine, f"/{SOURCE}") as uow:
            result = Incremented(name=name, value=await increment(uow, name))
            if name == "refused":
                raise Forbidden("This counter does not move.")
            if self.before_commit is not None:
                await self.before_commit(uow)
            return await uow.commit(result)

    def application(self) -> FastAPI:
        async def caller(x_caller: Annotated[str, Header()] = "anonymous") -> None:
            current().actor = x_caller

        app = FastAPI()

        @app.post("/increments", dependencies=[Depends(caller)])
        @app.post("/others", dependencies=[Depends(caller)])
        async def raise_by_one(body: Increment, once: Once) -> Response:
            return await once.answer(
                self.raise_by_one(body.name),
                lambda result: result,
                201,
                lambda result: {"etag": etag(result.value), "location": f"/counters/{result.name}"},
            )

        problems.install(app, {})
        app.add_middleware(Edge, service="trial", max_body_bytes=4096)
        return app


@pytest.fixture
def trial(engine: AsyncEngine) -> Trial:
    return Trial(engine)


@pytest.fixture
async def client(trial: Trial) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(trial.application(), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


KEY = {"idempotency-key": "0192f0c1-7e0a-7b1f-9d2e-3f4a5b6c7d8e"}


async def test_without_a_key_each_request_takes_effect(
    client: httpx2.AsyncClient, engine: AsyncEngine
) -> None:
    values = [
        (await client.post("/increments", json={"name": "a"})).json()["value"] for _ in range(2)
    ]
    assert values == [1, 2]
    assert await count(engine, "idempotency") == 0


async def test_a_repeat_gets_the_first_answer_and_has_no_effect(
    client: httpx2.AsyncClient, engine: AsyncEngine
) -> None:
    first = await client.post("/increments", json={"name": "a"}, headers=KEY)
    again = await client.post("/increments", json={"name": "a"}, headers=KEY)
    assert (first.status_code, first.json()) == (201, {"name": "a", "value": 1})
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    for name in ("content-type", "etag", "location"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    for table in ("counter", "outbox", "audit", "idempotency"):
        assert await count(engine, table) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/increments", {"name": "b"}),
        ("/increments", {"name": "a", "by": "one"}),
        ("/others", {"name": "a"}),
        ("/increments?dry=1", {"name": "a"}),
    ],
)
async def test_the_same_key_with_another_request_is_refused(
    client: httpx2.AsyncClient, engine: AsyncEngine, path: str, body: dict[str, str]
) -> None:
    await client.post("/increments", json={"name": "a"}, headers=KEY)
    answer = await client.post(path, json=body, headers=KEY)
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:shuyuan:problem:idempotency-key-reused"
    assert await rows(engine, "SELECT name, value FROM counter") == [("a", 1)]


async def test_a_repeat_while_the_first_is_running_is_a_conflict(
    trial: Trial, client: httpx2.AsyncClient, engine: AsyncEngine
) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def wait(_uow: UnitOfWork) -> None:
        reached.set()
        await go_on.wait()

    trial.before_commit = wait
    first = asyncio.create_task(client.post("/increments", json={"name": "a"}, headers=KEY))
    await reached.wait()
    second = await client.post("/increments", json={"name": "a"}, headers=KEY)
    go_on.set()
    assert (await first).status_code == 201
    assert second.status_code == 409
    assert second.json()["type"] == "urn:shuyuan:problem:request-still-running"
    third = await client.post("/increments", json={"name": "a"}, headers=KEY)
    assert third.headers["idempotency-replayed"] == "true"
    assert await rows(engine, "SELECT value FROM counter") == [(1,)]


async def test_of_many_at_once_one_takes_effect(
    client: httpx2.AsyncClient, engine: AsyncEngine
) -> None:
    for round_ in range(5):
        key = {"idempotency-key": f"round-{round_}"}
        answers = await asyncio.gather(
            *(client.post("/increments", json={"name": "a"}, headers=key) for _ in range(8))
        )
        assert {answer.status_code for answer in answers} <= {201, 409}
        told = {answer.content for answer in answers if answer.status_code == 201}
        assert len(told) == 1
    assert await rows(engine, "SELECT value FROM counter") == [(5,)]
    assert await count(engine, "outbox") == 5


async def test_a_repeat_is_not_refused_for_what_the_first_one_did(
    trial: Trial, client: httpx2.AsyncClient, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The repeat begins before the first commits, and gets the key just after."""
    holding = idempotency._HOLD.text.removeprefix("SELECT ")
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def wait(_uow: UnitOfWork) -> None:
        reached.set()
        await go_on.wait()

    async def refuse(_uow: UnitOfWork) -> None:
        raise Forbidden("The counter has moved already.")

    trial.before_commit = wait
    first = asyncio.create_task(client.post("/increments", json={"name": "a"}, headers=KEY))
    await reached.wait()
    trial.before_commit = refuse
    late = text(f"SELECT pg_sleep(0.5) IS NOT NULL AND {holding}")
    monkeypatch.setattr(idempotency, "_HOLD", late)
    repeat = asyncio.create_task(client.post("/increments", json={"name": "a"}, headers=KEY))
    await asyncio.sleep(0.2)
    go_on.set()
    assert (await first).status_code == 201
    assert (await repeat).headers["idempotency-replayed"] == "true"


async def test_a_refusal_stores_nothing(client: httpx2.AsyncClient, engine: AsyncEngine) -> None:
    for _ in range(2):
        answer = await client.post("/increments", json={"name": "refused"}, headers=KEY)
        assert answer.status_code == 403
        assert "idempotency-replayed" not in answer.headers
    assert await count(engine, "idempotency") == await count(engine, "counter") == 0


async def test_an_invalid_request_does_not_spend_its_key(client: httpx2.AsyncClient) -> None:
    assert (await client.post("/increments", json={}, headers=KEY)).status_code == 422
    assert (await client.post("/increments", json={"name": "a"}, headers=KEY)).status_code == 201


async def test_what_failed_before_its_commit_may_be_repeated(
    trial: Trial, client: httpx2.AsyncClient, engine: AsyncEngine, stack: Stack
) -> None:
    superuser = await stack.superuser()

    async def lose_the_connection(uow: UnitOfWork) -> None:
        pid = (await uow.connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        await superuser.execute("SELECT pg_terminate_backend($1)", pid)

    trial.before_commit = lose_the_connection
    lost = await client.post("/increments", json={"name": "a"}, headers=KEY)
    await superuser.close()
    assert (lost.status_code, lost.headers["retry-after"]) == (503, "5")
    trial.before_commit = None
    again = await client.post("/increments", json={"name": "a"}, headers=KEY)
    assert (again.status_code, again.json()["value"]) == (201, 1)
    assert "idempotency-replayed" not in again.headers
    assert await count(engine, "outbox") == 1


async def test_a_request_that_was_given_up_midway_may_be_repeated(
    trial: Trial, client: httpx2.AsyncClient, engine: AsyncEngine
) -> None:
    reached = asyncio.Event()

    async def hang(_uow: UnitOfWork) -> None:
        reached.set()
        await asyncio.Event().wait()

    trial.before_commit = hang
    first = asyncio.create_task(client.post("/increments", json={"name": "a"}, headers=KEY))
    await reached.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    trial.before_commit = None
    again = await client.post("/increments", json={"name": "a"}, headers=KEY)
    assert (again.status_code, again.json()["value"]) == (201, 1)
    assert await count(engine, "outbox") == 1


async def test_an_answer_that_was_lost_after_the_commit_is_given_again(
    trial: Trial, client: httpx2.AsyncClient, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = UnitOfWork.commit

    async def committed_but_never_told(self: UnitOfWork, result: Any = None) -> Any:
        await commit(self, result)
        raise ConnectionResetError

    with monkeypatch.context() as patched:
        patched.setattr(UnitOfWork, "commit", committed_but_never_told)
        lost = await client.post("/increments", json={"name": "a"}, headers=KEY)
    assert lost.status_code == 503
    again = await client.post("/increments", json={"name": "a"}, headers=KEY)
    assert (again.status_code, again.json()["value"]) == (201, 1)
    assert again.headers["idempotency-replayed"] == "true"
    assert await rows(engine, "SELECT value FROM counter") == [(1,)]


async def test_keys_of_different_callers_do_not_meet(
    client: httpx2.AsyncClient, engine: AsyncEngine
) -> None:
    answers = [
        await client.post("/increments", json={"name": "a"}, headers={**KEY, "x-caller": caller})
        for caller in ("teacher", "student", "teacher")
    ]
    assert [answer.json()["value"] for answer in answers] == [1, 2, 1]
    assert await count(engine, "idempotency") == 2


async def test_a_commit_without_an_answer_to_store_is_a_mistake(engine: AsyncEngine) -> None:
    app = FastAPI()

    @app.post("/increments")
    async def raise_by_one(_once: Once) -> None:
        async with UnitOfWork(engine, f"/{SOURCE}") as uow:
            await uow.commit(await increment(uow, "a"))

    transport = httpx2.ASGITransport(Edge(app, "trial", 4096))
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
        with pytest.raises(TypeError, match=r"Once\.answer"):
            await client.post("/increments", headers=KEY)
    assert await count(engine, "counter") == 0


async def test_two_units_of_work_under_one_key_are_one_request(
    trial: Trial, engine: AsyncEngine
) -> None:
    """The first commit stores the answer; what follows it belongs to the same request."""
    app = FastAPI()

    async def twice() -> Incremented:
        first = await trial.raise_by_one("a")
        async with UnitOfWork(engine, f"/{SOURCE}") as uow:
            await uow.commit(await increment(uow, "b"))
        return first

    @app.post("/increments")
    async def raise_both(once: Once) -> Response:
        return await once.answer(twice(), lambda result: result, 201)

    transport = httpx2.ASGITransport(Edge(app, "trial", 4096))
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
        first = await client.post("/increments", headers=KEY)
        again = await client.post("/increments", headers=KEY)
    assert first.content == again.content
    assert await rows(engine, "SELECT name, value FROM counter ORDER BY name") == [
        ("a", 1),
        ("b", 1),
    ]
