"""The identity service in this process, over a real database that is emptied for each test.

The service connects as its own role, which owns nothing there, as it does where migrations run
under another role. Background tasks do not run, so no event leaves for the bus; tokens are signed
here and verified by the service.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from joserfc.jwk import ECKey, KeySet

from services.identity.adapters.organisations import OrganisationRepository
from services.identity.app import create_app
from services.identity.application.organisations import Organisations
from services.identity.domain.organisations import Organisation
from services.identity.settings import Settings
from shared.service import Part, Runtime, application
from tests.conftest import Stack
from tests.service import house
from tests.service.house import Token, new_signing_key, own_database, signer, statements_of


@pytest.fixture(scope="session")
async def migrated_database(stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection to a database that is migrated, and otherwise empty."""
    async with house.migrated_database(stack, "identity") as connection:
        yield connection


@pytest.fixture(scope="session")
async def emptying(migrated_database: asyncpg.Connection) -> str:
    """The SQL that empties every table which migrations left empty."""
    return await house.emptying(migrated_database)


@pytest.fixture
async def owner(migrated_database: asyncpg.Connection, emptying: str) -> asyncpg.Connection:
    """A connection that may do anything to the test's database: to seed it and to look inside."""
    await migrated_database.execute(emptying)
    return migrated_database


@pytest.fixture
async def settings(stack: Stack, owner: asyncpg.Connection) -> Settings:
    """Settings that point at a database with nothing in it but what migrations put there."""
    return Settings.model_validate(await own_database(stack, "identity", owner))


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    """What makes the application; a module that tries some parts alone overrides it."""
    return create_app


def only(*builders: Callable[[Runtime, Settings], Part]) -> Callable[[Settings], FastAPI]:
    """What makes an application of these parts and nothing else."""

    def build(settings: Settings) -> FastAPI:
        runtime = Runtime("identity", settings, {})
        parts = [builder(runtime, settings) for builder in builders]
        return application(
            runtime,
            title="identity",
            description="",
            parts=parts,
            table={error: told for part in parts for error, told in part.table.items()},
        )

    return build


@pytest.fixture(scope="session")
def signing_key() -> ECKey:
    return new_signing_key()


@pytest.fixture
async def app(
    build: Callable[[Settings], FastAPI], settings: Settings, signing_key: ECKey
) -> AsyncIterator[FastAPI]:
    app = build(settings)
    app.state.verifier.load(KeySet([signing_key]).as_dict(private=False))
    yield app
    await app.state.runtime.close()


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """An anonymous client; send ``headers=token(...)`` to be somebody."""
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://identity.test") as client:
        yield client


@pytest.fixture
def organisations(app: FastAPI) -> Organisations:
    """The use cases of the tree, to make organisations without HTTP."""
    runtime = app.state.runtime
    return Organisations(runtime.new_uow, OrganisationRepository, runtime.clock)


@pytest.fixture
async def province(organisations: Organisations) -> Organisation:
    return await organisations.found_province("陕西省", "610000")


@pytest.fixture
def token(settings: Settings, signing_key: ECKey) -> Token:
    return signer(settings.issuer, signing_key)


@pytest.fixture
def statements(app: FastAPI) -> Iterator[list[str]]:
    """The SQL statements that the service has sent, in order; clear it to count from there."""
    with statements_of(app.state.runtime.engine) as sent:
        yield sent


async def waiting_for_locks(owner: asyncpg.Connection, number: int) -> None:
    """Until as many statements wait in the database of `owner`."""
    for _ in range(200):
        await owner.execute("SELECT pg_stat_clear_snapshot()")
        waiting = await owner.fetchval(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        if waiting == number:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{waiting} of {number} wait for a lock")
