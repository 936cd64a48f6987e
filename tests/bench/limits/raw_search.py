"""The limit of a search: the engine asked the same in one thread, answered by bare ASGI, under
uvicorn like ours.

The same means every question that the service puts to the engine for a query (what was typed;
where that finds few, what was meant, and most of it), each with the same clauses, facets and
stored documents. What words to ask for is found out once: here no query is read, no row is
fetched, nothing is marked.

``python -m tests.bench.limits.raw_search PORT`` with ``BENCH_SEARCH_DIRECTORY``, in which the
service keeps its index. The path of a request is the query, percent-encoded.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import orjson

from services.catalog.adapters.search_tantivy import TantivyIndex
from services.catalog.application.search import Asked, Search
from services.catalog.application.search_language import Language
from services.catalog.application.search_ports import GradeNames, Likeness, Shown
from services.catalog.domain.changes import Place
from services.catalog.domain.search import Facet, Found, Query
from shared.serving import serve
from tests.bench.relevance.corpus import names

FACETS = (Facet.STAGE, Facet.SUBJECT, Facet.GRADE, Facet.TYPE)


class Engine:
    """Answers with the titles of the hits and four facets."""

    def __init__(self, directory: Path) -> None:
        self._index = _Noting(directory)
        self._questions: dict[str, Sequence[Query]] = {}
        self._noting = asyncio.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await self._start()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        for question in await self._asked(scope["path"]):
            found = self._index.ask(question)
        told = {"total": found.total, "titles": [hit.title for hit in found.hits]}
        counts = {facet.value: values for facet, values in found.counts.items()}
        body = orjson.dumps({**told, "facets": counts})
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _start(self) -> None:
        await self._index.place()
        language, known = Language(), {("", name): told for name, told in names().items()}
        await language.learn_names(known)
        await language.learn(self._index, known)
        self._search = Search(self._index, _NothingIsLive(), language)

    async def _asked(self, path: str) -> Sequence[Query]:
        async with self._noting:
            if path not in self._questions:
                text = unquote(path).strip("/")
                await self._search.page(None, Asked(text, facets=FACETS))
                self._questions[path] = self._index.taken()
        return self._questions[path]


class _Noting(TantivyIndex):
    """The index in this thread; it remembers what the use case asks it."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._noted: list[Query] = []

    async def search(self, query: Query) -> Found:
        self._noted.append(query)
        return self.ask(query)

    def taken(self) -> Sequence[Query]:
        """The questions since the last time."""
        noted, self._noted = self._noted, []
        return noted


class _NothingIsLive:
    """The `SearchReads` of a use case whose page nobody sees."""

    async def live(self, ids: Sequence[str], place: Place) -> Shown:
        return Shown({}, frozenset())

    async def grade_names(self, labels: Sequence[str]) -> GradeNames:
        return GradeNames({}, {})

    async def likeness(self, resource_id: UUID) -> Likeness | None:
        return None


if __name__ == "__main__":
    serve(Engine(Path(os.environ["BENCH_SEARCH_DIRECTORY"])), "127.0.0.1", int(sys.argv[1]))
