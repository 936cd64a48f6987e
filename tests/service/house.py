"""What the tests of every service stand on: a migrated database, signed tokens, counted statements.

Each service's conftest makes fixtures of these. The service connects as its own role, which owns
nothing there, as it does where migrations run under another role.
"""

import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol

import asyncpg
from alembic import command
from joserfc import jwt
from joserfc.jwk import ECKey
from sqlalchemy import Connection, event, pool
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from migrations.__main__ import config_of
from shared import logs
from shared.database import database_url
from shared.ids import uuid7
from tests.conftest import Stack

MASTER_KEY = "5a" * 32


@asynccontextmanager
async def migrated_database(stack: Stack, service: str) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection to a new database that holds what migrations put there."""
    logs.configure(service, "WARNING")
    name = f"scratch_{service}_{uuid.uuid4().hex[:8]}"
    superuser = await stack.superuser()
    await superuser.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        await _migrate(stack, service, name)
        connection = await stack.superuser(name)
        yield connection
        await connection.close()
    finally:
        await superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await superuser.close()


async def _migrate(stack: Stack, service: str, database: str) -> None:
    url = f"{stack.postgres}/{database}".replace("//", "//postgres@", 1)
    password = stack.secret("postgres", "superuser_password")
    engine = create_async_engine(database_url(url, password), poolclass=pool.NullPool)
    config = config_of(service)
    config.attributes["upgrade_only"] = True

    def upgrade(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    async with engine.begin() as connection:
        await connection.run_sync(upgrade)
    await engine.dispose()


async def emptying(database: asyncpg.Connection) -> str:
    """The SQL that empties every table which is empty now."""
    tables = await database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    empty = [
        name
        for (name,) in tables
        if not await database.fetchval(f"SELECT EXISTS (SELECT FROM {name})")  # noqa: S608 - a table's name
    ]
    deletions = "".join(f"DELETE FROM {name};" for name in empty)  # noqa: S608 - likewise
    return f"BEGIN; SET LOCAL session_replication_role = replica; {deletions} COMMIT"


async def own_database(stack: Stack, service: str, owner: asyncpg.Connection) -> dict[str, str]:
    """The settings with which `service` connects to the database of `owner`."""
    name = await owner.fetchval("SELECT current_database()")
    return {
        "database_url": f"{stack.postgres}/{name}".replace("//", f"//{service}@", 1),
        "database_password": stack.service_secret(service, "database_password"),
        "master_keys": MASTER_KEY,
    }


def own_bucket(stack: Stack, service: str) -> dict[str, str]:
    """The settings with which `service` reaches its files."""
    return {
        "object_store_endpoint": stack.object_store,
        "object_store_origin": stack.object_store,
        "object_store_access_key": stack.service_secret(service, "object_store_access_key"),
        "object_store_secret_key": stack.service_secret(service, "object_store_secret_key"),
        "object_store_bucket": service,
    }


class Token(Protocol):
    """Makes the Authorization header of a signed access token. ``scopes`` are separated by
    spaces, ``grants`` read ``role@path#subject``; `claims` add to or replace the others."""

    def __call__(
        self, subject: str, scopes: str = "", grants: tuple[str, ...] = (), **claims: Any
    ) -> dict[str, str]: ...


def new_signing_key() -> ECKey:
    """A key for tokens that a service under test is told to trust."""
    return ECKey.generate_key("P-256", {"kid": "tests", "use": "sig", "alg": "ES256"})


def signer(issuer: str, key: ECKey) -> Token:
    """A `Token` whose tokens come from `issuer`."""

    def signed(
        subject: str, scopes: str = "", grants: tuple[str, ...] = (), **claims: Any
    ) -> dict[str, str]:
        now = int(time.time())
        body = {
            "iss": issuer,
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
        return {"authorization": f"Bearer {jwt.encode(header, body, key)}"}

    return signed


@contextmanager
def statements_of(engine: AsyncEngine) -> Iterator[list[str]]:
    """The SQL statements that `engine` sends, in order; clear the list to count from there."""
    sent: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine.sync_engine, "before_cursor_execute", note)
