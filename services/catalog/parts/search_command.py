"""``python -m services.catalog reindex``: the index built anew while the old one serves."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

import asyncpg

from services.catalog.adapters.objects import object_store
from services.catalog.adapters.search_published import PublishedReads
from services.catalog.application.search_following import Indexing
from services.catalog.application.search_language import Language
from services.catalog.parts.search import search_index
from services.catalog.settings import Settings
from shared import logs
from shared.errors import Unavailable
from shared.reader import Reader

ENVIRONMENT = (
    "Run this with the environment of the service: its SHUYUAN_CATALOG_* variables, its secrets"
    " among them or in SHUYUAN_SECRETS_DIR; on this machine's own stack,"
    " ./shuyuan run catalog reindex. 请在服务的环境变量下运行。\n"
)
NOWHERE = (
    "No index is named: neither SHUYUAN_CATALOG_SEARCH_DIRECTORY nor"
    " SHUYUAN_CATALOG_MEILISEARCH_URL is set. (A service with neither builds its own at each"
    f" start.) {ENVIRONMENT}"
)


def reindex(argv: Sequence[str]) -> int:
    """build the search index anew, beside the one in use, and swap them"""
    argparse.ArgumentParser(
        prog="python -m services.catalog reindex",
        description="Build the search index anew from PostgreSQL. Search goes on meanwhile.",
    ).parse_args(argv)
    settings = Settings.load()
    logs.configure("catalog", settings.log_level)
    if not settings.search_directory and not settings.meilisearch_url:
        sys.stderr.write(NOWHERE)
        return 2
    try:
        count = asyncio.run(_reindex(settings))
    except (OSError, Unavailable, asyncpg.PostgresError) as error:
        sys.stderr.write(f"The index cannot be built ({type(error).__name__}). {ENVIRONMENT}")
        return 2
    sys.stdout.write(f"{count} resources indexed 已索引资源 {count} 个\n")
    return 0


async def _reindex(settings: Settings) -> int:
    reader = Reader(settings, "catalog-reindex")
    try:
        indexing = Indexing(PublishedReads(reader), object_store(settings), Language())
        return await indexing.rebuild(search_index(settings))
    finally:
        reader.close()
