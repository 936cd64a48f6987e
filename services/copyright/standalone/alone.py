"""One process a directory: two would each keep what it signed last, and sign a split view."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = "lock"


class DirectoryTaken(Exception):
    """Another process works in the directory."""


@contextmanager
def alone_in(directory: Path) -> Iterator[None]:
    """Hold `directory` until the block or the process ends, however it does (flock(2)). Raises
    `DirectoryTaken`."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DirectoryTaken(
                f"another process works in {directory}: stop it, or wait until it ends"
            ) from None
        yield
    finally:
        os.close(descriptor)
