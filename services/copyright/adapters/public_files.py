"""The public logs' files in the object store."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import httpx2

from services.copyright.application.log_ports import PublicFileDiffers
from shared.errors import Unavailable
from shared.presigning import Presigner

T = TypeVar("T")

_SOON = timedelta(minutes=5)
_AT_ONCE = 8
"""More writers at one store stall one another."""
_PATIENCE = httpx2.Timeout(10, connect=3)


class S3PublicFiles:
    """`services.copyright.application.log_ports.PublicFiles` in one bucket, below a folder named
    for the log's origin. A path is never written over but the checkpoints'."""

    def __init__(self, presigner: Presigner, origin: str) -> None:
        self._presigner = presigner
        self._folder = f"logs/{hashlib.sha256(origin.encode()).hexdigest()[:32]}"
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._client = httpx2.AsyncClient(timeout=_PATIENCE, trust_env=False)

    async def read(self, path: str) -> bytes | None:
        async def call() -> bytes | None:
            answer = await self._client.get(self._address("GET", path))
            if answer.status_code == 404:
                return None
            _require(answer, 200)
            return answer.content

        return await self._guarded(call)

    async def put_once(self, path: str, content: bytes) -> None:
        async def call() -> None:
            answer = await self._client.put(
                self._address("PUT", path), content=content, headers={"if-none-match": "*"}
            )
            _require(answer, 200, 412)

        await self._guarded(call)
        # Also after 200: the store acknowledges before it can know that it will read it back.
        if await self.read(path) != content:
            raise PublicFileDiffers(path)

    async def replace(self, path: str, content: bytes) -> None:
        async def call() -> None:
            _require(await self._client.put(self._address("PUT", path), content=content), 200)

        await self._guarded(call)

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()

    async def _guarded(self, call: Callable[[], Awaitable[T]]) -> T:
        async with self._gate:
            try:
                return await call()
            except httpx2.HTTPError as reason:
                raise Unavailable(
                    "The object store is out of reach.", zh="对象存储暂时无法访问。"
                ) from reason

    def _address(self, method: str, path: str) -> str:
        return self._presigner.sign(method, f"{self._folder}/{path}", _SOON, {})


def _require(answer: httpx2.Response, *statuses: int) -> None:
    if answer.status_code not in statuses:
        raise Unavailable(
            f"The object store answered {answer.status_code}.",
            zh=f"对象存储返回 {answer.status_code}。",
        )
