"""Search in the serving process: its index, and what keeps it up to date."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from services.catalog.adapters.changes import ChangeReader
from services.catalog.adapters.search_meilisearch import MeilisearchIndex
from services.catalog.adapters.search_published import PublishedReads
from services.catalog.adapters.search_tantivy import TantivyIndex
from services.catalog.application.search import Search
from services.catalog.application.search_following import Follower, Indexing
from services.catalog.application.search_language import Language
from services.catalog.application.search_ports import SearchIndex
from services.catalog.application.search_related import Related
from services.catalog.domain.notices import Tombstone
from services.catalog.routes.search import search_router
from services.catalog.settings import Settings
from shared.encryption import KeyRing
from shared.pages import Cursors
from shared.service import Part, Runtime
from shared.storage import ObjectStore


@dataclass(frozen=True, kw_only=True)
class SearchPart(Part):
    """``follower`` is for whoever will not wait for its next turn."""

    follower: Follower


def build(
    runtime: Runtime,
    settings: Settings,
    *,
    objects: ObjectStore,
    tombstone: Callable[[UUID], Awaitable[Tombstone]],
) -> SearchPart:
    """Search, suggestions, related resources; `tombstone` raises `NotFound`."""
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    index, language = search_index(settings), Language()
    published = PublishedReads(runtime.reader)
    follower = Follower(
        index,
        ChangeReader(runtime.reader),
        published,
        Indexing(published, objects, language),
        language,
    )
    search = Search(index, published, language)
    related = Related(index, published, language, tombstone)
    return SearchPart(
        routers=[search_router(search, related, Cursors(keys.derive("cursors")))],
        tasks={"search-follower": follower.run},
        follower=follower,
    )


def search_index(settings: Settings) -> SearchIndex:
    """The engine that the settings name."""
    if settings.meilisearch_url:
        key = settings.meilisearch_key.get_secret_value()
        return MeilisearchIndex(settings.meilisearch_url, key, settings.meilisearch_index)
    return TantivyIndex(Path(settings.search_directory) if settings.search_directory else None)
