"""BACKUP: what `backup` and `up --archive` write, and `restore` reads.

BACKUP/backup.json         which base is whole, and what WAL continues it; written last
BACKUP/base-ID/            PostgreSQL's base backup, with its manifest
BACKUP/wal-ID/             every WAL segment since the replication slot of that ID began
BACKUP/objects/BUCKET/KEY  the object store's objects
BACKUP/gone/BUCKET/KEY     those that the store holds no longer, for a month
BACKUP/installation/       secrets/, ports.json, demo-accounts.json
BACKUP/lock                held (flock) while a base is taken or read
BACKUP/followed            held (flock) by the one archiver
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from stack.data import DataDirectory, explained, read_json, write_file
from stack.errors import CannotStart, StackError, UsageError

GONE_DAYS = 30
SEGMENT_BYTES = 16 * 2**20
"""Of WAL: initdb's default, which nothing here changes."""

_SEGMENT = re.compile(r"([0-9A-F]{24})(\.partial)?")
_START = re.compile(r"^START WAL LOCATION: .*\(file ([0-9A-F]{24})\)", re.MULTILINE)
_MARK = "restore-unfinished"


@dataclass(frozen=True)
class Whole:
    """A finished base backup. `wal` is the ID of the WAL that continues it, if any does; `system`
    is what PostgreSQL calls the cluster's system identifier; `taken_at` is ISO 8601."""

    base: str
    system: str
    wal: str
    taken_at: str


class Archive:
    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.objects = self.path / "objects"
        self.gone = self.path / "gone"
        self.installation = self.path / "installation"
        self._index = self.path / "backup.json"

    def prepare(self, data: DataDirectory) -> None:
        """Makes BACKUP. UsageError where it and the data directory lie in each other."""
        if data.path.is_relative_to(self.path) or self.path.is_relative_to(data.path):
            raise UsageError(
                f"{self.path} and {data.path} lie in each other: what takes one takes both. "
                "Choose a directory elsewhere, on another disk if there is one."
            )
        with explained(self.path):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for inner in (self.objects, self.gone, self.installation):
                inner.mkdir(mode=0o700, exist_ok=True)

    @contextlib.contextmanager
    def locked(self, name: str = "lock") -> Iterator[None]:
        """CannotStart while another process holds the same."""
        with explained(self.path):
            file = (self.path / name).open("a")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CannotStart(
                    f"Another ./shuyuan is at work on {self.path}. Try again when it is done."
                ) from None
            yield

    def whole(self) -> Whole | None:
        """The newest finished base; None before the first. StackError for a damaged index."""
        if not self._index.exists():
            return None
        try:
            return Whole(**read_json(self._index))
        except TypeError:
            raise StackError(
                f"{self._index} is damaged. Take a new backup, or write it anew by hand: "
                '{"base": ID, "system": "", "wal": ID or "", "taken_at": ""}.'
            ) from None

    def publish(self, whole: Whole) -> None:
        """From now on `whole` is what is restored; what nothing needs any more is removed."""
        os.sync()
        write_file(self._index, json.dumps(asdict(whole), indent=1))
        self.discard_unfinished()
        for path in self.path.glob("wal-*"):
            if path != self.wal(whole.wal):
                shutil.rmtree(path)
        if whole.wal:
            first = first_segment(self.base(whole.base))
            for path in self.wal(whole.wal).iterdir():
                if path.name < first:
                    path.unlink()
        before = time.time() - GONE_DAYS * 86_400
        for path in (each for each in self.gone.rglob("*") if each.is_file()):
            if path.stat().st_mtime < before:
                path.unlink()

    def discard_unfinished(self) -> None:
        """Removes every base but the newest finished one."""
        whole = self.whole()
        for path in self.path.glob("base-*"):
            if whole is None or path != self.base(whole.base):
                shutil.rmtree(path)

    def base(self, identifier: str) -> Path:
        return self.path / f"base-{identifier}"

    def wal(self, identifier: str) -> Path:
        return self.path / f"wal-{identifier}"

    def keep_installation(self, data: DataDirectory) -> None:
        """Copies secrets, ports and accounts that are new or changed, with their modes."""
        found = [path for path in data.secrets.rglob("*") if path.is_file()]
        for path in (*found, data.ports_file, data.accounts_file):
            target = self.installation / path.relative_to(data.path)
            # A name with a dot before it is a draft of `write_file`.
            if path.name.startswith(".") or not path.exists() or _same(path, target):
                continue
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = target.with_name(f".{target.name}.{os.getpid()}")  # the archiver copies, too
            shutil.copy2(path, draft)
            draft.replace(target)


def _same(path: Path, copy: Path) -> bool:
    return copy.exists() and path.read_bytes() == copy.read_bytes()


def first_segment(base: Path) -> str:
    """Name of the WAL segment at which recovery of a base backup begins."""
    found = _START.search((base / "backup_label").read_text())
    if not found:
        raise StackError(f"{base}/backup_label names no WAL file. Take a new backup.")
    return found[1]


def segments(wal: Path, first: str) -> list[Path]:
    """The WAL files from `first` on, in order; the last may end in `.partial`.

    StackError where one is missing: what came after it cannot be restored.
    """
    named = {
        found[1]: path
        for path in sorted(wal.iterdir(), reverse=True)
        if (found := _SEGMENT.fullmatch(path.name)) and path.stat().st_size == SEGMENT_BYTES
    }
    chosen = sorted(name for name in named if name >= first)
    expected = _number(first)
    for name in chosen:
        if _number(name) != expected:
            raise StackError(
                f"{wal} has a gap before {name}. What was committed from there on cannot be "
                "restored; to restore what was committed before, move that file and all later "
                "ones out of the directory, then try again."
            )
        expected += 1
    if not chosen:
        raise StackError(f"{wal} lacks {first}, with which recovery begins. Take a new backup.")
    return [named[name] for name in chosen]


def _number(segment: str) -> int:
    """Its place among all: names are TIMELINE, LOG, SEGMENT, with 256 segments to a log."""
    return int(segment[8:16], 16) * 256 + int(segment[16:], 16)


def begin_restore(data: DataDirectory) -> None:
    """Marks an empty data directory; one that a killed `restore` left behind is emptied first.

    CannotStart when there is anything else.
    """
    mark = data.path / _MARK
    with explained(data.path):
        if data.path.exists() and any(data.path.iterdir()):
            if not mark.exists():
                raise CannotStart(
                    f"{data.path} is not empty. Choose a new directory with --data; nothing that "
                    "is there is ever written over."
                )
            for path in data.path.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
                elif path != mark:
                    path.unlink()
        data.path.mkdir(parents=True, exist_ok=True)
        data.path.chmod(0o711)
        write_file(mark, "")


def end_restore(data: DataDirectory) -> None:
    (data.path / _MARK).unlink()


def check_restored(data: DataDirectory) -> None:
    """CannotStart on a directory whose restore was killed."""
    if (data.path / _MARK).exists():
        raise CannotStart(
            f"The restore into {data.path} did not finish. Run ./shuyuan restore on it again."
        )
