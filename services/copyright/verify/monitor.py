"""Audits a public log with nothing but what it publishes (C2SP tlog-tiles).

Every entry is hashed again, every tile and the root are computed from them, and every checkpoint
seen before must be one that this very tree had. Tiles are computed by full-width recursion, apart
from the code that appends.
"""

import argparse
import http.client
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from services.copyright.verify.chinese import in_chinese
from services.copyright.verify.events import EventRefused, Registration
from services.copyright.verify.leaf import Leaf, LeafMalformed
from services.copyright.verify.logged import SM3_ORIGIN
from services.copyright.verify.merkle import (
    HASH_SIZE,
    SHA256,
    SM3,
    CannotCheck,
    TreeHash,
    perfect_root,
)
from services.copyright.verify.notes import Checkpoint, Note, NoteMalformed, VerifierKey
from services.copyright.verify.report import (
    INCOMPLETE,
    INVALID,
    Finding,
    Report,
    Step,
    Verdict,
    print_any_text,
)
from services.copyright.verify.tiles import (
    TILE_WIDTH,
    EntryBundle,
    Tile,
    TileMalformed,
    bundles_of,
    decode_entries,
    edge_root,
    hashes_at,
    split_hashes,
    tiles_of,
)
from services.copyright.verify.trust import Trust

CHECKPOINT_PATH = "checkpoint"
_PATIENCE = 30  # seconds for one answer

Read = Callable[[str], bytes]
"""Reads a path of the log, such as ``tile/0/000``. Raises `Unreadable`."""


class Unreadable(ValueError):
    """The log does not serve a path that its checkpoint promises."""


class LogFaulty(ValueError):
    """What the log publishes contradicts itself or an earlier checkpoint."""


def reader(place: str) -> Read:
    """A reader of the log at an http(s) address or in a folder."""
    if not place.startswith(("http://", "https://")):
        return lambda path: _read_file(Path(place, path))
    return lambda path: _read_address(f"{place.rstrip('/')}/{path}")


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as reason:
        raise Unreadable(str(reason)) from None


def _read_address(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=_PATIENCE) as answer:  # noqa: S310 - http(s) only
            return bytes(answer.read())
    except (OSError, urllib.error.URLError, http.client.HTTPException) as reason:
        raise Unreadable(f"{url}: {reason}") from None


