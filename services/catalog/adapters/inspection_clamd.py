"""ClamAV's daemon by its INSTREAM command (clamd(8)): the file is sent in chunks, nothing is read
from a shared disk."""

import asyncio
import struct
from pathlib import Path

from shared.errors import Unavailable

_CHUNK_BYTES = 1 << 18
_ANSWER_BYTES = 4096


class Clamd:
    """`services.catalog.application.inspection_ports.Antivirus`. ``address`` is `host:port` or the
    path of a Unix socket. A file over the daemon's own limit counts as not scanned: `Unavailable`,
    as only its operator can mend that."""

    def __init__(self, address: str, *, seconds: float) -> None:
        self._address = address
        self._seconds = seconds

    async def __call__(self, path: Path) -> str | None:
        try:
            async with asyncio.timeout(self._seconds):
                return _verdict(await self._ask(path))
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise Unavailable("The virus scanner does not answer.") from error

    async def _ask(self, path: Path) -> str:
        reader, writer = await self._connect()
        try:
            writer.write(b"zINSTREAM\0")
            with path.open("rb") as file:
                while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
                    writer.write(struct.pack("!L", len(chunk)) + chunk)
                    await writer.drain()
            writer.write(struct.pack("!L", 0))
            await writer.drain()
            answer = await reader.read(_ANSWER_BYTES)
        finally:
            writer.close()
        return answer.rstrip(b"\0\n").decode(errors="replace")

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._address.startswith("/"):
            return await asyncio.open_unix_connection(self._address)
        host, _, port = self._address.rpartition(":")
        return await asyncio.open_connection(host.strip("[]"), int(port))


def _verdict(answer: str) -> str | None:
    told = answer.removeprefix("stream:").strip()
    if told == "OK":
        return None
    if told.endswith(" FOUND"):
        return told.removesuffix(" FOUND")
    raise Unavailable(f"The virus scanner says: {told[:200]}")
