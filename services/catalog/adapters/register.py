"""The copyright service, asked which registered works files are like."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import httpx2
import orjson
import structlog

from services.catalog.application.register import Asked
from services.catalog.domain.checks import Registered

CLIENT_ID = "00000000-0000-8000-8000-000000000003"
"""Under which identity knows the catalogue."""
ANSWER_SECONDS = 3.0
PAUSE_SECONDS = 15.0
"""Between two attempts where it is away: who asks for a check meanwhile does not wait."""
MOST_CHARACTERS = 250_000
"""Of all texts together: so they fit a request's body in any script."""

log = structlog.get_logger(__name__)


class CopyrightRegister:
    """`services.catalog.application.register.Register` over HTTP, within the deployment: addresses
    where copyright and identity listen, and the ``secret`` that proves the catalogue to the latter.
    """

    def __init__(self, copyright_url: str, identity_url: str, secret: str) -> None:
        self._copyright = copyright_url.rstrip("/")
        self._identity = identity_url.rstrip("/")
        self._secret = secret
        self._client: httpx2.AsyncClient | None = None
        self._token = ""
        self._token_ends = 0.0
        self._away_until = 0.0

    async def like(self, files: Sequence[Asked], apart_from: UUID) -> Sequence[Registered] | None:
        if time.monotonic() < self._away_until:
            return None
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._compare(_body(files, apart_from))
            return _told(files, answer.raise_for_status().json())
        except (httpx2.HTTPError, TimeoutError, ValueError, KeyError, TypeError) as error:
            log.warning("not compared with the register", error=repr(error))
            self._away_until = time.monotonic() + PAUSE_SECONDS
            return None

    async def _compare(self, body: bytes) -> httpx2.Response:
        if self._client is None:
            self._client = httpx2.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False)
        answer = await self._post(self._client, body)
        if answer.status_code == httpx2.codes.UNAUTHORIZED:  # its keys, or our secret, were changed
            self._token_ends = 0.0
            answer = await self._post(self._client, body)
        return answer

    async def _post(self, client: httpx2.AsyncClient, body: bytes) -> httpx2.Response:
        if time.monotonic() >= self._token_ends:
            answer = await client.post(
                f"{self._identity}/identity/token",
                auth=(CLIENT_ID, self._secret),
                data={"grant_type": "client_credentials", "scope": "copyright.read"},
            )
            told = answer.raise_for_status().json()
            self._token = told["access_token"]
            self._token_ends = time.monotonic() + told["expires_in"] / 2
        return await client.post(
            f"{self._copyright}/copyright/v1/duplicates",
            content=body,
            headers={
                "authorization": f"Bearer {self._token}",
                "content-type": "application/json",
            },
        )


def _body(files: Sequence[Asked], apart_from: UUID) -> bytes:
    left, told = MOST_CHARACTERS, list[dict[str, Any]]()
    for each in files:
        file: dict[str, Any] = {"sha256": each.sha256.hex()}
        if each.iscc is not None:
            file["iscc"] = each.iscc
        if each.text and left:
            file["text"] = each.text[:left]
            left -= len(file["text"])
        told.append(file)
    return orjson.dumps({"files": told, "apart_from": apart_from})


def _told(files: Sequence[Asked], answer: dict[str, Any]) -> list[Registered]:
    return [
        Registered(each.position, match["code"], match["tier"], match["distance"], match["share"])
        for each, found in zip(files, answer["files"], strict=True)
        for match in found["matches"]
    ]
