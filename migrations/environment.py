"""What every section's ``env.py`` runs: alembic against one service's database.

Migrations run as the role that owns the tables. One at a time (an advisory lock), never waiting
long for a table lock, each service in one transaction.
"""

import asyncio
from importlib import import_module
from typing import Any

from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from migrations.definitions import differences
from shared.database import database_url
from shared.services import PACKAGES
from shared.settings import ServiceSettings

# Partitions come and go while a service runs; the models know the table that they belong to.
_PARTITIONS = """
SELECT partition.relname
FROM pg_inherits
JOIN pg_class partition ON partition.oid = inhrelid
JOIN pg_class parent ON parent.oid = inhparent
WHERE partition.relispartition AND parent.relname = ANY(:tables)
"""

# The role that a service runs as owns no table, and cannot rewrite what it did.
_RIGHTS = (
    "GRANT USAGE ON SCHEMA public TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    "REVOKE UPDATE, DELETE, TRUNCATE ON audit, audit_chain FROM {role}",
    "GRANT SELECT ON SEQUENCE audit_id_seq TO {role}",
    "REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {role}",
)


def run(service: str) -> None:
    """Migrate `service`, or render the SQL with ``--sql``."""
    if context.is_offline_mode():
        context.configure(dialect_name="postgresql", literal_binds=True)
        with context.begin_transaction():
            context.run_migrations()
        return
    connection = context.config.attributes.get("connection")
    if connection is not None:
        _migrate(connection, service)
    else:
        asyncio.run(_connect_and_migrate(service))


async def _connect_and_migrate(service: str) -> None:
    settings: ServiceSettings = import_module(f"{PACKAGES[service]}.settings").Settings.load()
    url = settings.owner_database_url or settings.database_url
    password = settings.owner_database_password or settings.database_password
    engine = create_async_engine(
        database_url(url, password.get_secret_value()), poolclass=pool.NullPool
    )
    async with engine.connect() as connection:
        await connection.execute(text("SET lock_timeout = '5s'"))
        await connection.execute(text("SET statement_timeout = '15min'"))
        await connection.commit()
        await connection.run_sync(_migrate, service)
        await connection.commit()
    await engine.dispose()


def _migrate(connection: Connection, service: str) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('migrate', 0))"))
    metadata = _metadata(service)
    tables = list(metadata.tables) if metadata is not None else []
    partitions = set(connection.scalars(text(_PARTITIONS), {"tables": tables}))
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_name=lambda name, kind, _: kind != "table" or name not in partitions - {*tables},
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()
        for statement in _RIGHTS:
            connection.execute(text(statement.format(role=service)))
        told = context.config.attributes.get("definitions")
        if told is not None and metadata is not None:
            told += differences(connection, metadata)


def _metadata(service: str) -> Any:
    """The models, when revisions are compared or written; an upgrade needs none of them."""
    if context.config.attributes.get("upgrade_only"):
        return None
    return import_module(f"{PACKAGES[service]}.adapters.tables").METADATA
