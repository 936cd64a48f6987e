"""The object store over the minio client, which is imported when a store is made: it takes a sixth
of a second, and not every process keeps files."""

import asyncio
import base64
import hashlib
import io
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

from shared.presigning import Presigner
from shared.storage import (
    MOST_MULTIPARTS,
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

if TYPE_CHECKING:
    from minio import Minio
    from minio.datatypes import Object
    from minio.datatypes import Part as S3Part

T = TypeVar("T")

_CHUNK_BYTES = 1 << 20
_PAGE = 1000
_PARTS_CODES = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML"})
# Any will do, but without one the client asks the server before it signs.
_REGION = "us-east-1"
# Threads of its own: a store that hangs must not take those that resolve names and hash passwords.
_THREADS = 8


class S3ObjectStore:
    """`ObjectStore` over the minio client.

    `endpoint` is where the service connects; `origin` is what presigned addresses show, as the
    signature covers the host name. Both are `http(s)://host[:port]`.
    """

    def __init__(
        self, *, endpoint: str, origin: str, access_key: str, secret_key: str, bucket: str
    ) -> None:
        self._inner = _client(endpoint, access_key, secret_key)
        self._presigner = Presigner(
            origin=origin,
            access_key=access_key,
            secret_key=secret_key,
            bucket=bucket,
            region=_REGION,
        )
        self._bucket = bucket
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="object-store")

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
        return self._presigner.sign("GET", key, expires, query)

    def presign_put(
        self,
        key: str,
        *,
        expires: timedelta,
        sha256: str | None = None,
        length: int | None = None,
    ) -> str:
        return self._presigner.sign("PUT", key, expires, _bound_hash(sha256), length)

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
        query = {"uploadId": upload_id, "partNumber": str(number), **_bound_hash(sha256)}
        return self._presigner.sign("PUT", key, expires, query, length)

    async def create_multipart(self, key: str, content_type: str) -> str:
        headers: dict[str, Any] = {"Content-Type": content_type}
        return await self._run(
            key, lambda: self._inner._create_multipart_upload(self._bucket, key, headers)
        )

    async def list_parts(self, key: str, upload_id: str) -> tuple[Part, ...]:
        def pages() -> Iterator["S3Part"]:
            marker = None
            while True:
                page = self._inner._list_parts(
                    self._bucket, key, upload_id, part_number_marker=marker
                )
                yield from page.parts
                if not page.is_truncated:
                    return
                marker = page.next_part_number_marker

        def received() -> tuple[Part, ...]:
            by_arrival = sorted(pages(), key=attrgetter("part_number", "last_modified"))
            return tuple(Part(each.part_number, each.etag, each.size or 0) for each in by_arrival)

        return await self._run(key, received)

    async def complete_multipart(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        from minio.datatypes import Part as S3Part

        named = [S3Part(part.number, part.etag) for part in parts]
        made = await self._run(
            key,
            lambda: self._inner._complete_multipart_upload(self._bucket, key, upload_id, named),
        )
        # S3 may answer 200 before it begins, and tell of a failure in the body.
        if not made.etag:
            raise ObjectStoreUnavailable(
                "The upload was not completed. Repeat the request.", zh="上传未能完成，请重试。"
            )

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        with suppress(UploadMissing):
            await self._run(
                key, lambda: self._inner._abort_multipart_upload(self._bucket, key, upload_id)
            )

    async def list_multiparts(self, prefix: str) -> Sequence[Multipart]:
        # One page: SeaweedFS keeps no order among them that a marker could point into.
        found = await self._run(
            prefix,
            lambda: self._inner._list_multipart_uploads(
                self._bucket, prefix=prefix, max_uploads=MOST_MULTIPARTS
            ),
        )
        return [
            Multipart(each.object_name, each.upload_id, each.initiated_time)
            for each in found.uploads
            if each.upload_id is not None and each.initiated_time is not None
        ]

    async def head(self, key: str) -> ObjectInfo | None:
        try:
            found = await self._run(
                key,
                lambda: self._inner.stat_object(
                    self._bucket, key, extra_headers={"x-amz-checksum-mode": "ENABLED"}
                ),
            )
        except ObjectMissing:
            return None
        checksum = (found.metadata or {}).get("x-amz-checksum-sha256")
        return _info(found, sha256=_whole_hash(checksum))

    async def copy(self, source: str, target: str) -> None:
        from minio.commonconfig import CopySource

        await self._run(
            source,
            lambda: self._inner.copy_object(self._bucket, target, CopySource(self._bucket, source)),
        )

    async def delete(self, key: str) -> None:
        await self._run(key, lambda: self._inner.remove_object(self._bucket, key))

    async def put(self, key: str, content: bytes, content_type: str) -> None:
        metadata: dict[str, Any] = {**_bound_hash(hashlib.sha256(content).hexdigest())}
        await self._run(
            key,
            lambda: self._inner.put_object(
                self._bucket,
                key,
                io.BytesIO(content),
                len(content),
                content_type,
                metadata=metadata,
                part_size=max(len(content), PART_MINIMUM_BYTES),
            ),
        )

    async def get(self, key: str, *, offset: int = 0, length: int | None = None) -> bytes:
        def read() -> bytes:
            response = self._inner.get_object(self._bucket, key, offset, length or 0)
            try:
                return response.read(decode_content=False)
            finally:
                response.close()

        if length == 0:
            return b""
        try:
            return await self._run(key, read)
        except _PastTheEnd:
            return b""

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        response = await self._run(key, lambda: self._inner.get_object(self._bucket, key))
        try:
            while chunk := await self._run(
                key, lambda: response.read(_CHUNK_BYTES, decode_content=False)
            ):
                yield chunk
        finally:
            response.close()

    async def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        found = self._inner.list_objects(self._bucket, prefix, recursive=True)
        while page := await self._run(prefix, lambda: tuple(islice(found, _PAGE))):
            for each in page:
                yield _info(each)

    async def ready(self) -> None:
        if not await self._run("", lambda: self._inner.bucket_exists(self._bucket)):
            raise ObjectStoreUnavailable(
                f"The bucket {self._bucket} does not exist.", zh=f"存储桶 {self._bucket} 不存在。"
            )

    async def _run(self, key: str, call: Callable[[], T]) -> T:
        with _errors_of_the_port(key):
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)


