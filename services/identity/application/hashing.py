"""argon2id (RFC 9106) in a pool of its own, so that sign-ins never starve anything else."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from services.identity.application.argon2id import Argon2id
from shared.errors import Unavailable

T = TypeVar("T")

RETRY_SECONDS = 2


class HashingPoolFull(Unavailable):
    """As many people wait as the pool has seats; the others come again in a moment."""


class PasswordHashing:
    """`workers` threads that hash, and seats for `queue` more people who wait for one.

    The interpreter lock is free while they compute.
    """

    def __init__(self, *, workers: int, queue: int, memory_kib: int, iterations: int) -> None:
        self._argon2id = Argon2id(memory_kib=memory_kib, iterations=iterations)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="argon2")
        self._seats = workers + queue
        self._nobody = self._argon2id.hash(secrets.token_urlsafe())

    def expect_seat(self) -> None:
        """Ask before any other work: whoever finds the pool full costs nothing. Raises
        `HashingPoolFull`."""
        if not self._seats:
            raise HashingPoolFull(
                "Many people are signing in.", zh="当前登录人数较多。", retry_after=RETRY_SECONDS
            )

    @contextmanager
    def seat(self) -> Iterator["Seat"]:
        """A place in the pool for as long as the block lasts; without one nothing is hashed.

        Raises `HashingPoolFull`.
        """
        self.expect_seat()
        self._seats -= 1
        try:
            yield Seat(self._argon2id, self._nobody, self._threads)
        finally:
            self._seats += 1


class Seat:
    """Hashes passwords that the caller has normalised (`domain.passwords.normalised`)."""

    def __init__(self, argon2id: Argon2id, nobody: str, threads: ThreadPoolExecutor) -> None:
        self._argon2id = argon2id
        self._nobody = nobody
        self._threads = threads

    async def hash(self, password: str) -> str:
        """The PHC string of a password."""
        return await self._run(lambda: self._argon2id.hash(password))

    async def verify(self, known: str | None, password: str) -> bool:
        """Whether `known` is the hash of `password`. Without one, the same work is done against a
        hash that nothing matches, and the answer is no."""
        return await self._run(lambda: self._argon2id.verify(known or self._nobody, password))

    def outdated(self, known: str) -> bool:
        """Whether `known` was made with other parameters than today's."""
        return self._argon2id.outdated(known)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.wrap_future(self._threads.submit(work))
