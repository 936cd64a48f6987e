"""One suite for the object store in memory and for SeaweedFS over S3: whole objects."""

import asyncio
import gzip
import secrets
from datetime import UTC, datetime, timedelta
from typing import cast
from urllib.parse import urlsplit

import pytest

from shared.s3 import S3ObjectStore
from shared.storage import (
    ObjectMissing,
    ObjectStoreUnavailable,
)
from tests.contract.storage import (
    SOON,
    ObjectStoreSettings,
    Store,
    key,
    keys,
    object_store_settings,
    sha256,
    store,
)

__all__ = ["key", "object_store_settings", "store"]


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
