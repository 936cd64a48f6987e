"""One suite for the object store in memory and for SeaweedFS over S3."""

import asyncio
import gzip
import hashlib
import itertools
import json
import os
import secrets
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypedDict, cast
from urllib.parse import urlsplit

import httpx2
import pytest
from minio import Minio
from minio.error import MinioException
from urllib3.exceptions import HTTPError

from shared.s3 import S3ObjectStore
from shared.storage import (
    PART_MINIMUM_BYTES,
    ObjectMissing,
    ObjectStore,
    ObjectStoreUnavailable,
    Part,
    PartsRejected,
    UploadMissing,
)
from shared.testing.storage import FakeObjectStore

SOON = timedelta(minutes=5)


class ObjectStoreSettings(TypedDict):
    endpoint: str
    origin: str
    access_key: str
    secret_key: str
    bucket: str


def _sockets(port: int) -> list[Path]:
    """The socket files that SeaweedFS keeps for a port and its gRPC twin, 10,000 above."""
    home = Path(tempfile.gettempdir())
    return [
        each for twin in (port, port + 10_000) for each in home.glob(f"seaweedfs-*-{twin}.sock")
    ]


def _free_ports(count: int) -> list[int]:
    """Ports free with their twins and without socket files, as another user's hang the start."""
    found: list[int] = []
    while len(found) < count:
        port = secrets.randbelow(20_000) + 20_000
        with suppress(OSError), socket.socket() as one, socket.socket() as twin:
            one.bind(("127.0.0.1", port))
            twin.bind(("127.0.0.1", port + 10_000))
            if port not in found and not _sockets(port):
                found.append(port)
    return found


