"""What a signer or witness signed last, in a file that survives a crash."""

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from services.copyright.domain.witness import Seen
from services.copyright.verify.merkle import HASH_SIZE


class MemoryDamaged(Exception):
    """The file cannot be read, or is gone: without it nothing is signed, since it might be a
    fork."""


@dataclass(frozen=True)
class Remembered:
    """The checkpoint that was signed last, and its note."""

    seen: Seen
    note: bytes


class Memory:
    """`path` holds a JSON object by origin. Whoever compares and stores holds `lock` meanwhile."""

    def __init__(self, path: Path) -> None:
        """The memory in `path`. It begins, empty, before the keys of its directory are made, and
        not beside one that may have signed. Raises `MemoryDamaged`."""
        self._path = path
        self.lock = Lock()
        if not path.exists():
            if keys := sorted(each.name for each in path.parent.glob("*.key")):
                raise MemoryDamaged(
                    f"{path} is gone, and {keys[0]} may have signed: put back the newest copy,"
                    f" or begin under another name with new keys"
                )
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write({})
        self._kept = self._read()

    @property
    def seen(self) -> Mapping[str, Seen]:
        return {origin: each.seen for origin, each in self._kept.items()}

    def note(self, origin: str) -> bytes | None:
        """The note stored last."""
        kept = self._kept.get(origin)
        return kept.note if kept else None

    def store(self, origin: str, seen: Seen, note: bytes) -> None:
        """Remember for good: on return it survives the loss of power."""
        kept = {**self._kept, origin: Remembered(seen, note)}
        self._write(kept)
        self._kept = kept

    def _write(self, kept: Mapping[str, Remembered]) -> None:
        told = {
            name: {
                "size": each.seen.size,
                "root": each.seen.root.hex(),
                "note": base64.b64encode(each.note).decode(),
            }
            for name, each in kept.items()
        }
        new = self._path.with_suffix(".new")
        with new.open("wb") as file:
            file.write(json.dumps(told, indent=1).encode())
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _read(self) -> dict[str, Remembered]:
        try:
            told = json.loads(self._path.read_bytes())
            kept = {
                origin: Remembered(
                    Seen(int(each["size"]), bytes.fromhex(each["root"])),
                    base64.b64decode(each["note"]),
                )
                for origin, each in told.items()
            }
        except (ValueError, KeyError, TypeError, AttributeError) as reason:
            raise MemoryDamaged(f"{self._path} cannot be read: {reason!r}") from None
        if any(each.seen.size and len(each.seen.root) != HASH_SIZE for each in kept.values()):
            raise MemoryDamaged(f"{self._path} holds a root that is none")
        return kept
