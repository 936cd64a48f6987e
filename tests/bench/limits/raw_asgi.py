"""The limit of a read: one query by asyncpg, answered by bare ASGI, under uvicorn like ours.

``python -m tests.bench.limits.raw_asgi PORT`` with ``BENCH_DATABASE_URL`` and ``BENCH_QUERY``.
"""

import os
import sys
from typing import Any

import asyncpg
import orjson

from shared.serving import serve


class OneRow:
    """Answers every request with the rows of one query."""

    def __init__(self, url: str, query: str) -> None:
        self._url = url
        self._query = query

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            self._pool = await asyncpg.create_pool(self._url, min_size=10, max_size=10)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await self._pool.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
        rows = await self._pool.fetch(self._query)
        body = orjson.dumps([dict(row) for row in rows])
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    app = OneRow(os.environ["BENCH_DATABASE_URL"], os.environ["BENCH_QUERY"])
    serve(app, "127.0.0.1", int(sys.argv[1]))
