"""The learning service in this process, over a real database that is emptied for each test.
Background tasks do not run; tokens are signed here and verified by the service."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from joserfc.jwk import ECKey, KeySet

from services.learning.app import create_app
from services.learning.domain.applications import Class, Scope
from services.learning.settings import Settings
from tests.conftest import Stack
from tests.service import house
from tests.service.house import Token, new_signing_key, own_bucket, own_database, signer

SCHOOL = "PTEST.SFIRST"
OTHER_SCHOOL = "PTEST.SOTHER"
Register = Callable[..., Awaitable[dict[str, str]]]


@pytest.fixture(scope="session")
async def migrated_database(stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection to a database that is migrated, and otherwise empty."""
    async with house.migrated_database(stack, "learning") as connection:
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
    own = {**await own_database(stack, "learning", owner), **own_bucket(stack, "learning")}
    return Settings.model_validate(own)


@pytest.fixture(scope="session")
def signing_key() -> ECKey:
    return new_signing_key()


@pytest.fixture
async def app(settings: Settings, signing_key: ECKey) -> AsyncIterator[FastAPI]:
    app = create_app(settings)
    app.state.verifier.load(KeySet([signing_key]).as_dict(private=False))
    yield app
    app.state.records.pool.close()
    await app.state.runtime.close()


@pytest.fixture
def token(settings: Settings, signing_key: ECKey) -> Token:
    return signer(settings.issuer, signing_key)


@pytest.fixture
async def anonymous(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A client without credentials."""
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://learning.test") as client:
        yield client


@pytest.fixture
def register(app: FastAPI) -> Register:
    """Makes an application; returns the headers with which it calls."""

    async def registering(
        username: str, path: str = SCHOOL, *scopes: Scope, kind: Class = Class.ORDINARY
    ) -> dict[str, str]:
        new = await app.state.records.registry.register(
            username, username, path, frozenset(scopes or {Scope.ALL}), kind
        )
        pair = base64.b64encode(f"{username}:{new.secret}".encode()).decode()
        return {"authorization": f"Basic {pair}"}

    return registering


@pytest.fixture
async def client(app: FastAPI, register: Register) -> AsyncIterator[httpx2.AsyncClient]:
    """An application of the first school, at the base path of 2.0.0."""
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    headers = {**await register("app"), "x-experience-api-version": "2.0.0"}
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://learning.test/learning/xapi/2.0.0", headers=headers
    ) as client:
        yield client
