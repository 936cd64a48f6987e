"""Envoy's access log, which this process shares a directory with."""

import hashlib
import os
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import httpx2

from gateway.application.metering import LogFile

LARGE = 64 << 20
SETTLING_SECONDS = 10.0
"""After Envoy was told to open a new file, a worker may still write to the old one."""
_FIRST_LINE = 4096


class EnvoyAccessLog:
    """`gateway.application.metering.AccessLog` over files; Envoy takes orders at ``admin``."""

    def __init__(self, path: Path, admin: str) -> None:
        self._path = path
        self._before = path.with_name(f"{path.name}.1")
        self._admin = admin

    def files(self) -> list[LogFile]:
        return [each for each in map(_file, (self._before, self._path)) if each]

    async def tidy(self, counted: Mapping[str, int]) -> None:
        before = _file(self._before)
        if before is not None:
            found = self._before.stat()
            rested = time.time() - max(found.st_mtime, found.st_ctime) > SETTLING_SECONDS
            if rested and counted.get(before.name) == found.st_size:
                self._before.unlink()
        elif self._path.exists() and self._path.stat().st_size > LARGE:
            self._path.replace(self._before)
            origin, transport = _reached(self._admin)
            async with httpx2.AsyncClient(
                transport=transport, timeout=5, trust_env=False
            ) as client:
                await client.post(f"{origin}/reopen_logs")


def _reached(admin: str) -> tuple[str, httpx2.AsyncHTTPTransport | None]:
    """Origin and way to ``http://…`` or ``unix:PATH``."""
    if admin.startswith("unix:"):
        return "http://envoy", httpx2.AsyncHTTPTransport(uds=admin.removeprefix("unix:"))
    return admin, None


def _file(path: Path) -> LogFile | None:
    """Named by its first line, which holds an instant and a request id that no other line has."""
    try:
        first, end, _ = _read(path, 0, _FIRST_LINE).partition(b"\n")
    except FileNotFoundError:
        return None
    return LogFile(hashlib.sha256(first).hexdigest(), partial(_read, path)) if end else None


def _read(path: Path, offset: int, most: int) -> bytes:
    with path.open("rb") as file:
        return os.pread(file.fileno(), most, offset)
