"""Whether the work of a process goes on: its loops promise to be heard of again."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Pulse:
    """Of a process. ``now`` tells seconds that never run backwards."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._due: dict[str, float] = {}

    def beat(self, name: str, *, within: float) -> None:
        """Of `name` something will be heard again in so many seconds, or it hangs."""
        self._due[name] = self._now() + within

    @contextmanager
    def watching(self, name: str) -> Iterator[None]:
        """When the block is over, nothing more is to be heard of `name`."""
        try:
            yield
        finally:
            self._due.pop(name, None)

    def overdue(self) -> list[str]:
        """The names of what hangs."""
        now = self._now()
        return [name for name, due in self._due.items() if due < now]
