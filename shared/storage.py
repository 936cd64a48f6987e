"""Files: the port to an object store. `shared.s3` is its adapter.

File bytes of people never pass through a service: clients PUT and GET them at presigned addresses.
What a service reads and writes itself is what it inspects and makes.

    ObjectMissing            no object has the key
    UploadMissing            no multipart upload has the id: never begun, completed or aborted
    PartsRejected            the parts named do not make up a whole
    ObjectStoreUnavailable   out of reach, or refusing our credentials: 503
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import quote

from shared.errors import Unavailable

PART_MINIMUM_BYTES = 5 << 20
"""Of every part of a multipart upload but the last."""

MOST_MULTIPARTS = 10_000


class ObjectMissing(Exception):
    """No object has the key."""


class UploadMissing(Exception):
    """No multipart upload has the id: it was never begun, or was completed or aborted."""


class PartsRejected(Exception):
    """A part is missing, altered, out of order or too small. The message says which code of S3."""


class ObjectStoreUnavailable(Unavailable):
    """The object store is out of reach, or does not accept this service."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object without its bytes. `list` leaves `content_type` and `sha256` None.

    `sha256` is lower-case hex, present when the object came in one piece with its hash. A
    `content_type` was claimed by whoever uploaded.
    """

    key: str
    size: int
    etag: str
    last_modified: datetime
    content_type: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """An uploaded part. `number` counts from 1 to 10,000."""

    number: int
    etag: str
    size: int


@dataclass(frozen=True, slots=True)
class Multipart:
    """A multipart upload that is neither completed nor aborted."""

    key: str
    upload_id: str
    begun_at: datetime


class ObjectStore(Protocol):
    """One bucket. Keys are paths without `.` and `..` segments, else `ValueError`; no key may lie
    under another (`a` beside `a/b`). Hashes are lower-case hex.

    Every method but the presigning ones may raise `ObjectStoreUnavailable`.
    """

    def presign_get(
        self,
        key: str,
        *,
        expires: timedelta,
        filename: str | None = None,
        content_type: str | None = None,
    ) -> str:
        """An address to download from, good for 1 s to 7 days. Whether the key exists is not asked.

        What it answers with is `download_headers`, whatever the object was stored with.
        """

    def presign_put(
        self,
        key: str,
        *,
        expires: timedelta,
        sha256: str | None = None,
        length: int | None = None,
    ) -> str:
        """An address to upload to in one PUT. With `sha256` it takes those very bytes alone, with
        `length` only so many; without, anything of any length.

        A connection that breaks before the first byte may leave an empty object, unless bound to a
        hash.
        """

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
        """An address to upload one part to, as `presign_put`."""

    async def create_multipart(self, key: str, content_type: str) -> str:
        """Begin a multipart upload and return its id. Nothing is listed until it is completed."""

    async def list_parts(self, key: str, upload_id: str) -> tuple[Part, ...]:
        """The parts that have arrived, by number. One that was sent again may be there more than
        once, the latest last (to the second). Raises `UploadMissing`."""

    async def complete_multipart(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        """Make the object of `parts`, given by number, each once. Raises `PartsRejected`.

        Repeated after it succeeded, it may succeed again or raise `UploadMissing`: ask `head`.
        """

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """Drop the parts. Of an unknown or completed upload it does nothing."""

    async def list_multiparts(self, prefix: str) -> Sequence[Multipart]:
        """Multipart uploads of keys that begin with `prefix`, at most `MOST_MULTIPARTS`. Of a key
        with `+` or `%` in it the name may come back altered."""

    async def head(self, key: str) -> ObjectInfo | None:
        """The object at `key`, or None."""

    async def copy(self, source: str, target: str) -> None:
        """Copy within the store, with type and hash. Raises `ObjectMissing`."""

    async def delete(self, key: str) -> None:
        """Delete; of a key that no object has, do nothing."""

    async def put(self, key: str, content: bytes, content_type: str) -> None:
        """Store a small object of our own, with its hash."""

    async def get(self, key: str, *, offset: int = 0, length: int | None = None) -> bytes:
        """Bytes from `offset`, to the end or at most `length`. Raises `ObjectMissing`.

        At or past the end it is empty.
        """

    def stream(self, key: str) -> AsyncIterator[bytes]:
        """The bytes in pieces of at most 1 MiB. Raises `ObjectMissing`."""

    def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """Every object whose key begins with `prefix`, in no order to rely on."""

    async def ready(self) -> None:
        """Return when the store answers and knows us; else raise `ObjectStoreUnavailable`."""


_OFFICE = "application/vnd.openxmlformats-officedocument"
INERT_TYPES = frozenset(
    {
        *(f"image/{each}" for each in ("avif", "bmp", "gif", "jpeg", "png", "tiff", "webp")),
        *(f"audio/{each}" for each in ("mp4", "mpeg", "ogg", "wav", "webm")),
        *(f"video/{each}" for each in ("mp4", "ogg", "webm")),
        *(f"{_OFFICE}.{each}" for each in ("wordprocessingml.document", "spreadsheetml.sheet")),
        f"{_OFFICE}.presentationml.presentation",
        *(f"application/vnd.oasis.opendocument.{each}" for each in ("presentation", "text")),
        "application/pdf",
        "application/zip",
        "text/csv",
        "text/markdown",
        "text/plain",
        "text/vtt",
        "application/x-subrip",
    }
)
"""What a browser shows or saves without running it, and takes for nothing that runs (WHATWG MIME
Sniffing §7). No object store sends ``X-Content-Type-Options``, which would say so of the rest."""


def download_headers(filename: str | None, content_type: str | None) -> dict[str, str]:
    """Content-Type and Content-Disposition of an answer to `ObjectStore.presign_get`.

    What is not among `INERT_TYPES` is saved as bytes of no type. With `filename`, anything is saved
    under that name.
    """
    inert = content_type in INERT_TYPES
    shown = "inline" if inert else "attachment"
    return {
        "content-type": content_type if inert and content_type else "application/octet-stream",
        "content-disposition": shown if filename is None else attachment(filename),
    }


def attachment(filename: str) -> str:
    """A Content-Disposition that saves under `filename`, whatever its script (RFC 6266, 8187)."""
    return f"attachment; filename*=UTF-8''{quote(filename, safe='')}"
