"""One suite for the object store in memory and for SeaweedFS over S3: objects in parts."""

import secrets
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from shared.storage import (
    PART_MINIMUM_BYTES,
    Part,
    PartsRejected,
    UploadMissing,
)
from tests.contract.storage import (
    SOON,
    Store,
    key,
    keys,
    object_store_settings,
    sha256,
    store,
)

__all__ = ["key", "object_store_settings", "store"]


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
