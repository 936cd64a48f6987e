"""The house's core on a real PostgreSQL and on a NATS of the test's own, which may be abused."""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import events, logs
from shared.database import UnitOfWork, create_engine
from shared.settings import ServiceSettings
from tests.conftest import Stack
from tests.faults import counters
from tests.service.shared.house import NatsServer, NewUow


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    server = NatsServer(tmp_path / "nats")
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session", autouse=True)
def _house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    logs.configure("trial", "WARNING")
    committed = events.SCHEMAS
    events.SCHEMAS = tmp_path_factory.mktemp("schemas")
    counters.write_schemas(events.SCHEMAS)
    yield
    events.SCHEMAS = committed


@pytest.fixture(scope="session")
async def database(stack: Stack) -> AsyncIterator[ServiceSettings]:
    """A database with the tables of the house, and counters. The bus is out of reach."""
    name, password = f"scratch_{uuid.uuid4().hex[:12]}", uuid.uuid4().hex
    superuser = await stack.superuser()
    await superuser.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
    await superuser.execute(f"CREATE DATABASE {name} OWNER {name} TEMPLATE template0")
    settings = ServiceSettings(
        database_url=f"{stack.postgres}/{name}".replace("//", f"//{name}@", 1),
        database_password=SecretStr(password),
        nats_url="nats://127.0.0.1:9",
    )
    engine = create_engine(settings, "trial")
    async with engine.begin() as connection:
        await connection.run_sync(counters.METADATA.create_all)
    await engine.dispose()
    yield settings
    await superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await superuser.execute(f"DROP ROLE {name}")
    await superuser.close()


@pytest.fixture
async def engine(database: ServiceSettings) -> AsyncIterator[AsyncEngine]:
    """The engine of a service whose tables are empty."""
    made = create_engine(database, "trial")
    async with made.begin() as connection:
        for table in counters.METADATA.tables:
            await connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - a table's name
    yield made
    await made.dispose()


@pytest.fixture
def settings(database: ServiceSettings, engine: AsyncEngine) -> ServiceSettings:
    """Of a service whose tables are empty and whose bus is out of reach."""
    return database


@pytest.fixture
def bus_settings(settings: ServiceSettings, nats_server: NatsServer) -> ServiceSettings:
    """Of the same service with a bus."""
    return settings.model_copy(update={"nats_url": nats_server.url})


@pytest.fixture
def new_uow(engine: AsyncEngine) -> NewUow:
    return lambda: UnitOfWork(engine, f"/{counters.SOURCE}")
