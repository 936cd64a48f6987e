"""``python -m services.catalog reindex``: the index built anew while the old one serves."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from services.catalog.adapters.objects import object_store
from services.catalog.adapters.search_published import PublishedReads
from services.catalog.application.search_following import Indexing
from services.catalog.application.search_language import Language
from services.catalog.parts.search import search_index
from services.catalog.settings import Settings
from shared import logs
from shared.reader import Reader

NOWHERE = (
    "There is no index to build: SHUYUAN_CATALOG_SEARCH_DIRECTORY and"
    " SHUYUAN_CATALOG_MEILISEARCH_URL are empty, so the service keeps its own, which it builds at"
    " each start. 未设置索引位置，无需重建。\n"
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
    count = asyncio.run(_reindex(settings))
    sys.stdout.write(f"{count} resources indexed 已索引资源 {count} 个\n")
    return 0


async def _reindex(settings: Settings) -> int:
    reader = Reader(settings, "catalog-reindex")
    try:
        indexing = Indexing(PublishedReads(reader), object_store(settings), Language())
        return await indexing.rebuild(search_index(settings))
    finally:
        reader.close()
