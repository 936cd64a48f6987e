"""What the S3 adapter makes of a store that is away, failing or strange."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx2
import pytest

from shared.errors import Unavailable
from shared.s3 import S3ObjectStore
from shared.storage import (
    ObjectMissing,
    ObjectStore,
    ObjectStoreUnavailable,
    Part,
    attachment,
)
from shared.testing.storage import FakeObjectStore

Call = Callable[[ObjectStore], Awaitable[object]]


def adapter(port: int) -> S3ObjectStore:
    return S3ObjectStore(
        endpoint=f"http://127.0.0.1:{port}",
        origin="https://files.example",
        access_key="access",
        secret_key="secret",
        bucket="bucket",
    )


async def drain(objects: AsyncIterator[object]) -> None:
    async for _ in objects:
        pass


CALLS: dict[str, Call] = {
    "ready": lambda store: store.ready(),
    "head": lambda store: store.head("key"),
    "get": lambda store: store.get("key"),
    "stream": lambda store: drain(store.stream("key")),
    "list": lambda store: drain(store.list("prefix")),
    "put": lambda store: store.put("key", b"content", "text/plain"),
    "copy": lambda store: store.copy("key", "other"),
    "delete": lambda store: store.delete("key"),
    "create": lambda store: store.create_multipart("key", "text/plain"),
    "parts": lambda store: store.list_parts("key", "upload"),
    "complete": lambda store: store.complete_multipart("key", "upload", []),
    "abort": lambda store: store.abort_multipart("key", "upload"),
}


@asynccontextmanager
async def answering(*replies: bytes) -> AsyncIterator[S3ObjectStore]:
    """A store that gives `replies` in turn, the last one for ever."""
    left = list(replies)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield adapter(listener.sockets[0].getsockname()[1])
    finally:
        listener.close()


def reply(status: str, *headers: str, body: bytes = b"") -> bytes:
    return (
        "\r\n".join([f"HTTP/1.1 {status}", *headers, "Connection: close", "", ""]).encode() + body
    )


async def outcomes(store: ObjectStore) -> dict[str, type]:
    results = await asyncio.gather(
        *(call(store) for call in CALLS.values()), return_exceptions=True
    )
    return dict(zip(CALLS, map(type, results), strict=True))


async def test_a_store_that_is_away_is_unavailable_to_every_call() -> None:
    async with answering(b"") as away:
        pass
    assert await outcomes(away) == dict.fromkeys(CALLS, ObjectStoreUnavailable)


async def test_a_fake_that_is_taken_away_is_unavailable_to_every_call() -> None:
    away = FakeObjectStore()
    address = away.presign_get("key", expires=timedelta(minutes=5))
    away.available = False
    assert await outcomes(away) == dict.fromkeys(CALLS, ObjectStoreUnavailable)
    async with httpx2.AsyncClient(transport=away.http()) as http:
        with pytest.raises(httpx2.ConnectError):
            await http.get(address)


def test_unavailable_asks_the_caller_to_come_back() -> None:
    assert issubclass(ObjectStoreUnavailable, Unavailable)
    assert ObjectStoreUnavailable("Repeat the request.").retry_after > 0


@pytest.mark.parametrize(
    "answer",
    [
        reply("503 Service Unavailable", "Content-Length: 0"),
        reply("500 Internal Server Error", "Content-Type: text/html", body=b"<html>"),
        reply(
            "403 Forbidden", "Content-Type: application/xml", body=b"<Error><Code>No</Code></Error>"
        ),
        reply("418 Teapot", "Content-Type: text/plain", body=b"?"),
        reply("502 Bad Gateway", "Content-Type: application/xml", body=b"<html><br></html>"),
        b"not http\r\n\r\n",
    ],
)
async def test_a_failing_store_is_unavailable(answer: bytes) -> None:
    async with answering(answer) as store:
        with pytest.raises(ObjectStoreUnavailable):
            await store.get("key")


async def test_a_body_that_breaks_off_is_never_taken_for_the_whole() -> None:
    async with answering(reply("200 OK", "Content-Length: 100", body=b"half")) as store:
        with pytest.raises(ObjectStoreUnavailable):
            await store.get("key")
        with pytest.raises(ObjectStoreUnavailable):
            await drain(store.stream("key"))


async def test_a_completion_that_fails_after_its_200_is_no_success() -> None:
    body = b"<Error><Code>InternalError</Code></Error>"
    length = f"Content-Length: {len(body)}"
    async with answering(reply("200 OK", length, body=body)) as store:
        with pytest.raises(ObjectStoreUnavailable):
            await store.complete_multipart("key", "upload", [Part(1, "etag", 7)])


async def test_parts_told_on_several_pages_are_all_listed() -> None:
    def page(number: int, more: str) -> bytes:
        body = (
            f"<ListPartsResult><Part><PartNumber>{number}</PartNumber><ETag>e</ETag>"
            f"<Size>7</Size></Part><NextPartNumberMarker>{number}</NextPartNumberMarker>"
            f"<IsTruncated>{more}</IsTruncated></ListPartsResult>"
        ).encode()
        return reply("200 OK", f"Content-Length: {len(body)}", body=body)

    async with answering(page(1, "true"), page(2, "true"), page(3, "false")) as store:
        parts = await store.list_parts("key", "upload")
    assert parts == (Part(1, "e", 7), Part(2, "e", 7), Part(3, "e", 7))


async def test_a_missing_object_is_named() -> None:
    body = b"<Error><Code>NoSuchKey</Code></Error>"
    async with answering(
        reply("404 Not Found", "Content-Type: application/xml", body=body)
    ) as store:
        with pytest.raises(ObjectMissing, match="key"):
            await store.get("key")


async def test_a_hash_of_the_hashes_of_parts_is_not_taken_for_the_objects() -> None:
    head = reply(
        "200 OK",
        "Content-Length: 7",
        "Last-Modified: Sun, 22 Nov 2026 05:19:20 GMT",
        "x-amz-checksum-sha256: rf63/mA9DcSiU7Hb5qzIEr6o78kMwVoVIi0YtX4701Q=-3",
    )
    async with answering(head) as store:
        found = await store.head("key")
    assert found is not None
    assert (found.size, found.sha256) == (7, None)


def test_addresses_are_signed_for_the_public_origin_without_asking_the_store() -> None:
    address = adapter(1).presign_get("教材/a b.pdf", expires=timedelta(minutes=5))
    assert address.startswith(
        "https://files.example/bucket/%E6%95%99%E6%9D%90/a%20b.pdf?X-Amz-Algorithm="
    )
    assert "secret" not in address


def test_a_file_name_of_any_script_survives_its_header() -> None:
    assert attachment('课"\r\n;/.pdf') == (
        "attachment; filename*=UTF-8''%E8%AF%BE%22%0D%0A%3B%2F.pdf"
    )
