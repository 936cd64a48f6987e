"""The short way to the object store, beside a store that behaves badly."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from services.catalog.adapters.objects import CatalogObjects
from services.catalog.domain.uploads import UNKNOWN
from shared.storage import ObjectStoreUnavailable, Part, PartsRejected, UploadMissing

PARTS = [Part(1, "aa", 9)]
DONE = b"<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>"


def response(status: int, body: bytes = b"", *, kept: bool = True) -> bytes:
    connection = b"" if kept else b"connection: close\r\n"
    head = b"HTTP/1.1 %d X\r\n%scontent-length: %d\r\n\r\n" % (status, connection, len(body))
    return head + body


def error(status: int, code: bytes) -> bytes:
    return response(status, b"<Error><Code>%s</Code></Error>" % code)


class Store:
    """Answers from a list; with None it breaks the connection."""

    def __init__(self, answers: Sequence[bytes | None]) -> None:
        self.answers = list(answers)
        self.asked: list[bytes] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while head := await reader.read(65536):
            self.asked.append(head)
            answer = self.answers.pop(0)
            if answer is None:
                break
            writer.write(answer)
        writer.close()


@asynccontextmanager
async def standing_in(*answers: bytes | None) -> AsyncIterator[tuple[Store, CatalogObjects]]:
    store = Store(answers)
    server = await asyncio.start_server(store.serve, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    objects = CatalogObjects(
        endpoint=address, origin=address, access_key="a", secret_key="s", bucket="b"
    )
    yield store, objects
    objects.close()
    server.close()


async def test_a_connection_is_kept_for_the_next_call() -> None:
    async with standing_in(response(200, DONE), response(404)) as (store, objects):
        await objects.complete_multipart("k", "u", PARTS)
        assert await objects.head("k") is None
        assert store.connections == 1


async def test_a_connection_that_the_store_closed_is_replaced() -> None:
    async with standing_in(response(200, DONE), None, response(200, DONE)) as (store, objects):
        await objects.complete_multipart("k", "u", PARTS)
        await objects.complete_multipart("k", "u", PARTS)
        assert store.connections == 2


async def test_a_store_in_trouble_is_asked_three_times() -> None:
    async with standing_in(*[response(503)] * 3) as (store, objects):
        with pytest.raises(ObjectStoreUnavailable):
            await objects.list_parts("k", "u")
        assert len(store.asked) == 3


async def test_a_failure_told_under_200_is_a_failure() -> None:
    async with standing_in(error(200, b"InternalError")) as (_, objects):
        with pytest.raises(ObjectStoreUnavailable):
            await objects.complete_multipart("k", "u", PARTS)


@pytest.mark.parametrize(
    ("status", "code", "raised"),
    [
        (404, b"NoSuchUpload", UploadMissing),
        (400, b"InvalidPart", PartsRejected),
        (403, b"AccessDenied", ObjectStoreUnavailable),
    ],
)
async def test_codes_of_the_store_become_errors_of_the_port(
    status: int, code: bytes, raised: type[Exception]
) -> None:
    async with standing_in(error(status, code)) as (_, objects):
        with pytest.raises(raised):
            await objects.complete_multipart("k", "u", PARTS)


async def test_parts_beyond_a_page_are_asked_for() -> None:
    def page(number: int, more: bytes) -> bytes:
        part = b"<Part><PartNumber>%d</PartNumber><ETag>&quot;e&quot;</ETag><Size>5</Size></Part>"
        marker = b"<IsTruncated>%s</IsTruncated><NextPartNumberMarker>%d</NextPartNumberMarker>"
        body = part % number + marker % (more, number)
        return response(200, b'<L xmlns="http://s3.amazonaws.com/doc/">%s</L>' % body)

    async with standing_in(page(1, b"true"), page(2, b"false")) as (store, objects):
        assert await objects.list_parts("k", "u") == (Part(1, "e", 5), Part(2, "e", 5))
        assert b"part-number-marker=1" in store.asked[1]


def listed(*parts: tuple[bytes, int, int]) -> bytes:
    """A listing of entries of part 1, each with its ETag, its size and the second it arrived in."""
    entry = (
        b"<Part><PartNumber>1</PartNumber><ETag>%s</ETag><Size>%d</Size>"
        b"<LastModified>2026-11-22T10:00:%02dZ</LastModified></Part>"
    )
    return response(200, b"<L>%s</L>" % b"".join(entry % each for each in parts))


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ([(b"new", 5, 2), (b"old", 5, 1)], (Part(1, "new", 5),)),
        ([(b"same", 5, 1), (b"same", 5, 1)], (Part(1, "same", 5),)),
        ([(b"one", 5, 1), (b"other", 5, 1)], (Part(1, UNKNOWN, 5),)),
        ([(b"one", 5, 1), (b"again", 5, 2), (b"other", 5, 1)], (Part(1, "again", 5),)),
        ([(b"cut", 3, 1), (b"whole", 5, 1)], (Part(1, "cut", 3), Part(1, "whole", 5))),
    ],
)
async def test_which_of_two_parts_is_the_later_is_never_guessed(
    parts: Sequence[tuple[bytes, int, int]], told: Sequence[Part]
) -> None:
    async with standing_in(listed(*parts)) as (_, objects):
        assert await objects.list_parts("k", "u") == told
