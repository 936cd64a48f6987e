"""The limit of a search: the engine asked the same in one thread, answered by bare ASGI, under
uvicorn like ours.

``python -m tests.bench.limits.raw_search PORT`` with ``BENCH_SEARCH_DIRECTORY``, in which the
service keeps its index. The path of a request is the query, percent-encoded.
"""

import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import orjson

from services.catalog.adapters.search_tantivy import TantivyIndex
from services.catalog.application.search_language import Language
from services.catalog.domain.search import Facet, Query
from shared.serving import serve

FACETS = (Facet.STAGE, Facet.SUBJECT, Facet.GRADE, Facet.TYPE)


class Engine:
    """Answers with the titles of 20 hits and four facets. What a path means is read once."""

    def __init__(self, directory: Path) -> None:
        self._index = TantivyIndex(directory)
        self._queries: dict[str, Query] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await self._index.place()
            language = Language()
            await language.learn(self._index, {})
            self._reader = language.reader
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        found = self._index.ask(self._query(scope["path"]))
        told = {"total": found.total, "titles": [hit.title for hit in found.hits]}
        counts = {facet.value: values for facet, values in found.counts.items()}
        body = orjson.dumps({**told, "facets": counts})
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _query(self, path: str) -> Query:
        if path not in self._queries:
            units = self._reader.literal(unquote(path).strip("/")).units
            self._queries[path] = Query(units, len(units), facets=FACETS, limit=20)
        return self._queries[path]


if __name__ == "__main__":
    serve(Engine(Path(os.environ["BENCH_SEARCH_DIRECTORY"])), "127.0.0.1", int(sys.argv[1]))
