"""A database that is put back to what it was."""

import asyncpg

_TABLES = (
    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
)


async def keep(owner: asyncpg.Connection) -> None:
    """Remember every row."""
    await owner.execute("DROP SCHEMA IF EXISTS kept CASCADE; CREATE SCHEMA kept")
    for name in await _names(owner):
        await owner.execute(f'CREATE TABLE kept."{name}" AS TABLE public."{name}"')


async def roll_back(owner: asyncpg.Connection) -> None:
    """Make the rows again what they were when they were kept."""
    await owner.execute("SET session_replication_role = replica")
    for name in await _names(owner):
        await owner.execute(f'TRUNCATE public."{name}" CASCADE')
    for name in await _names(owner):
        await owner.execute(
            f'INSERT INTO public."{name}" OVERRIDING SYSTEM VALUE SELECT * FROM kept."{name}"'  # noqa: S608 - names of tables
        )
    await owner.execute("SET session_replication_role = origin; DROP SCHEMA kept CASCADE")


async def _names(owner: asyncpg.Connection) -> list[str]:
    return [row["relname"] for row in await owner.fetch(_TABLES)]
