"""The control plane in this process, over a real database that is emptied for each test. Background
tasks do not run; tokens are signed here and verified by the service."""

from collections.abc import AsyncIterator, Callable, Iterator

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from joserfc.jwk import ECKey, KeySet

from gateway.app import create_app
from gateway.settings import Settings
from tests.conftest import Stack
from tests.service import house
from tests.service.house import Token, own_database, signer, statements_of


@pytest.fixture(scope="session")
async def migrated_database(stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection to a database that is migrated, and otherwise empty."""
    async with house.migrated_database(stack, "gateway") as connection:
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
    return Settings.model_validate(await own_database(stack, "gateway", owner))


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    """What makes the application; a module that tries some parts alone overrides it."""
    return create_app


@pytest.fixture(scope="session")
def signing_key() -> ECKey:
    return house.new_signing_key()


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
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway.test") as client:
        yield client


@pytest.fixture
def token(settings: Settings, signing_key: ECKey) -> Token:
    return signer(settings.issuer, signing_key)


@pytest.fixture
def statements(app: FastAPI) -> Iterator[list[str]]:
    """The SQL statements that the service has sent, in order; clear it to count from there."""
    with statements_of(app.state.runtime.engine) as sent:
        yield sent