@dataclass
class Audit:
    """One look at a log. `leaf_hashes` holds those of its entries, 32 bytes each, in order."""

    read: Read
    trust: Trust
    past: Sequence[bytes] = ()
    registrations: bool = False
    note: bytes = field(default=b"", init=False)
    checkpoint: Checkpoint | None = field(default=None, init=False)
    steps: list[Step] = field(default_factory=list, init=False)
    _levels: list[bytearray] = field(default_factory=list, init=False)

    def run(self) -> Report:
        """Make every step, until one fails that the others rest on."""
        titles: list[tuple[str, str, str, Callable[[], Finding]]] = [
            ("checkpoint", "检查点", "Checkpoint", self._checkpoint),
            ("entries", "条目", "Entries", self._entries),
            ("tiles", "哈希块", "Tiles", self._tiles),
            ("root", "树根", "Root", self._root),
            ("past", "历史检查点", "Past checkpoints", self._past),
        ]
        for name, zh, en, run in titles:
            try:
                found = run()
            except CannotCheck as lack:
                found = Finding(Verdict.UNCHECKED, in_chinese(str(lack)), str(lack))
            except ValueError as fault:
                found = Finding(Verdict.FAIL, in_chinese(str(fault)), str(fault))
            self.steps.append(Step(name, zh, en, found))
            if found.verdict is not Verdict.GOOD and name in ("checkpoint", "entries"):
                break
        return Report(tuple(self.steps))

    @property
    def leaf_hashes(self) -> bytes:
        return bytes(self._levels[0]) if self._levels else b""

    def root_at(self, size: int) -> bytes:
        """The root that the tree had with its first `size` entries."""
        edge = []
        for level, hashes in enumerate(self._levels):
            count = hashes_at(level, size)
            edge.append(_slice(hashes, count - count % TILE_WIDTH, count))
        return edge_root(self._hash, edge)

    @property
    def _hash(self) -> TreeHash:
        return SM3 if self._tree.origin.endswith(SM3_ORIGIN) else SHA256

    @property
    def _tree(self) -> Checkpoint:
        if self.checkpoint is None:
            raise LogFaulty("the log has no checkpoint")
        return self.checkpoint

    def _checkpoint(self) -> Finding:
        self.note = self.read(CHECKPOINT_PATH)
        self.checkpoint, signed = self.trust.signed(Note.parse(self.note))
        said = f"{self._tree.origin}, {self._tree.size}"
        keys = ", ".join(key.id.hex() for key in signed.times)
        return _good(f"{said} 条，签名者 {keys}", f"{said} entries, signed by {keys}")

    def _entries(self) -> Finding:
        self._levels = [bytearray()]
        states: dict[str, Registration] = {}
        for bundle in bundles_of(self._tree.size):
            for entry in self._bundle(bundle):
                if self.registrations:
                    self._follow(states, entry)
                self._levels[0] += self._hash.leaf(entry)
        while (whole := len(self._levels[-1]) // HASH_SIZE // TILE_WIDTH) > 0:
            below = self._levels[-1]
            self._levels.append(bytearray())
            for i in range(0, whole * TILE_WIDTH, TILE_WIDTH):
                self._levels[-1] += perfect_root(self._hash, _slice(below, i, i + TILE_WIDTH))
        count = self._tree.size
        if not self.registrations:
            return _good(f"{count} 条均可读取", f"all {count} are there")
        return _good(
            f"{count} 条，{len(states)} 项登记前后相接",
            f"all {count} are there; {len(states)} registrations follow on without a gap",
        )

    def _follow(self, states: dict[str, Registration], entry: bytes) -> None:
        try:
            leaf = Leaf.parse(entry)
            state = states.get(leaf.reg_id, Registration())
            states[leaf.reg_id] = state.applied(leaf, entry)
        except (LeafMalformed, EventRefused) as reason:
            index = len(self._levels[0]) // HASH_SIZE
            raise LogFaulty(f"entry {index}: {reason}") from None

    def _bundle(self, bundle: EntryBundle) -> list[bytes]:
        entries = decode_entries(self._newest(bundle))
        if len(entries) not in (bundle.width, TILE_WIDTH):
            raise TileMalformed(f"{bundle.path} has {len(entries)} entries")
        return entries[: bundle.width]

    def _tiles(self) -> Finding:
        count = 0
        for tile in tiles_of(self._tree.size):
            first = tile.number * TILE_WIDTH
            expected = _slice(self._levels[tile.level], first, first + tile.width)
            data = self._newest(tile)
            whole = len(data) in (tile.width * HASH_SIZE, TILE_WIDTH * HASH_SIZE)
            if not whole or split_hashes(data, tile.width) != expected:
                raise LogFaulty(f"{tile.path} is not what the entries make")
            count += 1
        return _good(f"{count} 块与条目一致", f"{count} tiles are what the entries make")

    def _newest(self, place: Tile | EntryBundle) -> bytes:
        """A tile or bundle; a partial one may have given way to the full one since."""
        try:
            return self.read(place.path)
        except Unreadable as missing:
            if place.width == TILE_WIDTH:
                raise
            try:
                return self.read(place._replace(width=TILE_WIDTH).path)
            except Unreadable:
                raise missing from None

    def _root(self) -> Finding:
        if self.root_at(self._tree.size) != self._tree.root:
            raise LogFaulty("the checkpoint's root is not the entries'")
        return _good("与条目一致", "it is the entries'")

    def _past(self) -> Finding:
        for note in self.past:
            seen, _ = self.trust.signed(Note.parse(note))
            if seen.origin != self._tree.origin:
                raise LogFaulty(f"a past checkpoint is of another log, {seen.origin}")
            if seen.size > self._tree.size:
                raise LogFaulty(f"the log shrank from {seen.size} to {self._tree.size} entries")
            if self.root_at(seen.size) != seen.root:
                raise LogFaulty(f"the log had another root at size {seen.size}")
        count = len(self.past)
        return _good(f"{count} 个均与现在的树一致", f"this tree continues all {count}")


def _slice(hashes: bytearray, start: int, end: int) -> list[bytes]:
    return [bytes(hashes[i * HASH_SIZE : (i + 1) * HASH_SIZE]) for i in range(start, end)]


def _good(zh: str, en: str) -> Finding:
    return Finding(Verdict.GOOD, zh, en)


def audit_command(argv: Sequence[str]) -> int:
    """``log URL|DIR --vkey KEY``: audit a log, tell what was found, return the exit code."""
    print_any_text()
    parser = argparse.ArgumentParser(description="Audit a public log. 审计公开日志。")
    parser.add_argument("log", help="its address, or a folder with its files")
    parser.add_argument("--vkey", action="append", required=True, help="a key of the log you trust")
    parser.add_argument(
        "--seen", type=Path, help="folder of checkpoints seen before; this one is added"
    )
    parser.add_argument(
        "--registrations", action="store_true", help="check each registration's events as well"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    arguments = parser.parse_args(argv)
    try:
        trust = Trust({VerifierKey.parse(vkey): None for vkey in arguments.vkey}, None, b"")
        past = _seen(arguments.seen)
    except (OSError, NoteMalformed) as reason:
        sys.stderr.write(f"Nothing was checked 未核验: {reason}\n")
        return INCOMPLETE
    audit = Audit(reader(arguments.log), trust, past, arguments.registrations)
    report = audit.run()
    sys.stdout.write(report.json() if arguments.json else report.text())
    if arguments.seen and report.exit_code != INVALID and audit.checkpoint:
        name = f"checkpoint.{audit.checkpoint.size}"
        (arguments.seen / name).write_bytes(audit.note)
    return report.exit_code


def _seen(folder: Path | None) -> list[bytes]:
    if folder is None:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    return [path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()]
