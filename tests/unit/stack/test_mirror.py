"""Copies of objects: what is new is copied, and a store that fails takes nothing along."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from minio.error import S3Error

from stack.archive import Archive
from stack.data import DataDirectory
from stack.errors import StackError
from stack.mirror import Buckets, Mirror

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass
class Found:
    object_name: str
    size: int
    etag: str
    last_modified: datetime = NOON
    is_dir: bool = False


class Response:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, size: int, *, decode_content: bool) -> Iterator[bytes]:
        yield self._content

    def close(self) -> None: ...

    def release_conn(self) -> None: ...


class Bucket:
    """As much of the client as is asked; `broken` keys are listed and cannot be read."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, datetime]] = {}
        self.broken: dict[str, str] = {}
        self.read = 0

    def put(self, key: str, content: bytes, at: datetime = NOON) -> None:
        self.objects[key] = (content, at)

    def list_objects(self, _: str, *, recursive: bool) -> Iterator[Found]:
        for key, (content, at) in self.objects.items():
            yield Found(key, len(content), f'"{hash(content)}"', at)

    def get_object(self, bucket: str, key: str) -> Response:
        self.read += 1
        if key in self.broken:
            raise S3Error(cast(Any, None), self.broken[key], None, key, None, None)
        return Response(self.objects[key][0])


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    archive = Archive(tmp_path / "backup")
    archive.prepare(DataDirectory(tmp_path / "data"))
    return archive


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


def mirror(archive: Archive, bucket: Bucket) -> Mirror:
    return Mirror(archive, cast(Buckets, {"catalog": bucket}), "test")


def held(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_was_copied_is_not_read_again_by_the_next_process(
    archive: Archive, bucket: Bucket
) -> None:
    bucket.put("files/ab/1", b"one")
    assert mirror(archive, bucket).look(forget=True).copied == 1
    bucket.put("files/ab/2", b"two")
    look = mirror(archive, bucket).look(forget=True)
    assert (look.objects, look.copied, bucket.read) == (2, 1, 2)
    assert held(archive.objects) == {"catalog/files/ab/1": b"one", "catalog/files/ab/2": b"two"}


def test_an_object_replaced_within_the_second_by_one_as_long_is_copied_again(
    archive: Archive, bucket: Bucket
) -> None:
    following = mirror(archive, bucket)
    bucket.put("log/checkpoint", b"size 1", NOON + timedelta(milliseconds=1))
    following.look(forget=True)
    bucket.put("log/checkpoint", b"size 2", NOON + timedelta(milliseconds=2))
    following.look(forget=True)
    assert held(archive.objects) == {"catalog/log/checkpoint": b"size 2"}


def test_what_the_store_holds_no_longer_is_set_aside(archive: Archive, bucket: Bucket) -> None:
    bucket.put("kept", b"kept")
    bucket.put("gone", b"gone")
    following = mirror(archive, bucket)
    following.look(forget=True)
    del bucket.objects["gone"]
    assert following.look(forget=False).gone == 0
    assert following.look(forget=True).gone == 1
    assert held(archive.objects) == {"catalog/kept": b"kept"}
    assert held(archive.gone) == {"catalog/gone": b"gone"}


@pytest.mark.parametrize(("objects", "left"), [(3, 0), (300, 149)])
def test_a_store_that_lost_its_objects_does_not_take_the_copies_with_it(
    archive: Archive, bucket: Bucket, objects: int, left: int
) -> None:
    for number in range(objects):
        bucket.put(f"files/{number}", b"%d" % number)
    following = mirror(archive, bucket)
    following.look(forget=True)
    bucket.objects = dict(list(bucket.objects.items())[:left])
    assert following.look(forget=True).gone == 0
    assert len(held(archive.objects)) == objects


def test_an_object_that_was_deleted_meanwhile_is_no_loss(archive: Archive, bucket: Bucket) -> None:
    bucket.put("incoming/1", b"moved on")
    bucket.broken["incoming/1"] = "NoSuchKey"
    assert not mirror(archive, bucket).look(forget=True).unread


def test_an_object_that_cannot_be_read_is_named_and_the_others_are_copied(
    archive: Archive, bucket: Bucket
) -> None:
    bucket.put("files/1", b"damaged")
    bucket.put("files/2", b"sound")
    bucket.broken["files/1"] = "InternalError"
    [unread] = mirror(archive, bucket).look(forget=True).unread
    assert unread.startswith("catalog/files/1: ")
    assert held(archive.objects) == {"catalog/files/2": b"sound"}


def test_a_store_that_does_not_answer_is_told(archive: Archive) -> None:
    class Silent(Bucket):
        def list_objects(self, _: str, *, recursive: bool) -> Iterator[Found]:
            raise S3Error(cast(Any, None), "SlowDown", None, "", None, None)

    with pytest.raises(StackError, match="does not answer"):
        mirror(archive, Silent()).look(forget=True)
