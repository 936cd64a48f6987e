"""The identity service in this process, over a database of its own for each test.

The database is a copy of one that was migrated once; the service connects as its own role, which
owns nothing there, as it does where migrations run under another role. Background tasks do not
run, so no event leaves for the bus; tokens are signed here and verified by the service.
"""

import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Protocol

import asyncpg
import httpx2
import pytest
from alembic import command
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from sqlalchemy import event, pool
from sqlalchemy.ext.asyncio import create_async_engine

from migrations.__main__ import config_of
from services.identity.app import create_app
from services.identity.settings import Settings
from shared import logs
from shared.database import database_url
from shared.ids import uuid7
from tests.conftest import Stack

MASTER_KEY = "5a" * 32


@pytest.fixture(scope="session")
async def migrated_database(stack: Stack) -> AsyncIterator[str]:
    """The name of a migrated, empty database from which copies are made."""
    logs.configure("identity", "WARNING")
    name = f"scratch_identity_{uuid.uuid4().hex[:8]}"
    superuser = await stack.superuser()
    await superuser.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    url = f"{stack.postgres}/{name}".replace("//", "//postgres@", 1)
    engine = create_async_engine(
        database_url(url, stack.secret("postgres", "superuser_password")),
        poolclass=pool.NullPool,
    )
    config = config_of("identity")
    config.attributes["upgrade_only"] = True
    async with engine.begin() as connection:

        def upgrade(sync: Any) -> None:
            config.attributes["connection"] = sync
            command.upgrade(config, "head")

        await connection.run_sync(upgrade)
    await engine.dispose()
    yield name
    await superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await superuser.close()


@pytest.fixture
async def settings(stack: Stack, migrated_database: str) -> AsyncIterator[Settings]:
    """Settings that point at a fresh copy of the migrated database."""
    name = f"{migrated_database}_{uuid.uuid4().hex[:8]}"
    superuser = await stack.superuser()
    try:
        await superuser.execute(f"CREATE DATABASE {name} TEMPLATE {migrated_database}")
        yield Settings(
            database_url=f"{stack.postgres}/{name}".replace("//", "//identity@", 1),
            database_password=stack.service_secret("identity", "database_password"),
            master_keys=MASTER_KEY,
        )
        await superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await superuser.close()


@pytest.fixture
async def owner(stack: Stack, settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """A connection that may do anything to the test's database: to seed it and to look inside."""
    connection = await stack.superuser(settings.database_url.rpartition("/")[2])
    yield connection
    await connection.close()


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    """What makes the application; a module that tries one part alone overrides it."""
    return create_app


@pytest.fixture(scope="session")
def signing_key() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": "tests", "use": "sig", "alg": "ES256"})


@pytest.fixture
async def app(
    build: Callable[[Settings], FastAPI], settings: Settings, signing_key: ECKey
) -> AsyncIterator[FastAPI]:
    app = build(settings)
    app.state.verifier.load(KeySet([signing_key]).as_dict(private=False))
    yield app
    await app.state.runtime.engine.dispose()


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """An anonymous client; send ``headers=token(...)`` to be somebody."""
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://identity.test") as client:
        yield client


class Token(Protocol):
    """Makes the Authorization header of a signed access token. ``scopes`` are separated by
    spaces, ``grants`` read ``role@path#subject``; `claims` add to or replace the others."""

    def __call__(
        self, subject: str, scopes: str = "", grants: tuple[str, ...] = (), **claims: Any
    ) -> dict[str, str]: ...


@pytest.fixture
def token(settings: Settings, signing_key: ECKey) -> Token:
    def signed(
        subject: str, scopes: str = "", grants: tuple[str, ...] = (), **claims: Any
    ) -> dict[str, str]:
        now = int(time.time())
        body = {
            "iss": settings.issuer,
            "aud": "shuyuan",
            "sub": subject,
            "client_id": "tests",
            "jti": str(uuid7()),
            "iat": now,
            "exp": now + 600,
            "scope": scopes,
            "grants": list(grants),
            **claims,
        }
        header = {"alg": "ES256", "typ": "at+jwt", "kid": "tests"}
        return {"authorization": f"Bearer {jwt.encode(header, body, signing_key)}"}

    return signed


@pytest.fixture
def statements(app: FastAPI) -> Iterator[list[str]]:
    """The SQL statements that the service has sent, in order; clear it to count from there."""
    sent: list[str] = []
    engine = app.state.runtime.engine.sync_engine

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)
