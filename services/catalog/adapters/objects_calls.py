"""Calls of S3 that every upload makes, over connections that are kept.

The minio client takes a thread, a pool and several parsers to each, which costs more processor
time than all else that completing an upload does (benchmark ``upload``).
"""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpResponseParser

from shared.presigning import Presigner
from shared.storage import ObjectStoreUnavailable

_ATTEMPTS = 3
_PAUSE_SECONDS = 0.2
_CONNECT_SECONDS = 3.0
_ANSWER_SECONDS = 60.0
_IDLE = 8
_PIECE = 1 << 16
_LIFE = timedelta(minutes=5)

_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Answer:
    """``headers`` by lower-case name. What the parser of a response tells is gathered here."""

    def __init__(self, method: str) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.ended = False
        self.kept = False
        self._bodiless = method == "HEAD"
        self._parser = HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Raises `HttpParserError`."""
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self.kept = self._parser.should_keep_alive()
        self.ended = self._bodiless

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.ended = True


class Calls:
    """Signed calls about the objects of one bucket. Each may be made twice: what breaks a
    connection that was kept may also lose an answer."""

    def __init__(self, endpoint: str, presigner: Presigner) -> None:
        parts = urlsplit(endpoint)
        self._host, self._authority = parts.hostname, parts.netloc
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._tls else 80)
        self._origin_length = len(endpoint)
        self._presigner = presigner
        self._idle: list[_Connection] = []

    async def call(
        self,
        method: str,
        key: str,
        query: Mapping[str, str],
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer, unless the store has trouble: then `ObjectStoreUnavailable`."""
        target = self._presigner.sign(method, key, _LIFE, query)[self._origin_length :]
        lines = {"host": self._authority, "content-length": str(len(body)), **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        request = f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body
        with suppress(TimeoutError):
            async with asyncio.timeout(_ANSWER_SECONDS):
                for attempt in range(_ATTEMPTS):
                    with suppress(OSError, EOFError, HttpParserError):
                        answer = await self._exchange(method, request)
                        if answer.status < 500:
                            return answer
                    self.forget()
                    await asyncio.sleep(_PAUSE_SECONDS * attempt)
        raise ObjectStoreUnavailable(
            "The object store is out of reach. Repeat the request.",
            zh="对象存储暂时无法访问，请重试。",
        )

    def forget(self) -> None:
        """Close the connections that are kept."""
        while self._idle:
            self._idle.pop()[1].close()

    async def _exchange(self, method: str, request: bytes) -> Answer:
        reader, writer = await self._connection()
        answer = Answer(method)
        try:
            writer.write(request)
            while not answer.ended:
                if not (piece := await reader.read(_PIECE)):
                    raise EOFError
                answer.feed(piece)
        except BaseException:
            writer.close()
            raise
        if answer.kept and len(self._idle) < _IDLE:
            self._idle.append((reader, writer))
        else:
            writer.close()
        return answer

    async def _connection(self) -> _Connection:
        while self._idle:
            reader, writer = self._idle.pop()
            if not (reader.at_eof() or writer.is_closing()):
                return reader, writer
            writer.close()
        async with asyncio.timeout(_CONNECT_SECONDS):
            return await asyncio.open_connection(self._host, self._port, ssl=self._tls)