class _PastTheEnd(Exception):
    pass


@contextmanager
def _errors_of_the_port(key: str) -> Iterator[None]:
    from minio.error import MinioException, S3Error
    from urllib3.exceptions import HTTPError

    try:
        yield
    except (MinioException, HTTPError, ParseError) as error:
        code = error.code if isinstance(error, S3Error) else None
        if code == "NoSuchKey":
            raise ObjectMissing(key) from error
        if code == "NoSuchUpload":
            raise UploadMissing(key) from error
        if code == "InvalidRange":
            raise _PastTheEnd from error
        if code in _PARTS_CODES:
            raise PartsRejected(code) from error
        raise ObjectStoreUnavailable(
            "The object store is out of reach. Repeat the request.",
            zh="对象存储暂时无法访问，请重试。",
        ) from error


def _client(address: str, access_key: str, secret_key: str) -> "Minio":
    # Imported here: minio takes a sixth of a second, and not every process keeps files.
    import urllib3
    from minio import Minio

    parts = urlsplit(address)
    return Minio(
        parts.netloc,
        access_key,
        secret_key,
        secure=parts.scheme == "https",
        region=_REGION,
        http_client=urllib3.PoolManager(
            maxsize=_THREADS,
            timeout=urllib3.Timeout(connect=3, read=60),
            retries=urllib3.Retry(
                total=2, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504)
            ),
        ),
    )


def _bound_hash(sha256: str | None) -> dict[str, str]:
    """The checksum in the way S3 wants it; a signed query binds an upload to it."""
    if sha256 is None:
        return {}
    return {"x-amz-checksum-sha256": base64.b64encode(bytes.fromhex(sha256)).decode()}


def _whole_hash(checksum: str | None) -> str | None:
    """As hex, unless it is a hash of the hashes of parts (`...-3`)."""
    if checksum is None or "-" in checksum:
        return None
    return base64.b64decode(checksum).hex()


def _info(found: "Object", sha256: str | None = None) -> ObjectInfo:
    if found.object_name is None or found.last_modified is None:
        raise ObjectStoreUnavailable(
            "The object store described an object without its name or age."
        )
    return ObjectInfo(
        key=found.object_name,
        size=found.size or 0,
        etag=found.etag or "",
        last_modified=found.last_modified,
        content_type=found.content_type,
        sha256=sha256,
    )
