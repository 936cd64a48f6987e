"""Witnesses, over HTTP (C2SP tlog-witness)."""

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path

import httpx2

from services.copyright.application.log_ports import Cosigned
from services.copyright.domain.witness import AddCheckpoint
from services.copyright.settings import WitnessAt
from services.copyright.verify.notes import (
    Note,
    NoteMalformed,
    VerifierKey,
    decode_number,
    signature_lines,
)
from shared.errors import Unavailable


class WitnessClient:
    """`services.copyright.application.log_ports.Witness`."""

    def __init__(self, at: WitnessAt) -> None:
        self.name = at.name
        self.ours = at.ours
        self._at = at
        self._client = httpx2.AsyncClient(base_url=at.url, timeout=3, trust_env=False)

    async def key(self) -> VerifierKey | None:
        if self._at.vkey:
            return VerifierKey.parse(self._at.vkey)
        try:
            told = await asyncio.to_thread(Path(self._at.vkey_file).read_text)
            return VerifierKey.parse(told.strip())
        except (OSError, NoteMalformed):
            return None

    async def seen(self, origin: str) -> Note | None:
        name = hashlib.sha256(origin.encode()).hexdigest()
        answer = await self._asked("GET", f"/{name}/checkpoint")
        if answer.status_code == 404:
            return None
        return self._understood(answer, 200)

    async def add(self, note: Note, old_size: int, proof: Sequence[bytes]) -> Cosigned | int:
        body = bytes(AddCheckpoint(old_size, tuple(proof), note))
        answer = await self._asked("POST", "/add-checkpoint", body)
        try:
            if answer.status_code == 409:
                return decode_number(answer.text.strip())
            if answer.status_code == 200:
                return signature_lines(answer.text)
        except NoteMalformed as reason:
            raise self._unavailable(str(reason)) from None
        raise self._unavailable(f"{answer.status_code} {answer.text.strip()[:200]}")

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()

    def _understood(self, answer: httpx2.Response, status: int) -> Note:
        try:
            if answer.status_code == status:
                return Note.parse(answer.content)
        except NoteMalformed as reason:
            raise self._unavailable(str(reason)) from None
        raise self._unavailable(str(answer.status_code))

    async def _asked(self, method: str, path: str, content: bytes = b"") -> httpx2.Response:
        try:
            return await self._client.request(method, path, content=content)
        except httpx2.HTTPError as reason:
            raise self._unavailable(repr(reason)) from reason

    def _unavailable(self, reason: str) -> Unavailable:
        return Unavailable(
            f"The witness {self.name} gives no answer that helps: {reason}.",
            zh=f"见证方 {self.name} 暂时不可用。",
        )
