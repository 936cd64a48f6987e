"""Sending bytes to presigned addresses, as any client does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

from services.catalog.application.intake_ports import Put
from shared.errors import Unavailable

_SECONDS = 120.0


@asynccontextmanager
async def sending() -> AsyncIterator[Put]:
    """What PUTs, over connections that stay open within the block."""
    async with httpx2.AsyncClient(trust_env=False, timeout=_SECONDS) as client:

        async def put(url: str, content: bytes) -> None:
            try:
                answer = await client.put(url, content=content)
            except httpx2.HTTPError as error:
                raise Unavailable(
                    "The object store is out of reach.", zh="对象存储无法访问。"
                ) from error
            if answer.status_code != 200:
                raise Unavailable(
                    f"The object store answered {answer.status_code}.", zh="对象存储未能保存。"
                )

        yield put
