"""Log files of components, turned over by size."""

import asyncio
import os
from pathlib import Path

MAX_BYTES = 10 * 2**20
KEPT = 3


class RotatingFile:
    """Appends bytes to `path`; past `max_bytes` the file becomes `path.1`, and so on to `.KEPT`.

    A failing write (a full disk) is dropped: losing log lines must not take a component down.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._file = path.open("ab", buffering=0)
        self._size = self._file.tell()

    def write(self, data: bytes) -> None:
        try:
            if self._size + len(data) > self._max_bytes and self._size:
                self._turn_over()
            self._size += self._file.write(data)
        except OSError:
            return

    def close(self) -> None:
        self._file.close()

    def _turn_over(self) -> None:
        for number in range(KEPT, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            newer = (
                self.path.with_name(f"{self.path.name}.{number - 1}") if number > 1 else self.path
            )
            if newer.exists():
                newer.replace(older)
        self._file.close()
        self._file = self.path.open("ab", buffering=0)
        self._size = 0


class _Pump(asyncio.Protocol):
    def __init__(self, file: RotatingFile) -> None:
        self._file = file

    def data_received(self, data: bytes) -> None:
        self._file.write(data)


async def pump(file: RotatingFile) -> int:
    """The write end of a pipe that empties into `file`; the caller gives it to a child, then
    closes it."""
    read_end, write_end = os.pipe()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: _Pump(file), os.fdopen(read_end, "rb", buffering=0)
    )
    return write_end


def last_line(path: Path) -> str:
    """The last non-empty line of a log, for an error message; empty when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4096))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1] if lines else ""
