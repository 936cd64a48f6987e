"""BACKUP's files: what is whole, what continues it, and what a kill leaves behind."""

import json
import multiprocessing
import os
import time
from pathlib import Path

import pytest

from stack.archive import (
    GONE_DAYS,
    SEGMENT_BYTES,
    Archive,
    Whole,
    begin_restore,
    check_restored,
    end_restore,
    first_segment,
    segments,
)
from stack.data import DataDirectory
from stack.errors import CannotStart, StackError, UsageError

FIRST = "0000000100000000000000FE"
LABEL = f"START WAL LOCATION: 0/FE000028 (file {FIRST})\nCHECKPOINT LOCATION: 0/FE000080\n"


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    data = DataDirectory(tmp_path / "data")
    data.prepare()
    return data


@pytest.fixture
def archive(tmp_path: Path, data: DataDirectory) -> Archive:
    archive = Archive(tmp_path / "backup")
    archive.prepare(data)
    return archive


def based(archive: Archive, name: str, wal: str = "") -> Whole:
    archive.base(name).mkdir()
    (archive.base(name) / "backup_label").write_text(LABEL)
    return Whole(name, "7300", wal, "2026-11-22T21:00:00+00:00")


def received(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        with (folder / name).open("wb") as file:
            file.truncate(SEGMENT_BYTES)


def test_there_is_no_backup_before_the_first_is_published(archive: Archive) -> None:
    whole = based(archive, "1")
    assert archive.whole() is None
    archive.publish(whole)
    assert archive.whole() == whole


def test_a_base_that_was_not_finished_is_removed_and_the_finished_one_stays(
    archive: Archive,
) -> None:
    archive.publish(based(archive, "1"))
    based(archive, "2")
    archive.discard_unfinished()
    assert [path.name for path in archive.path.glob("base-*")] == ["base-1"]


def test_a_new_base_takes_the_place_of_the_old_and_of_the_wal_before_it(archive: Archive) -> None:
    received(archive.wal("a"), "0000000100000000000000FD", FIRST)
    received(archive.wal("old"), FIRST)
    archive.publish(based(archive, "1", wal="a"))
    archive.publish(based(archive, "2", wal="a"))
    assert [path.name for path in archive.path.glob("base-*")] == ["base-2"]
    assert [path.name for path in archive.path.glob("wal-*")] == ["wal-a"]
    assert [path.name for path in archive.wal("a").iterdir()] == [FIRST]


def test_what_went_a_month_ago_goes_for_good(archive: Archive) -> None:
    (archive.gone / "catalog").mkdir()
    for name, days in (("new", GONE_DAYS - 1), ("old", GONE_DAYS + 1)):
        path = archive.gone / "catalog" / name
        path.touch()
        then = time.time() - days * 86_400
        os.utime(path, (then, then))
    archive.publish(based(archive, "1"))
    assert [path.name for path in (archive.gone / "catalog").iterdir()] == ["new"]


def test_a_damaged_index_is_told(archive: Archive) -> None:
    (archive.path / "backup.json").write_text(json.dumps({"base": "1"}))
    with pytest.raises(StackError, match=r"backup\.json is damaged\. Take a new backup"):
        archive.whole()


def test_a_second_process_is_kept_out(archive: Archive) -> None:
    other = Archive(archive.path)
    with (
        archive.locked(),
        pytest.raises(CannotStart, match=r"Another \./shuyuan is at work"),
        other.locked(),
    ):
        pass
    with other.locked():
        pass


@pytest.mark.parametrize("inside", ["data/backup", "."])
def test_a_backup_inside_of_what_it_copies_is_refused(
    tmp_path: Path, data: DataDirectory, inside: str
) -> None:
    with pytest.raises(UsageError, match="lie in each other"):
        Archive(tmp_path / inside).prepare(data)


def test_secrets_are_kept_with_their_modes_and_drafts_are_not(
    archive: Archive, data: DataDirectory
) -> None:
    secret = data.secrets / "catalog" / "shuyuan_catalog_master_keys"
    secret.parent.mkdir(mode=0o700)
    secret.write_text("first")
    secret.chmod(0o600)
    (secret.parent / ".draft.1").write_text("half")
    archive.keep_installation(data)
    secret.write_text("second,first")
    archive.keep_installation(data)
    [kept] = [path for path in archive.installation.rglob("*") if path.is_file()]
    assert kept.read_text() == "second,first"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700


def keep_a_new_secret(archive: Archive, data: DataDirectory, rounds: int) -> None:
    for number in range(rounds):
        (data.secrets / "key").write_text(f"{os.getpid()} {number}")
        archive.keep_installation(data)


def test_two_keep_the_same_secrets_at_once(archive: Archive, data: DataDirectory) -> None:
    others = [
        multiprocessing.get_context("fork").Process(
            target=keep_a_new_secret, args=(archive, data, 300)
        )
        for _ in range(2)
    ]
    for process in others:
        process.start()
    for process in others:
        process.join(30)
    assert [process.exitcode for process in others] == [0, 0]
    assert [path.name for path in archive.installation.rglob("*") if path.is_file()] == ["key"]


def test_recovery_begins_where_the_label_says(archive: Archive) -> None:
    based(archive, "1")
    assert first_segment(archive.base("1")) == FIRST


def test_wal_is_read_in_order_across_logs_to_the_part_received_last(tmp_path: Path) -> None:
    names = [FIRST, "0000000100000000000000FF", "000000010000000100000000.partial"]
    received(tmp_path, "0000000100000000000000FD", *reversed(names))
    (tmp_path / "000000010000000100000001.partial").write_bytes(b"the disk was full")
    assert [path.name for path in segments(tmp_path, FIRST)] == names


def test_a_gap_in_the_wal_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    received(tmp_path, FIRST, "000000010000000100000000")
    with pytest.raises(StackError, match=r"gap before 000000010000000100000000.*move that file"):
        segments(tmp_path, FIRST)


def test_wal_without_its_beginning_is_refused(tmp_path: Path) -> None:
    received(tmp_path, "0000000100000000000000FD")
    with pytest.raises(StackError, match=f"lacks {FIRST}"):
        segments(tmp_path, FIRST)


def test_nothing_is_restored_over_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(CannotStart, match="is not empty"):
        begin_restore(DataDirectory(tmp_path))
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_restore_that_was_killed_begins_anew_and_does_not_start_before(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path / "new")
    begin_restore(data)
    (data.path / "postgres" / "data").mkdir(parents=True)
    (data.path / "ports.json").touch()
    with pytest.raises(CannotStart, match=r"did not finish. Run ./shuyuan restore on it again"):
        check_restored(data)
    begin_restore(data)
    assert len(list(data.path.iterdir())) == 1
    end_restore(data)
    check_restored(data)
