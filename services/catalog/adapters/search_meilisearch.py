"""The index in a Meilisearch of its own, for several replicas of the service.

Texts are sent as the words that we cut them into, so both engines answer the same. Meilisearch has
no alternatives for a word: each way to read a query is a query, and its federation merges them. The
place in the feed of changes is a document of its own, so it arrives with the others.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from services.catalog.adapters.search_meilisearch_queries import FACET_FIELDS, federated
from services.catalog.application.search_ports import Indexed
from services.catalog.domain.changes import BEGINNING, Place
from services.catalog.domain.search import FURTHEST, Facet, Found, Hit, Query, SearchUnavailable
from shared.ids import uuid7

if TYPE_CHECKING:
    from meilisearch import Client
    from meilisearch.models.task import TaskInfo

T = TypeVar("T")

TIMEOUT_SECONDS = 5
TASK_MILLISECONDS = 60_000
MOST_VALUES = 20_000
_MOST_WORDS = 500
_MOST_TEXT_WORDS = 2_000
_PLACE = "place"
_NOT_FOUND = frozenset({"index_not_found", "document_not_found"})

SETTINGS: Mapping[str, Any] = {
    "searchableAttributes": [
        "title_words",
        "names_words",
        "description_words",
        "text_words",
        "characters",
        "syllables",
        "initials",
    ],
    "displayedAttributes": [
        "id",
        "version",
        "title",
        "description",
        "text",
        "transaction",
        "position",
    ],
    "filterableAttributes": ["id", "kind", "words", "words_of_text", *FACET_FIELDS.values()],
    "sortableAttributes": ["published_at"],
    "rankingRules": ["sort", "words", "typo", "proximity", "attribute", "exactness"],
    # What was mistyped we mend ourselves, in Chinese and in pinyin.
    "typoTolerance": {"enabled": False},
    "pagination": {"maxTotalHits": FURTHEST + 100},
    "faceting": {"maxValuesPerFacet": MOST_VALUES, "sortFacetValuesBy": {"*": "count"}},
}


class MeilisearchIndex:
    """A `SearchIndex` in the index `name` of the Meilisearch at `url`."""

    def __init__(self, url: str, key: str, name: str) -> None:
        self._url = url
        self._key = key
        self._name = name

    async def place(self) -> Place | None:
        return await self._call(self._place)

    def _place(self, client: "Client") -> Place | None:
        from meilisearch.errors import MeilisearchApiError

        try:
            told = client.index(self._name).get_document(_PLACE)
        except MeilisearchApiError as error:
            if error.code in _NOT_FOUND:
                return None
            raise
        return Place(told.transaction, told.position)

    async def apply(self, batch: Sequence[Indexed], removals: Sequence[UUID], place: Place) -> None:
        def applied(client: "Client") -> None:
            index = client.index(self._name)
            if removals:
                ids = ", ".join(f'"{each}"' for each in removals)
                _await(client, index.delete_documents(filter=f"id IN [{ids}]"))
            documents = [*map(_document, batch), _place_document(place)]
            _await(client, index.add_documents(documents))

        await self._call(applied)

    async def search(self, query: Query) -> Found:
        queries, federation = federated(self._name, query)

        def asked(client: "Client") -> Found:
            # Before the hits: another replica may move it on between the two.
            place = self._place(client) or BEGINNING
            told = client.multi_search(queries, federation)
            return _found(self._name, query, told, place)

        return await self._call(asked)

    async def words(self, limit: int, *, texts: bool = False) -> Mapping[str, int]:
        name = "words_of_text" if texts else "words"
        asked = {"limit": 0, "facets": [name], "filter": "kind = resource"}
        told = await self._call(lambda client: client.index(self._name).search("", asked))
        counted: Mapping[str, int] = told["facetDistribution"].get(name, {})
        commonest = sorted(counted.items(), key=lambda each: (-each[1], each[0]))
        return dict(commonest[:limit])

    async def build(self) -> "MeilisearchBuilder":
        name = f"{self._name}-{uuid7()}"

        def made(client: "Client") -> None:
            _await(client, client.create_index(name, {"primaryKey": "id"}))
            _await(client, client.index(name).update_settings(dict(SETTINGS)))

        await self._call(made)
        return MeilisearchBuilder(self, name)

    async def fill(self, name: str, documents: Sequence[Mapping[str, Any]]) -> None:
        """Add documents to the index `name`."""
        await self._call(
            lambda client: _await(client, client.index(name).add_documents(list(documents)))
        )

    async def exchange(self, name: str) -> None:
        """Swap the index `name` with the one in use."""

        def swapped(client: "Client") -> None:
            _await(
                client,
                client.create_index(self._name, {"primaryKey": "id"}),
                may_fail="index_already_exists",
            )
            _await(client, client.swap_indexes([{"indexes": [self._name, name]}]))

        await self._call(swapped)

    async def remove(self, name: str) -> None:
        """Delete the index `name`."""
        await self._call(lambda client: _await(client, client.delete_index(name)))

    def close(self) -> None:
        """Nothing is held between calls."""

    async def _call(self, ask: Callable[["Client"], T]) -> T:
        return await asyncio.to_thread(self._asked, ask)

    def _asked(self, ask: Callable[["Client"], T]) -> T:
        # Imported here: most installations never speak to a Meilisearch. A client keeps headers of
        # the request in hand, so no two threads share one.
        from meilisearch import Client

        with _outage_is_unavailable():
            return ask(Client(self._url, self._key or None, timeout=TIMEOUT_SECONDS))


class MeilisearchBuilder:
    """An `IndexBuilder`: an index with another name, which is swapped in."""

    def __init__(self, index: MeilisearchIndex, name: str) -> None:
        self._index = index
        self._name = name

    async def add(self, batch: Sequence[Indexed]) -> None:
        if batch:
            await self._index.fill(self._name, [*map(_document, batch)])

    async def swap(self, place: Place) -> None:
        await self._index.fill(self._name, [_place_document(place)])
        await self._index.exchange(self._name)

    async def abandon(self) -> None:
        """After `swap`, what is removed under that name is the index that was in use before."""
        await self._index.remove(self._name)


@contextmanager
def _outage_is_unavailable() -> Iterator[None]:
    from meilisearch.errors import (
        MeilisearchApiError,
        MeilisearchCommunicationError,
        MeilisearchTimeoutError,
    )

    try:
        yield
    except (MeilisearchCommunicationError, MeilisearchTimeoutError) as error:
        raise SearchUnavailable(
            "Search is out of reach: try again in a moment.", zh="搜索暂不可用，请稍后再试。"
        ) from error
    except MeilisearchApiError as error:
        if error.code != "index_not_found":
            raise
        raise SearchUnavailable(
            "The search index is being built: try again in a moment.",
            zh="搜索索引正在建立，请稍后再试。",
        ) from error


def _await(client: "Client", begun: "TaskInfo", may_fail: str = "") -> None:
    """Wait until Meilisearch has done it. Raises RuntimeError where it failed otherwise than with
    the code `may_fail`."""
    task = client.wait_for_task(begun.task_uid, timeout_in_ms=TASK_MILLISECONDS)
    if task.status != "succeeded" and (task.error or {}).get("code") != (may_fail or None):
        raise RuntimeError(f"Meilisearch could not do {task.type}: {task.error}")


def _document(indexed: Indexed) -> dict[str, Any]:
    document, analysed = indexed.document, indexed.analysed
    words = dict.fromkeys((*analysed.title, *analysed.names, *analysed.description))
    return {
        "id": str(document.id),
        "kind": "resource",
        "version": document.version,
        "published_at": int(document.published_at.timestamp()),
        "title": document.title,
        "description": document.description,
        "text": document.text,
        "title_words": " ".join(analysed.title),
        "names_words": " ".join(analysed.names),
        "description_words": " ".join(analysed.description),
        "text_words": " ".join(analysed.text),
        "characters": " ".join(analysed.characters),
        "syllables": " ".join(analysed.syllables),
        "initials": " ".join(analysed.initials),
        "words": list(words)[:_MOST_WORDS],
        "words_of_text": list(dict.fromkeys(analysed.text))[:_MOST_TEXT_WORDS],
        **{FACET_FIELDS[facet]: list(values) for facet, values in document.facets.items()},
    }


def _place_document(place: Place) -> dict[str, Any]:
    return {"id": _PLACE, "transaction": place.transaction, "position": place.position}


def _found(name: str, query: Query, told: Mapping[str, Any], place: Place) -> Found:
    hits = [
        Hit(hit["id"], hit["version"], hit["title"], hit["description"], hit["text"])
        for hit in told["hits"]
    ]
    counts: dict[Facet, Mapping[str, int]] = {}
    if query.facets:
        counted = told["facetsByIndex"][name]["distribution"]
        counts = {facet: counted.get(FACET_FIELDS[facet], {}) for facet in query.facets}
    return Found(told["estimatedTotalHits"], hits, counts, place)