@pytest.fixture(scope="session")
def object_store_settings(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ObjectStoreSettings]:
    """A SeaweedFS of this run, with one bucket and one key that reaches nothing else."""
    home = tmp_path_factory.mktemp("seaweedfs")
    bucket, access_key, secret_key = "files", secrets.token_hex(8), secrets.token_hex(16)
    identity = {
        "name": "test",
        "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
        "actions": [f"{action}:{bucket}" for action in ("Read", "Write", "List")],
    }
    (home / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (home / "data").mkdir()
    ports = s3, filer, volume, master, admin = _free_ports(5)
    log = (home / "log").open("wb")
    weed = subprocess.Popen(
        [
            Path(sysconfig.get_path("scripts")) / "weed",
            "-logtostderr=true", "mini", f"-dir={home / 'data'}",
            "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false",
            "-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0",
            f"-s3.config={home / 's3.json'}", f"-bucket={bucket}", f"-s3.port={s3}",
            f"-filer.port={filer}", f"-volume.port={volume}", f"-master.port={master}",
            f"-admin.port={admin}",
        ],
        cwd=home,
        env={**os.environ, "GOMEMLIMIT": "256MiB"},
        stdout=log,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        client = Minio(f"127.0.0.1:{s3}", access_key, secret_key, secure=False, region="us-east-1")
        _wait_until_ready(client, bucket, weed, home / "log")
        yield {
            "endpoint": f"http://127.0.0.1:{s3}",
            # Another name of the same host, so that a signature for the wrong one is noticed.
            "origin": f"http://localhost:{s3}",
            "access_key": access_key,
            "secret_key": secret_key,
            "bucket": bucket,
        }
    finally:
        weed.send_signal(signal.SIGINT)
        try:
            weed.wait(5)
        except subprocess.TimeoutExpired:
            weed.kill()
            weed.wait()
        log.close()
        for left_behind in itertools.chain.from_iterable(map(_sockets, ports)):
            left_behind.unlink()


def _wait_until_ready(s3: Minio, bucket: str, server: subprocess.Popen[bytes], log: Path) -> None:
    # /healthz already answers while keys and bucket are still being loaded.
    deadline = time.monotonic() + 20
    while server.poll() is None and time.monotonic() < deadline:
        with suppress(MinioException, HTTPError):
            if s3.bucket_exists(bucket):
                return
        time.sleep(0.05)
    pytest.fail(f"SeaweedFS did not start:\n{log.read_text()[-2000:]}")


@dataclass
class Store:
    objects: ObjectStore
    http: httpx2.AsyncClient


@pytest.fixture(params=["fake", "seaweedfs"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    objects: ObjectStore
    if request.param == "fake":
        objects = fake = FakeObjectStore()
        transport = fake.http()
    else:
        objects = S3ObjectStore(**request.getfixturevalue("object_store_settings"))
        transport = None
    async with httpx2.AsyncClient(transport=transport, trust_env=False) as http:
        yield Store(objects, http)


@pytest.fixture
def key() -> str:
    """A key of this test alone, with all that makes a key difficult."""
    return f"{secrets.token_hex(8)}/第一章 二次函数+(1)&%20?#.pdf"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def keys(store: Store, prefix: str) -> list[str]:
    return sorted([each.key async for each in store.objects.list(prefix)])


async def test_a_reachable_store_is_ready(store: Store) -> None:
    await store.objects.ready()


async def test_what_was_put_is_read_back(store: Store, key: str) -> None:
    await store.objects.put(key, b"content", "application/pdf")
    assert await store.objects.get(key) == b"content"


async def test_an_object_is_described_with_its_hash(store: Store, key: str) -> None:
    await store.objects.put(key, b"content", "application/pdf")
    found = await store.objects.head(key)
    assert found is not None
    assert (found.key, found.size, found.content_type) == (key, 7, "application/pdf")
    assert found.sha256 == sha256(b"content")
    assert found.etag
    assert abs(datetime.now(UTC) - found.last_modified) < timedelta(minutes=1)


async def test_an_empty_object_is_an_object(store: Store, key: str) -> None:
    await store.objects.put(key, b"", "text/plain")
    found = await store.objects.head(key)
    assert found is not None
    assert found.size == 0
    assert await store.objects.get(key) == b""
    assert [piece async for piece in store.objects.stream(key)] == []


async def test_a_second_put_replaces_the_first(store: Store, key: str) -> None:
    await store.objects.put(key, b"first", "text/plain")
    await store.objects.put(key, b"second", "text/html")
    found = await store.objects.head(key)
    assert found is not None
    assert (found.content_type, found.sha256) == ("text/html", sha256(b"second"))


async def test_a_missing_object_is_none_to_head_and_an_error_to_read(
    store: Store, key: str
) -> None:
    assert await store.objects.head(key) is None
    with pytest.raises(ObjectMissing):
        await store.objects.get(key)
    with pytest.raises(ObjectMissing):
        await anext(aiter(store.objects.stream(key)))
    with pytest.raises(ObjectMissing):
        await store.objects.copy(key, f"{key}.copy")


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [
        (0, None, b"0123456789"),
        (0, 4, b"0123"),
        (4, 3, b"456"),
        (4, None, b"456789"),
        (8, 100, b"89"),
        (10, 1, b""),
        (99, None, b""),
        (3, 0, b""),
    ],
)
async def test_a_range_is_read(
    store: Store, key: str, offset: int, length: int | None, expected: bytes
) -> None:
    await store.objects.put(key, b"0123456789", "text/plain")
    assert await store.objects.get(key, offset=offset, length=length) == expected


async def test_a_large_object_is_streamed_in_small_pieces(store: Store, key: str) -> None:
    content = secrets.token_bytes((3 << 20) + 17)
    await store.objects.put(key, content, "application/octet-stream")
    pieces = [piece async for piece in store.objects.stream(key)]
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= 1 << 20


async def test_a_stream_may_be_left_half_read(store: Store, key: str) -> None:
    await store.objects.put(key, bytes(3 << 20), "application/octet-stream")
    for _ in range(12):
        async for piece in store.objects.stream(key):
            assert piece
            break
    assert len(await store.objects.get(key)) == 3 << 20


async def test_a_copy_keeps_type_and_hash(store: Store, key: str) -> None:
    await store.objects.put(key, b"content", "application/pdf")
    await store.objects.copy(key, f"{key}.copy")
    copied = await store.objects.head(f"{key}.copy")
    assert copied is not None
    assert (copied.content_type, copied.sha256) == ("application/pdf", sha256(b"content"))
    assert await store.objects.get(f"{key}.copy") == await store.objects.get(key) == b"content"


async def test_a_deleted_object_is_gone_and_may_be_deleted_again(store: Store, key: str) -> None:
    await store.objects.put(key, b"content", "text/plain")
    await store.objects.delete(key)
    await store.objects.delete(key)
    assert await store.objects.head(key) is None


async def test_a_prefix_lists_what_begins_with_it(store: Store, key: str) -> None:
    for name in ("a/1", "a/2/3", "ab", "b", "a c+d"):
        await store.objects.put(f"{key}/{name}", b"content", "text/plain")
    assert await keys(store, f"{key}/a/") == [f"{key}/a/1", f"{key}/a/2/3"]
    assert len(await keys(store, f"{key}/a")) == 4
    assert await keys(store, f"{key}/c") == []
    [found] = [each async for each in store.objects.list(f"{key}/b")]
    assert (found.key, found.size) == (f"{key}/b", 7)
    assert abs(datetime.now(UTC) - found.last_modified) < timedelta(minutes=1)


async def test_a_list_longer_than_a_page_is_whole(store: Store, key: str) -> None:
    names = [f"{key}/{number:04}" for number in range(1_003)]
    for start in range(0, len(names), 100):
        await asyncio.gather(
            *(store.objects.put(name, b"", "text/plain") for name in names[start : start + 100])
        )
    assert await keys(store, f"{key}/") == names


async def test_a_presigned_get_serves_the_object(store: Store, key: str) -> None:
    await store.objects.put(key, b"content", "application/pdf")
    url = store.objects.presign_get(key, expires=SOON, content_type="application/pdf")
    answer = await store.http.get(url)
    assert (answer.status_code, answer.content) == (200, b"content")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == "inline"


async def test_a_presigned_get_serves_a_range(store: Store, key: str) -> None:
    await store.objects.put(key, b"0123456789", "text/plain")
    url = store.objects.presign_get(key, expires=SOON)
    answer = await store.http.get(url, headers={"Range": "bytes=2-4"})
    assert (answer.status_code, answer.content) == (206, b"234")


async def test_a_presigned_get_names_the_file_and_its_type(store: Store, key: str) -> None:
    await store.objects.put(key, b"content", "text/html")
    url = store.objects.presign_get(
        key, expires=SOON, filename='课件 "1";\r\n.pdf', content_type="application/pdf"
    )
    answer = await store.http.get(url)
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == (
        "attachment; filename*=UTF-8''%E8%AF%BE%E4%BB%B6%20%221%22%3B%0D%0A.pdf"
    )


@pytest.mark.parametrize(
    "content_type", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", None]
)
async def test_what_a_browser_might_run_is_saved_as_bytes_of_no_type(
    store: Store, key: str, content_type: str | None
) -> None:
    await store.objects.put(key, b"<script>alert(1)</script>", "text/html")
    url = store.objects.presign_get(key, expires=SOON, content_type=content_type)
    answer = await store.http.get(url)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment"


async def test_a_presigned_put_stores_the_object(store: Store, key: str) -> None:
    url = store.objects.presign_put(key, expires=SOON)
    answer = await store.http.put(url, content=b"content", headers={"content-type": "image/png"})
    assert answer.status_code == 200
    found = await store.objects.head(key)
    assert found is not None
    assert (found.size, found.content_type, found.sha256) == (7, "image/png", None)


async def test_a_put_bound_to_a_hash_takes_those_bytes(store: Store, key: str) -> None:
    url = store.objects.presign_put(key, expires=SOON, sha256=sha256(b"content"))
    assert (await store.http.put(url, content=b"content")).status_code == 200
    found = await store.objects.head(key)
    assert found is not None
    assert found.sha256 == sha256(b"content")


@pytest.mark.parametrize("other", [b"", b"contenT", b"content and more"])
async def test_a_put_bound_to_a_hash_refuses_other_bytes(
    store: Store, key: str, other: bytes
) -> None:
    url = store.objects.presign_put(key, expires=SOON, sha256=sha256(b"content"))
    assert (await store.http.put(url, content=other)).status_code == 400
    assert await store.objects.head(key) is None


async def test_an_altered_address_is_refused(store: Store, key: str) -> None:
    url = store.objects.presign_put(key, expires=SOON, sha256=sha256(b"content"))
    parts = urlsplit(url)
    assert parts.query
    altered = [
        url.replace(parts.path, parts.path + "x"),
        url.replace("sha256=", "sha256=A"),
        url + "&uploadId=1&partNumber=1",
        url.replace("?" + parts.query, ""),
    ]
    for wrong in altered:
        assert (await store.http.put(wrong, content=b"content")).status_code == 403
    assert (await store.http.get(url)).status_code == 403
    assert (await store.http.delete(url)).status_code == 403
    assert await store.objects.head(key) is None


async def test_an_expired_address_is_refused(store: Store, key: str) -> None:
    url = store.objects.presign_put(key, expires=timedelta(seconds=1))
    await asyncio.sleep(2.1)
    assert (await store.http.put(url, content=b"content")).status_code == 403
    assert await store.objects.head(key) is None


async def test_bytes_are_read_as_stored_whatever_encoding_the_uploader_claimed(
    store: Store, key: str
) -> None:
    packed = gzip.compress(bytes(5 << 20))
    url = store.objects.presign_put(key, expires=SOON, sha256=sha256(packed))
    await store.http.put(url, content=packed, headers={"Content-Encoding": "gzip"})
    assert await store.objects.get(key) == packed
    assert b"".join([piece async for piece in store.objects.stream(key)]) == packed


async def upload_part(store: Store, key: str, upload_id: str, number: int, content: bytes) -> None:
    url = store.objects.presign_part(key, upload_id, number, expires=SOON, sha256=sha256(content))
    answer = await store.http.put(url, content=content)
    assert answer.status_code == 200
    assert answer.headers["etag"]


async def test_parts_make_an_object_once_completed(store: Store, key: str) -> None:
    first, last = secrets.token_bytes(PART_MINIMUM_BYTES), b"the rest"
    upload_id = await store.objects.create_multipart(key, "video/mp4")
    await upload_part(store, key, upload_id, 2, last)
    await upload_part(store, key, upload_id, 1, first)
    parts = await store.objects.list_parts(key, upload_id)
    assert [(part.number, part.size) for part in parts] == [(1, len(first)), (2, len(last))]
    assert await store.objects.head(key) is None
    assert await keys(store, key) == []

    await store.objects.complete_multipart(key, upload_id, parts)

    found = await store.objects.head(key)
    assert found is not None
    assert (found.size, found.content_type) == (len(first + last), "video/mp4")
    assert found.sha256 is None
    assert await store.objects.get(key) == first + last
    assert await keys(store, key) == [key]


async def test_a_part_sent_again_replaces_the_first(store: Store, key: str) -> None:
    upload_id = await store.objects.create_multipart(key, "text/plain")
    await upload_part(store, key, upload_id, 1, b"cut off")
    await upload_part(store, key, upload_id, 1, b"the whole part")
    parts = await store.objects.list_parts(key, upload_id)
    whole = [part for part in parts if part.size == len(b"the whole part")]
    await store.objects.complete_multipart(key, upload_id, whole)
    assert await store.objects.get(key) == b"the whole part"


async def test_of_a_part_that_was_sent_twice_the_one_named_counts(store: Store, key: str) -> None:
    upload_id = await store.objects.create_multipart(key, "text/plain")
    for content in (b"", b"first", b"second", b""):
        await upload_part(store, key, upload_id, 1, content)
    parts = await store.objects.list_parts(key, upload_id)
    assert {part.number for part in parts} == {1}
    first = [part for part in parts if part.size == len(b"first")]
    await store.objects.complete_multipart(key, upload_id, first[:1])
    assert await store.objects.get(key) == b"first"


@pytest.mark.parametrize("other", [b"", b"conten", b"contents"])
async def test_an_address_bound_to_a_length_takes_that_length_alone(
    store: Store, key: str, other: bytes
) -> None:
    upload_id = await store.objects.create_multipart(key, "text/plain")
    for url in (
        store.objects.presign_put(key, expires=SOON, length=7),
        store.objects.presign_part(key, upload_id, 1, expires=SOON, length=7),
    ):
        assert (await store.http.put(url, content=other)).status_code == 403
        assert (await store.http.put(url, content=b"content")).status_code == 200
    await store.objects.abort_multipart(key, upload_id)


async def test_multipart_uploads_under_way_are_listed(store: Store) -> None:
    folder = secrets.token_hex(8)
    names = [f"{folder}/{number}" for number in range(3)]
    ids = [await store.objects.create_multipart(name, "text/plain") for name in names]
    await store.objects.abort_multipart(names[0], ids[0])
    found = await store.objects.list_multiparts(f"{folder}/")
    assert {(each.key, each.upload_id) for each in found} == set(
        zip(names[1:], ids[1:], strict=True)
    )
    assert all(abs(datetime.now(UTC) - each.begun_at) < timedelta(minutes=1) for each in found)
    for name, upload_id in zip(names, ids, strict=True):
        await store.objects.abort_multipart(name, upload_id)
    assert list(await store.objects.list_multiparts(f"{folder}/")) == []


async def test_a_part_bound_to_a_hash_refuses_other_bytes(store: Store, key: str) -> None:
    upload_id = await store.objects.create_multipart(key, "text/plain")
    url = store.objects.presign_part(key, upload_id, 1, expires=SOON, sha256=sha256(b"part"))
    assert (await store.http.put(url, content=b"porn")).status_code == 400
    assert await store.objects.list_parts(key, upload_id) == ()


async def test_parts_that_do_not_fit_are_rejected_and_may_be_corrected(
    store: Store, key: str
) -> None:
    upload_id = await store.objects.create_multipart(key, "text/plain")
    await upload_part(store, key, upload_id, 1, bytes(PART_MINIMUM_BYTES))
    await upload_part(store, key, upload_id, 2, b"the rest")
    first, last = await store.objects.list_parts(key, upload_id)
    for wrong in [
        [last, first],
        [first, Part(2, "0" * 32, 8)],
        [first, last, Part(3, last.etag, 8)],
    ]:
        with pytest.raises(PartsRejected):
            await store.objects.complete_multipart(key, upload_id, wrong)
    assert await store.objects.head(key) is None
    await store.objects.complete_multipart(key, upload_id, [first, last])
    assert await store.objects.head(key) is not None


async def test_a_small_part_before_the_last_is_rejected(store: Store, key: str) -> None:
    upload_id = await store.objects.create_multipart(key, "text/plain")
    await upload_part(store, key, upload_id, 1, b"small")
    await upload_part(store, key, upload_id, 2, b"small")
    parts = await store.objects.list_parts(key, upload_id)
    with pytest.raises(PartsRejected):
        await store.objects.complete_multipart(key, upload_id, parts)
    assert await store.objects.head(key) is None


async def test_completing_again_does_no_harm(store: Store, key: str) -> None:
    upload_id = await store.objects.create_multipart(key, "text/plain")
    await upload_part(store, key, upload_id, 1, b"content")
    parts = await store.objects.list_parts(key, upload_id)
    await store.objects.complete_multipart(key, upload_id, parts)
    with suppress(UploadMissing):
        await store.objects.complete_multipart(key, upload_id, parts)
    await store.objects.abort_multipart(key, upload_id)
    assert await store.objects.get(key) == b"content"


async def test_an_aborted_upload_is_gone_and_takes_no_more_parts(store: Store, key: str) -> None:
    upload_id = await store.objects.create_multipart(key, "text/plain")
    await upload_part(store, key, upload_id, 1, b"content")
    parts = await store.objects.list_parts(key, upload_id)
    url = store.objects.presign_part(key, upload_id, 2, expires=SOON)
    await store.objects.abort_multipart(key, upload_id)
    await store.objects.abort_multipart(key, upload_id)
    assert (await store.http.put(url, content=b"late")).status_code == 404
    with pytest.raises(UploadMissing):
        await store.objects.list_parts(key, upload_id)
    with pytest.raises(UploadMissing):
        await store.objects.complete_multipart(key, upload_id, parts)
    assert await store.objects.head(key) is None


async def test_an_upload_belongs_to_its_key(store: Store, key: str) -> None:
    upload_id = await store.objects.create_multipart(key, "text/plain")
    with pytest.raises(UploadMissing):
        await store.objects.list_parts(f"{key}.other", upload_id)


@pytest.mark.parametrize("wrong", ["", " ", "a/../b", "./a", ".."])
async def test_a_key_that_climbs_is_refused(store: Store, wrong: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  the message is the library's
        store.objects.presign_get(wrong, expires=SOON)
    with pytest.raises(ValueError):  # noqa: PT011  the message is the library's
        await store.objects.put(wrong, b"", "text/plain")


@pytest.mark.parametrize("expires", [timedelta(0), timedelta(days=8)])
async def test_an_address_is_good_for_a_second_to_a_week(store: Store, expires: timedelta) -> None:
    with pytest.raises(ValueError, match="between 1 second to 7 days"):
        store.objects.presign_get("key", expires=expires)


async def test_addresses_show_the_public_origin(
    object_store_settings: ObjectStoreSettings,
) -> None:
    objects = S3ObjectStore(**object_store_settings)
    assert objects.presign_get("a", expires=SOON).startswith(object_store_settings["origin"] + "/")


@pytest.mark.parametrize("wrong", [{"secret_key": "wrong"}, {"bucket": "another"}])
async def test_a_store_that_does_not_accept_us_counts_as_unavailable(
    object_store_settings: ObjectStoreSettings, wrong: dict[str, str]
) -> None:
    objects = S3ObjectStore(**cast(ObjectStoreSettings, {**object_store_settings, **wrong}))
    with pytest.raises(ObjectStoreUnavailable):
        await objects.ready()
    with pytest.raises(ObjectStoreUnavailable):
        await objects.get("key")
    with pytest.raises(ObjectStoreUnavailable):
        await objects.head("key")
