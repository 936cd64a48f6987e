"""The house's core on a real PostgreSQL and on a NATS of the test's own, which may be abused."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import events
from shared.database import UnitOfWork, create_engine
from shared.settings import ServiceSettings
from tests.conftest import ScratchDatabase
from tests.faults import counters
from tests.service.shared.house import NatsServer, NewUow


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    server = NatsServer(tmp_path / "nats")
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session", autouse=True)
def _schemas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    committed = events.SCHEMAS
    counters.publish_schema(tmp_path_factory.mktemp("schemas"))
    yield
    events.SCHEMAS = committed


@pytest.fixture
def settings(scratch_database: ScratchDatabase) -> ServiceSettings:
    """Of a service whose bus is out of reach."""
    return ServiceSettings(
        database_url=scratch_database.url,
        database_password=SecretStr(scratch_database.password),
        nats_url="nats://127.0.0.1:9",
    )


@pytest.fixture
def bus_settings(settings: ServiceSettings, nats_server: NatsServer) -> ServiceSettings:
    """Of the same service with a bus."""
    return settings.model_copy(update={"nats_url": nats_server.url})


@pytest.fixture
async def engine(settings: ServiceSettings) -> AsyncIterator[AsyncEngine]:
    """The engine of a service whose database holds the tables of the house, and counters."""
    made = create_engine(settings, "trial")
    async with made.begin() as connection:
        await connection.run_sync(counters.METADATA.create_all)
    yield made
    await made.dispose()


@pytest.fixture
def new_uow(engine: AsyncEngine) -> NewUow:
    return lambda: UnitOfWork(engine, f"/{counters.SOURCE}")
