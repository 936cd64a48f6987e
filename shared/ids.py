"""Identifiers: UUID version 7 (RFC 9562 §5.7), which sort by the time they were made."""

import secrets
from datetime import UTC, datetime, timedelta
from threading import Lock
from uuid import UUID

from shared.clock import Clock, utc_now

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_VERSION_AND_VARIANT = 0x7 << 76 | 0b10 << 62
_COUNTER_BITS = 42
_TAIL_BITS = 32


class Uuid7Sequence:
    """Makes ids of which each is greater than the one before. Threads may share it.

    Within a millisecond a counter orders them (RFC 9562 §6.2, method 1): 42 bits over `rand_a` and
    the head of `rand_b`, started at random with its top bit clear, so that it cannot run over in
    practice. When it does, or when the clock is set back, the sequence keeps its own time.
    """

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._lock = Lock()
        self._milliseconds = 0
        self._counter = 0

    def __call__(self) -> UUID:
        now = (self._clock() - _EPOCH) // _MILLISECOND
        with self._lock:
            if now > self._milliseconds:
                self._begin(now)
            else:
                self._counter += 1
                if self._counter >> _COUNTER_BITS:
                    self._begin(self._milliseconds + 1)
            milliseconds, counter = self._milliseconds, self._counter
        head, tail = counter >> 30, counter & 0x3FFFFFFF
        return UUID(
            int=milliseconds << 80
            | _VERSION_AND_VARIANT
            | head << 64
            | tail << _TAIL_BITS
            | int.from_bytes(secrets.token_bytes(_TAIL_BITS // 8))
        )

    def _begin(self, milliseconds: int) -> None:
        self._milliseconds = milliseconds
        self._counter = secrets.randbits(_COUNTER_BITS - 1)


uuid7 = Uuid7Sequence()
"""A new id from the sequence of this process."""


def uuid7_time(id_: UUID) -> datetime:
    """When `id_` was made, to the millisecond. Raises `ValueError` unless its version is 7."""
    if id_.version != 7:
        raise ValueError(f"{id_} is not a version 7 UUID: it holds no time")
    return _EPOCH + (id_.int >> 80) * _MILLISECOND
