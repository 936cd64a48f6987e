"""The object store's objects, kept as files: BACKUP/objects/BUCKET/KEY.

A copy carries its object's time. The fraction of the second is drawn from the ETag, so that one
look at the listing tells what is new, also of an object that was replaced twice within a second.
"""

import base64
import hashlib
import io
import os
import stat
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shared.services import SERVICES
from stack import seaweed
from stack.archive import Archive
from stack.errors import StackError
from stack.secret_files import SecretFiles

if TYPE_CHECKING:
    from minio import Minio
    from minio.datatypes import Object

AT_ONCE = 4
_CHUNK_BYTES = 1 << 20
_ONE_PUT_BYTES = 16 * 2**20
"""A larger object is put in parts, and its hash as a whole is then not kept by the store."""
_PLAUSIBLE = 100
"""So many of a bucket may always go; of more, half at the most, and never all that there are. A
store that lost its objects must not take those of BACKUP with it."""

Buckets = Mapping[str, "Minio"]
Stamp = tuple[int, int]
"""Bytes, and nanoseconds since 1970 as above."""


@dataclass(frozen=True)
class Look:
    """What one look at the whole store found: objects there are, copied, gone, and `unread`, whose
    bytes the store did not give."""

    objects: int
    copied: int
    gone: int
    unread: tuple[str, ...]


def buckets(endpoint: str, secrets: SecretFiles) -> Buckets:
    """A client for each service's bucket, with that service's keys."""
    import urllib3  # both imported here: a sixth of a second, and not every command needs them
    from minio import Minio

    url = urlsplit(endpoint)
    http = urllib3.PoolManager(
        maxsize=AT_ONCE,
        timeout=urllib3.Timeout(connect=3, read=60),
        retries=urllib3.Retry(total=2, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504)),
    )
    return {
        service: Minio(
            url.netloc,
            secrets.of(service, "object_store_access_key"),
            secrets.of(service, "object_store_secret_key"),
            secure=url.scheme == "https",
            region=seaweed.REGION,
            http_client=http,
        )
        for service in SERVICES
    }


class Mirror:
    """`who` tells the drafts of two processes apart. Blocking."""

    def __init__(self, archive: Archive, from_: Buckets, who: str) -> None:
        self._archive = archive
        self._buckets = from_
        self._held = {name: dict(_held(archive.objects / name)) for name in from_}
        self._drafts: SimpleQueue[Path] = SimpleQueue()
        for number in range(AT_ONCE):
            self._drafts.put(archive.path / f".draft-{who}-{number}")

    def look(self, *, forget: bool) -> Look:
        """Copies what is new; with `forget`, what the store holds no longer goes to `gone`.

        StackError when the store does not answer.
        """
        objects = copied = gone = 0
        unread: list[str] = []
        with ThreadPoolExecutor(AT_ONCE) as pool, _answering():
            for bucket, client in self._buckets.items():
                held = self._held[bucket]
                before = set(held)  # ahead of the listing: what comes meanwhile is not gone
                listed = {
                    str(each.object_name): each
                    for each in client.list_objects(bucket, recursive=True)
                    if not each.is_dir
                }
                new = [each for key, each in listed.items() if held.get(key) != _stamp(each)]
                outcomes = list(pool.map(lambda each, name=bucket: self._copy(name, each), new))
                copied += outcomes.count("")
                unread += [outcome for outcome in outcomes if outcome]
                objects += len(listed)
                lost = before - listed.keys()
                few = len(lost) <= _PLAUSIBLE or 2 * len(lost) <= len(before)
                if forget and listed and few:
                    gone += len(lost)
                    for key in lost:
                        self._forget(bucket, key)
        return Look(objects, copied, gone, tuple(unread))

    def _copy(self, bucket: str, found: "Object") -> str:
        """Empty when it was copied, or deleted meanwhile; else why it could not be read."""
        from minio.error import MinioException, S3Error
        from urllib3.exceptions import HTTPError

        key = str(found.object_name)
        target = self._archive.objects / bucket / key
        draft = self._drafts.get()
        try:
            response = self._buckets[bucket].get_object(bucket, key)
            try:
                with draft.open("wb") as file:
                    for chunk in response.stream(_CHUNK_BYTES, decode_content=False):
                        file.write(chunk)
                    file.flush()
                    os.fsync(file.fileno())
            finally:
                response.close()
                response.release_conn()
            stamp = _stamp(found)
            os.utime(draft, ns=(stamp[1], stamp[1]))
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.replace(target)
        except (MinioException, HTTPError) as error:
            missing = isinstance(error, S3Error) and error.code == "NoSuchKey"
            return "" if missing else f"{bucket}/{key}: {error}"
        finally:
            self._drafts.put(draft)
        self._held[bucket][key] = stamp
        return ""

    def _forget(self, bucket: str, key: str) -> None:
        path, gone = self._archive.objects / bucket / key, self._archive.gone / bucket / key
        del self._held[bucket][key]
        gone.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            os.utime(path)
            path.replace(gone)
        except FileNotFoundError:
            return  # another look was faster


def _stamp(found: "Object") -> Stamp:
    if found.last_modified is None:
        raise StackError(f"The object store told no time of {found.object_name}.")
    fraction = zlib.crc32((found.etag or "").strip('"').encode()) % 1_000_000_000
    return found.size or 0, int(found.last_modified.timestamp()) * 1_000_000_000 + fraction


def _held(folder: Path) -> Iterator[tuple[str, Stamp]]:
    for path in folder.rglob("*"):
        try:
            about = path.stat()
        except FileNotFoundError:
            continue  # another look has moved it to `gone`
        if stat.S_ISREG(about.st_mode):
            yield str(path.relative_to(folder)), (about.st_size, about.st_mtime_ns)


def put_back(archive: Archive, to: Buckets) -> int:
    """Puts every object of BACKUP into an empty store; how many there are. Blocking.

    StackError when the store does not take one.
    """
    found = [
        (bucket, path, str(path.relative_to(archive.objects / bucket)))
        for bucket in to
        for path in (archive.objects / bucket).rglob("*")
        if path.is_file()
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool, _answering():
        done = pool.map(lambda each: _put(to[each[0]], *each), found)
        return len(list(done))


def _put(client: "Minio", bucket: str, path: Path, key: str) -> None:
    if path.stat().st_size > _ONE_PUT_BYTES:
        client.fput_object(bucket, key, str(path), part_size=_ONE_PUT_BYTES)
        return
    content = path.read_bytes()
    checksum = base64.b64encode(hashlib.sha256(content).digest()).decode()
    client.put_object(
        *(bucket, key, io.BytesIO(content), len(content)),
        metadata={"x-amz-checksum-sha256": checksum},
        part_size=_ONE_PUT_BYTES,
    )


@contextmanager
def _answering() -> Iterator[None]:
    """Turns what the client raises into StackError."""
    from minio.error import MinioException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except (MinioException, HTTPError) as error:
        raise StackError(f"The object store does not answer as it should: {error}") from error
