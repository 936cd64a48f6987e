"""The identity service in this process, over a real database that is emptied for each test.

The service connects as its own role, which owns nothing there, as it does where migrations run
under another role. Background tasks do not run, so no event leaves for the bus; tokens are signed
here and verified by the service.
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
from sqlalchemy import Connection, event, pool
from sqlalchemy.ext.asyncio import create_async_engine

from migrations.__main__ import config_of
from services.identity.adapters.organisations import OrganisationRepository
from services.identity.app import create_app
from services.identity.application.organisations import Organisations
from services.identity.domain.organisations import Organisation
from services.identity.parts import Part
from services.identity.settings import Settings
from shared import logs
from shared.database import database_url
from shared.ids import uuid7
from shared.service import Runtime, application
from tests.conftest import Stack

MASTER_KEY = "5a" * 32


@pytest.fixture(scope="session")
async def migrated_database(stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection to a database that is migrated, and otherwise empty."""
    logs.configure("identity", "WARNING")
    name = f"scratch_identity_{uuid.uuid4().hex[:8]}"
    superuser = await stack.superuser()
    await superuser.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        await _migrate(stack, name)
        connection = await stack.superuser(name)
        yield connection
        await connection.close()
    finally:
        await superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await superuser.close()


async def _migrate(stack: Stack, name: str) -> None:
    url = f"{stack.postgres}/{name}".replace("//", "//postgres@", 1)
    password = stack.secret("postgres", "superuser_password")
    engine = create_async_engine(database_url(url, password), poolclass=pool.NullPool)
    config = config_of("identity")
    config.attributes["upgrade_only"] = True

    def upgrade(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    async with engine.begin() as connection:
        await connection.run_sync(upgrade)
    await engine.dispose()


@pytest.fixture(scope="session")
async def emptying(migrated_database: asyncpg.Connection) -> str:
    """The SQL that empties every table which migrations left empty."""
    tables = await migrated_database.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    )
    empty = [
        name
        for (name,) in tables
        if not await migrated_database.fetchval(f"SELECT EXISTS (SELECT FROM {name})")  # noqa: S608 - a table's name
    ]
    deletions = "".join(f"DELETE FROM {name};" for name in empty)  # noqa: S608 - likewise
    return f"BEGIN; SET LOCAL session_replication_role = replica; {deletions} COMMIT"


@pytest.fixture
async def owner(migrated_database: asyncpg.Connection, emptying: str) -> asyncpg.Connection:
    """A connection that may do anything to the test's database: to seed it and to look inside."""
    await migrated_database.execute(emptying)
    return migrated_database


@pytest.fixture
async def settings(stack: Stack, owner: asyncpg.Connection) -> Settings:
    """Settings that point at a database with nothing in it but what migrations put there."""
    name = await owner.fetchval("SELECT current_database()")
    return Settings(
        database_url=f"{stack.postgres}/{name}".replace("//", "//identity@", 1),
        database_password=stack.service_secret("identity", "database_password"),
        master_keys=MASTER_KEY,
    )


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
            routers=[router for part in parts for router in part.routers],
            table={error: told for part in parts for error, told in part.table.items()},
        )

    return build


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
