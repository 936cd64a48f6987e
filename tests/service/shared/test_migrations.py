"""The databases as migrations make them, and what each service's role may do there."""

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from alembic import command
from sqlalchemy import pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from migrations.__main__ import config_of, differences
from shared.database import database_url
from shared.services import SERVICES
from tests.conftest import CHECKOUT, Stack

# Types of extensions are not compared.
pytestmark = pytest.mark.filterwarnings("ignore:Did not recognize type")

HOUSE = ("outbox", "inbox", "idempotency", "audit", "audit_chain", "audit_unchained", "heard_from")


@pytest.fixture
async def empty_database(stack: Stack) -> AsyncIterator[str]:
    """The name of an empty database, owned by the superuser."""
    name = f"scratch_{uuid.uuid4().hex[:12]}"
    superuser = await stack.superuser()
    await superuser.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    yield name
    await superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await superuser.close()


async def migrate(stack: Stack, service: str, database: str, *steps: Any) -> None:
    """Run alembic's commands `steps` as the superuser."""
    url = f"{stack.postgres}/{database}".replace("//", "//postgres@", 1)
    password = stack.secret("postgres", "superuser_password")
    engine = create_async_engine(database_url(url, password), poolclass=pool.NullPool)
    config = config_of(service)

    def run(connection: Any) -> None:
        config.attributes["connection"] = connection
        for step in steps:
            step(config)

    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


def upgrade(config: Any) -> None:
    command.upgrade(config, "head")


def check(config: Any) -> None:
    assert not differences(config)


@pytest.mark.parametrize("service", SERVICES)
async def test_an_empty_database_becomes_what_the_models_say(
    stack: Stack, empty_database: str, service: str
) -> None:
    await migrate(stack, service, empty_database, upgrade, check)


async def test_upgrading_again_changes_nothing(stack: Stack, empty_database: str) -> None:
    await migrate(stack, "catalog", empty_database, upgrade, upgrade, check)


async def test_partitions_made_while_a_service_runs_are_no_difference(
    stack: Stack, empty_database: str
) -> None:
    def part(config: Any) -> None:
        statement = "CREATE TABLE statements_of_a_day PARTITION OF statements DEFAULT"
        config.attributes["connection"].execute(text(statement))

    await migrate(stack, "learning", empty_database, upgrade, part, check)


async def test_a_table_that_no_model_knows_is_a_difference(
    stack: Stack, empty_database: str
) -> None:
    def smuggle(config: Any) -> None:
        config.attributes["connection"].execute(text("CREATE TABLE smuggled (x int)"))
        assert "smuggled" in differences(config)[0]

    await migrate(stack, "learning", empty_database, upgrade, smuggle)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (
            "DROP INDEX ix_resources_live; CREATE INDEX ix_resources_live ON resources (id)"
            " WHERE live_version IS NULL",
            ["live_version IS NOT NULL", "live_version IS NULL"],
        ),
        ("ALTER TABLE resources ADD CHECK (latest_version < 7)", ["latest_version < 7"]),
    ],
)
async def test_another_condition_of_an_index_or_a_check_is_a_difference(
    stack: Stack, empty_database: str, statement: str, told: list[str]
) -> None:
    def alter(config: Any) -> None:
        for each in statement.split("; "):
            config.attributes["connection"].execute(text(each))
        found = differences(config)
        assert len(found) == len(told)
        assert all(words in line for words, line in zip(told, found, strict=True))

    await migrate(stack, "catalog", empty_database, upgrade, alter)


async def test_upgrades_at_the_same_time_wait_for_each_other(
    stack: Stack, empty_database: str
) -> None:
    """As when two replicas of a release are started at once."""
    url = f"{stack.postgres}/{empty_database}".replace("//", "//postgres@", 1)
    program = "import sys; from migrations.__main__ import config_of; from alembic import command"
    settings = {
        "SHUYUAN_LEARNING_DATABASE_URL": url,
        "SHUYUAN_LEARNING_DATABASE_PASSWORD": stack.secret("postgres", "superuser_password"),
    }
    upgrades = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", f"{program}; command.upgrade(config_of('learning'), 'head')"),
            cwd=CHECKOUT,
            env={**os.environ, **settings},
        )
        for _ in range(2)
    ]
    assert [await each.wait() for each in upgrades] == [0, 0]
    await migrate(stack, "learning", empty_database, check)


async def as_service(stack: Stack, service: str, database: str) -> asyncpg.Connection:
    return await asyncpg.connect(
        f"{stack.postgres}/{database}",
        user=service,
        password=stack.service_secret(service, "database_password").strip(),
    )


@pytest.fixture(params=SERVICES)
async def service_connection(
    stack: Stack, request: pytest.FixtureRequest
) -> AsyncIterator[asyncpg.Connection]:
    """A service's own role in its own, migrated database; what it changes is rolled back."""
    connection = await as_service(stack, request.param, request.param)
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'x'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "UPDATE audit_chain SET digest = ''",
        "DELETE FROM audit_chain",
        "TRUNCATE audit_chain",
        "DROP TABLE audit",
        "ALTER TABLE audit ADD COLUMN x int",
        "ALTER TABLE audit DISABLE TRIGGER ALL",
        "CREATE TABLE smuggled (x int)",
        "UPDATE alembic_version SET version_num = 'x'",
        "COPY audit TO PROGRAM 'cat'",
        "SET ROLE postgres",
    ],
)
async def test_a_service_cannot_rewrite_what_it_did(
    service_connection: asyncpg.Connection, statement: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await service_connection.execute(statement)


async def test_a_service_may_note_what_it_does_and_read_it(
    service_connection: asyncpg.Connection,
) -> None:
    entry = await service_connection.fetchval(
        "INSERT INTO audit (at, actor, action, target, request_id, facts)"
        " VALUES (now(), 'a', 'b', 'c', '-', '{}') RETURNING id"
    )
    await service_connection.execute("INSERT INTO audit_unchained VALUES ($1)", entry)
    await service_connection.execute("DELETE FROM audit_unchained WHERE audit_id = $1", entry)
    assert await service_connection.fetchval("SELECT actor FROM audit WHERE id = $1", entry) == "a"


async def test_a_service_may_write_the_other_tables_of_the_house(
    service_connection: asyncpg.Connection,
) -> None:
    for table in HOUSE:
        assert await service_connection.fetchval(
            "SELECT has_table_privilege($1, 'SELECT') AND has_table_privilege($1, 'INSERT')", table
        )


@pytest.mark.parametrize("owner", SERVICES)
@pytest.mark.parametrize("intruder", SERVICES)
async def test_a_service_reaches_its_own_database_only(
    stack: Stack, owner: str, intruder: str
) -> None:
    if owner == intruder:
        await (await as_service(stack, intruder, owner)).close()
        return
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await as_service(stack, intruder, owner)


@pytest.mark.parametrize("database", ["postgres", "template1"])
async def test_a_service_does_not_reach_the_server_s_own_databases(
    stack: Stack, database: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await as_service(stack, "catalog", database)


async def test_a_wrong_password_is_refused(stack: Stack) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"{stack.postgres}/catalog", user="catalog", password="guess")
