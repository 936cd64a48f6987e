"""An object store in memory, with presigned addresses that work over `FakeObjectStore.http`."""

import hashlib
import hmac
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, quote, urlencode

import httpx2

from shared.clock import Clock, utc_now
from shared.storage import (
    PART_MINIMUM_BYTES,
    Multipart,
    ObjectInfo,
    ObjectMissing,
    ObjectStoreUnavailable,
    Part,
    PartsRejected,
    UploadMissing,
    download_headers,
)

_ORIGIN = "http://objects.test"
_CHUNK_BYTES = 1 << 20


@dataclass
class _Upload:
    key: str
    content_type: str
    begun_at: datetime
    parts: dict[int, list[bytes]] = field(default_factory=dict)


class FakeObjectStore:
    """`shared.storage.ObjectStore`. Set `available` to False to take it away."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self.available = True
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._objects: dict[str, tuple[ObjectInfo, bytes]] = {}
        self._uploads: dict[str, _Upload] = {}

    def http(self) -> httpx2.MockTransport:
        """What a client needs to follow presigned addresses: `AsyncClient(transport=...)`."""
        return httpx2.MockTransport(self._serve)

    def presign_get(
        self,
        key: str,
        *,
        expires: timedelta,
        filename: str | None = None,
        content_type: str | None = None,
    ) -> str:
        headers = download_headers(filename, content_type)
        query = {f"response-{name}": value for name, value in headers.items()}
        return self._presign("GET", key, expires, query)

    def presign_put(
        self,
        key: str,
        *,
        expires: timedelta,
        sha256: str | None = None,
        length: int | None = None,
    ) -> str:
        return self._presign("PUT", key, expires, _bound(sha256, length))

    def presign_part(
        self,
        key: str,
        upload_id: str,
        number: int,
        *,
        expires: timedelta,
        sha256: str | None = None,
        length: int | None = None,
    ) -> str:
        query = {"uploadId": upload_id, "partNumber": str(number)}
        return self._presign("PUT", key, expires, query | _bound(sha256, length))

    def _presign(self, method: str, key: str, expires: timedelta, query: dict[str, str]) -> str:
        _check_key(key)
        if not timedelta(seconds=1) <= expires <= timedelta(days=7):
            raise ValueError("expires must be between 1 second to 7 days")
        query = query | {"expires": str((self._clock() + expires).timestamp())}
        signature = self._sign(method, key, query)
        return f"{_ORIGIN}/{quote(key)}?{urlencode(query | {'signature': signature})}"

    def _sign(self, method: str, key: str, query: Mapping[str, str]) -> str:
        message = f"{method} {key} {sorted(query.items())}"
        return hmac.new(self._secret, message.encode(), "sha256").hexdigest()

    async def create_multipart(self, key: str, content_type: str) -> str:
        self._begin(key)
        upload_id = secrets.token_hex(16)
        self._uploads[upload_id] = _Upload(key, content_type, self._clock())
        return upload_id

    async def list_parts(self, key: str, upload_id: str) -> tuple[Part, ...]:
        self._begin(key)
        return self._parts(self._upload(key, upload_id))

    async def complete_multipart(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        self._begin(key)
        upload = self._upload(key, upload_id)
        numbers = [part.number for part in parts]
        if not parts or numbers != sorted(set(numbers)):
            raise PartsRejected("InvalidPartOrder")
        named = [_named(upload.parts.get(part.number, ()), part.etag) for part in parts]
        if any(len(content) < PART_MINIMUM_BYTES for content in named[:-1]):
            raise PartsRejected("EntityTooSmall")
        self._store(key, b"".join(named), upload.content_type, sha256=None)
        del self._uploads[upload_id]

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        self._begin(key)
        self._uploads.pop(upload_id, None)

    async def list_multiparts(self, prefix: str) -> Sequence[Multipart]:
        await self.ready()
        return [
            Multipart(upload.key, upload_id, upload.begun_at)
            for upload_id, upload in self._uploads.items()
            if upload.key.startswith(prefix)
        ]

    async def head(self, key: str) -> ObjectInfo | None:
        self._begin(key)
        info, _ = self._objects.get(key, (None, b""))
        return info

    async def copy(self, source: str, target: str) -> None:
        self._begin(target)
        info, content = self._object(source)
        self._objects[target] = (replace(info, key=target, last_modified=self._clock()), content)

    async def delete(self, key: str) -> None:
        self._begin(key)
        self._objects.pop(key, None)

    async def put(self, key: str, content: bytes, content_type: str) -> None:
        self._begin(key)
        self._store(key, content, content_type, hashlib.sha256(content).hexdigest())

    async def get(self, key: str, *, offset: int = 0, length: int | None = None) -> bytes:
        self._begin(key)
        _, content = self._object(key)
        return content[offset : None if length is None else offset + length]

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        content = await self.get(key)
        for start in range(0, len(content), _CHUNK_BYTES):
            yield content[start : start + _CHUNK_BYTES]

    async def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        await self.ready()
        for info, _ in [each for key, each in self._objects.items() if key.startswith(prefix)]:
            yield replace(info, content_type=None, sha256=None)

    async def ready(self) -> None:
        if not self.available:
            raise ObjectStoreUnavailable("The object store is out of reach. Repeat the request.")

    def _begin(self, key: str) -> None:
        _check_key(key)
        if not self.available:
            raise ObjectStoreUnavailable("The object store is out of reach. Repeat the request.")

    def _object(self, key: str) -> tuple[ObjectInfo, bytes]:
        if key not in self._objects:
            raise ObjectMissing(key)
        return self._objects[key]

    def _upload(self, key: str, upload_id: str) -> _Upload:
        upload = self._uploads.get(upload_id)
        if upload is None or upload.key != key:
            raise UploadMissing(key)
        return upload

    @staticmethod
    def _parts(upload: _Upload) -> tuple[Part, ...]:
        return tuple(
            Part(number, _etag(content), len(content))
            for number, received in sorted(upload.parts.items())
            for content in received
        )

    def _store(self, key: str, content: bytes, content_type: str, sha256: str | None) -> None:
        info = ObjectInfo(key, len(content), _etag(content), self._clock(), content_type, sha256)
        self._objects[key] = (info, content)

    def _serve(self, request: httpx2.Request) -> httpx2.Response:
        if not self.available:
            raise httpx2.ConnectError("the object store is out of reach", request=request)
        key = request.url.path[1:]
        query = dict(parse_qsl(request.url.query.decode()))
        signature = query.pop("signature", "")
        expired = float(query.get("expires", 0)) < self._clock().timestamp()
        if expired or not hmac.compare_digest(signature, self._sign(request.method, key, query)):
            return httpx2.Response(403)
        if request.method == "GET":
            return self._serve_get(key, query, request.headers.get("range"))
        return self._serve_put(key, query, request)

    def _serve_get(self, key: str, query: Mapping[str, str], wanted: str | None) -> httpx2.Response:
        if key not in self._objects:
            return httpx2.Response(404)
        _, content = self._objects[key]
        headers = {
            name: query[f"response-{name}"] for name in ("content-type", "content-disposition")
        }
        if wanted and (found := re.fullmatch("bytes=([0-9]+)-([0-9]+)", wanted)):
            piece = content[int(found[1]) : int(found[2]) + 1]
            return httpx2.Response(206, headers=headers, content=piece)
        return httpx2.Response(200, headers=headers, content=content)

    def _serve_put(
        self, key: str, query: Mapping[str, str], request: httpx2.Request
    ) -> httpx2.Response:
        content, sha256 = request.content, query.get("sha256")
        if query.get("length", str(len(content))) != str(len(content)):
            return httpx2.Response(403)
        if sha256 is not None and sha256 != hashlib.sha256(content).hexdigest():
            return httpx2.Response(400)
        if "uploadId" in query:
            if query["uploadId"] not in self._uploads:
                return httpx2.Response(404)
            parts = self._uploads[query["uploadId"]].parts
            parts.setdefault(int(query["partNumber"]), []).append(content)
        else:
            claimed = request.headers.get("content-type", "application/octet-stream")
            self._store(key, content, claimed, sha256)
        return httpx2.Response(200, headers={"etag": f'"{_etag(content)}"'})


def _bound(sha256: str | None, length: int | None) -> dict[str, str]:
    bound = {"sha256": sha256, "length": None if length is None else str(length)}
    return {name: value for name, value in bound.items() if value is not None}


def _named(received: Sequence[bytes], etag: str) -> bytes:
    for content in received:
        if _etag(content) == etag:
            return content
    raise PartsRejected("InvalidPart")


def _etag(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _check_key(key: str) -> None:
    if not key.strip() or {".", ".."} & set(key.split("/")):
        raise ValueError("an object key is a path without '.' and '..' segments")
