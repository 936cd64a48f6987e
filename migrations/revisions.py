"""Whether a service's database has been brought to where its code needs it."""

import asyncio
from importlib import import_module

import asyncpg
from alembic.script import ScriptDirectory

from shared.services import PACKAGES
from shared.settings import ServiceSettings


def waits_for(service: str, scripts: ScriptDirectory) -> str:
    """Why `service` cannot begin yet, in words; empty when it can."""
    settings: ServiceSettings = import_module(f"{PACKAGES[service]}.settings").Settings.load()
    try:
        found = asyncio.run(_revision(settings))
    except (OSError, asyncpg.PostgresError) as error:
        return f"its database cannot be asked ({type(error).__name__}: {error})"
    return reason(found, scripts)


def reason(found: str | None, scripts: ScriptDirectory) -> str:
    """Empty for the newest revision, and for one of a later version, which works with this code."""
    known = {each.revision for each in scripts.walk_revisions()}
    if found is None:
        return "its database has no tables yet"
    if found in known and found not in scripts.get_heads():
        return f"its database is at {found}"
    return ""


async def _revision(settings: ServiceSettings) -> str | None:
    password = settings.database_password.get_secret_value() or None
    database = await asyncpg.connect(settings.database_url, password=password, timeout=5)
    try:
        found: str | None = await database.fetchval("SELECT version_num FROM alembic_version")
        return found
    except asyncpg.UndefinedTableError:
        return None
    finally:
        await database.close()
