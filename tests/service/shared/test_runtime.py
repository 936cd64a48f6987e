import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx2
import nats
import pytest
from fastapi import FastAPI
from joserfc.jwk import KeySet
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import bus
from shared.events import Envelope
from shared.ids import uuid7
from shared.presence import hear, started_type
from shared.service import Runtime, application
from shared.settings import ServiceSettings
from shared.version import VERSION
from tests.service import house
from tests.service.shared.house import NatsServer, NewUow, count, eventually, execute, rows

NEIGHBOUR = "learning"


def service(settings: ServiceSettings) -> FastAPI:
    runtime = Runtime("catalog", settings, {NEIGHBOUR: {}})
    return application(runtime, title="t", description="d", parts=[], table={})


async def serving(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://service") as client,
    ):
        yield client


@pytest.fixture
async def client(
    engine: AsyncEngine, bus_settings: ServiceSettings, nats_server: NatsServer
) -> AsyncIterator[httpx2.AsyncClient]:
    """A service whose neighbour has a stream already."""
    connected = await nats.connect(nats_server.url, allow_reconnect=False)
    await bus.ensure_stream(connected.jetstream(), NEIGHBOUR)
    await connected.close()
    app = service(bus_settings)
    app.state.verifier.load(KeySet([house.new_signing_key()]).as_dict(private=False))
    async for each in serving(app):
        yield each


@pytest.fixture
async def lonely(
    engine: AsyncEngine, settings: ServiceSettings
) -> AsyncIterator[httpx2.AsyncClient]:
    """A service whose bus is out of reach."""
    async for each in serving(service(settings)):
        yield each


def started(at: datetime, version: str = "0.2.0", **more: object) -> Envelope:
    data = {"service": NEIGHBOUR, "version": version, "started_at": at.isoformat(), **more}
    return Envelope(uuid7(), f"/{NEIGHBOUR}", started_type(NEIGHBOUR), NEIGHBOUR, at, data)


async def announce(url: str, *announcements: Envelope) -> None:
    connected = await nats.connect(url, allow_reconnect=False)
    for each in announcements:
        await connected.jetstream().publish(each.type, each.to_json())
    await connected.close()


async def is_ready(client: httpx2.AsyncClient, status: str = "ready") -> bool:
    return bool((await client.get("/readyz")).json()["status"] == status)


async def test_a_service_is_ready_when_each_dependency_is_up(client: httpx2.AsyncClient) -> None:
    await eventually(lambda: is_ready(client))
    answer = await client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "dependencies": {"database": "up", "bus": "up", "issuer": "up"},
    }


async def test_without_the_bus_a_service_is_degraded_and_still_serves(
    lonely: httpx2.AsyncClient,
) -> None:
    answer = await lonely.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "degraded",
        "dependencies": {"database": "up", "bus": "down", "issuer": "down"},
    }
    assert (await lonely.get("/catalog/v1/about")).status_code == 200


async def test_without_postgresql_a_service_is_alive_and_not_ready(
    settings: ServiceSettings,
) -> None:
    gone = settings.model_copy(update={"database_url": "postgresql://a@127.0.0.1:9/a"})
    async for client in serving(service(gone)):
        alive, ready, about = [
            await client.get(path) for path in ("/healthz", "/readyz", "/catalog/v1/about")
        ]
    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    assert ready.status_code == 503
    assert ready.json()["status"] == "unavailable"
    assert ready.json()["dependencies"]["database"] == "down"
    assert about.status_code == 503
    assert about.json()["type"] == "urn:shuyuan:problem:unavailable"
    assert int(about.headers["retry-after"]) > 0


async def test_metrics_name_routes_and_dependencies_and_no_ids(lonely: httpx2.AsyncClient) -> None:
    await lonely.get("/readyz")
    await lonely.get("/catalog/v1/about")
    await lonely.get("/catalog/v1/0192f0c1-7e0a-7b1f-9d2e-3f4a5b6c7d8e")
    told = (await lonely.get("/metrics")).text
    assert 'shuyuan_dependency_up{dependency="database"} 1.0' in told
    assert 'route="/catalog/v1/about"' in told
    assert 'route="unmatched"' in told
    assert "0192f0c1" not in told


async def test_a_service_tells_its_name_version_and_start(lonely: httpx2.AsyncClient) -> None:
    about = (await lonely.get("/catalog/v1/about")).json()
    assert (about["service"], about["version"], about["heard_from"]) == ("catalog", VERSION, [])
    started_at = datetime.fromisoformat(about["started_at"])
    assert abs((datetime.now(UTC) - started_at).total_seconds()) < 60


async def test_a_neighbour_s_start_is_heard(
    client: httpx2.AsyncClient, nats_server: NatsServer
) -> None:
    at = datetime(2026, 9, 1, 8, tzinfo=UTC)
    await announce(nats_server.url, started(at, "0.2.0", region="added by a newer version"))

    async def heard() -> bool:
        return bool((await client.get("/catalog/v1/about")).json()["heard_from"])

    await eventually(heard)
    (neighbour,) = (await client.get("/catalog/v1/about")).json()["heard_from"]
    assert neighbour == {
        "service": NEIGHBOUR,
        "version": "0.2.0",
        "started_at": "2026-09-01T08:00:00Z",
    }


async def test_an_older_announcement_changes_nothing(engine: AsyncEngine, new_uow: NewUow) -> None:
    newer, older = datetime(2026, 9, 2, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC)
    for envelope in (started(newer, "0.3.0"), started(older, "0.2.0")):
        async with new_uow() as uow:
            await hear(uow, envelope)
            await uow.commit()
    assert await rows(engine, "SELECT version, started_at FROM heard_from") == [("0.3.0", newer)]


async def test_each_start_is_announced(
    client: httpx2.AsyncClient, engine: AsyncEngine, nats_server: NatsServer
) -> None:
    async def announced() -> bool:
        return await count(engine, "outbox WHERE published_at IS NOT NULL") == 1

    await eventually(announced)
    connected = await nats.connect(nats_server.url, allow_reconnect=False)
    message = await connected.jetstream().get_msg("CATALOG", seq=1)
    await connected.close()
    envelope = Envelope.from_json(message.data or b"")
    envelope.check()
    assert (envelope.type, envelope.source) == ("catalog.service.started.v1", "/catalog")


async def test_a_service_that_starts_before_its_database_announces_itself_later(
    engine: AsyncEngine, settings: ServiceSettings
) -> None:
    await execute(engine, "ALTER TABLE outbox RENAME TO outbox_not_there_yet")
    async for _client in serving(service(settings)):
        await asyncio.sleep(0.3)
        await execute(engine, "ALTER TABLE outbox_not_there_yet RENAME TO outbox")

        async def announced() -> bool:
            return await count(engine, "outbox") == 1

        await eventually(announced)


async def test_an_unknown_path_is_a_problem(lonely: httpx2.AsyncClient) -> None:
    for path in ("/", "/catalog/v1/nothing", "/catalog/v1/about/", "/docs", "/openapi.json"):
        answer = await lonely.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_service_stops_quickly_even_while_it_works(
    engine: AsyncEngine, bus_settings: ServiceSettings
) -> None:
    for pause in (0.0, 0.05, 0.3, 0.6):
        runtime = Runtime("catalog", bus_settings, {NEIGHBOUR: {}})
        async with runtime.running():
            await asyncio.sleep(pause)
            for _ in range(5):
                runtime.relay.wake()
                runtime.sealer.wake()
                await asyncio.sleep(0)
            began = time.perf_counter()
        assert time.perf_counter() - began < 3
