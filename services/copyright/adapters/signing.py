"""The signer, over HTTP."""

from collections.abc import Sequence

import httpx2

from services.copyright.application.log_ports import SigningRefused
from services.copyright.domain.signer import SignRequest
from services.copyright.verify.notes import (
    Checkpoint,
    Note,
    NoteMalformed,
    NoteSignature,
    VerifierKey,
)
from shared.errors import Unavailable


class SignerClient:
    """`services.copyright.application.log_ports.Signer`."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._client = httpx2.AsyncClient(
            base_url=url or "http://signer.invalid",
            headers={"authorization": f"Bearer {token}"},
            timeout=5,
            trust_env=False,
        )

    async def keys(self) -> Sequence[VerifierKey]:
        return [VerifierKey.parse(vkey) for vkey in (await self._asked("GET", "/keys")).json()]

    async def last_size(self, origin: str) -> int:
        return int((await self._asked("GET", "/last")).json().get(origin, 0))

    async def sign(
        self, checkpoint: Checkpoint, old_size: int, proof: Sequence[bytes]
    ) -> Sequence[NoteSignature]:
        request = SignRequest(checkpoint, old_size, tuple(proof))
        answer = await self._asked("POST", "/sign", bytes(request))
        try:
            note = Note.parse(answer.content)
        except NoteMalformed as reason:
            raise SigningRefused(str(reason)) from None
        if note.text != str(checkpoint):
            raise SigningRefused("the signer signed another text")
        return note.signatures

    async def notes(self) -> Sequence[Note]:
        try:
            told = (await self._asked("GET", "/notes")).json()
            return [Note.parse(each.encode()) for each in told]
        except (NoteMalformed, ValueError, AttributeError) as reason:
            raise _unavailable(f"its notes cannot be read: {reason}") from None

    async def seal(self, digest: str) -> bytes:
        return (await self._asked("POST", "/seal", digest.encode())).content

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()

    async def _asked(self, method: str, path: str, content: bytes = b"") -> httpx2.Response:
        if not self._url:
            raise _unavailable("no signer is configured")
        try:
            answer = await self._client.request(method, path, content=content)
        except httpx2.HTTPError as reason:
            raise _unavailable(repr(reason)) from reason
        if answer.status_code in (409, 422):
            raise SigningRefused(f"{answer.status_code}: {answer.text.strip()}")
        if answer.status_code != 200:
            raise _unavailable(f"it answered {answer.status_code}")
        return answer


def _unavailable(reason: str) -> Unavailable:
    return Unavailable(f"The signer is out of reach: {reason}.", zh="签名服务暂时无法访问。")
