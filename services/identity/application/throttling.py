"""Counting wrong guesses, in the database, so that a restart forgives nothing."""

import hmac
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import IPv6Address, ip_address
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.domain.throttle import Counts, Limits, admit
from shared.clock import Clock
from shared.database import UnitOfWork

_IPV6_SITE_BITS = 64


class ThrottleStore(Protocol):
    async def hold(self, keys: Collection[bytes]) -> Mapping[bytes, datetime]:
        """The counts, locked; those that are new stand at the dawn of time."""
        ...

    async def put(self, counts: Mapping[bytes, datetime]) -> None: ...

    async def clear(self, key: bytes) -> None: ...


class ThrottleReader(Protocol):
    async def counts(self, keys: Collection[bytes]) -> Mapping[bytes, datetime]: ...


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one guess is counted under. A known device is counted by itself alone. ``clean`` says
    that the caller has no failure to be forgiven."""

    caller: bytes
    account: bytes | None
    address: bytes | None
    clean: bool = True


class Throttle:
    """Only failures are written. An attempt that is being judged counts as one of them, in the
    memory of this process: several replicas admit a burst each before the first failure is told.
    """

    def __init__(
        self,
        stores: Callable[[AsyncConnection], ThrottleStore],
        reader: ThrottleReader,
        limits: Limits,
        key: bytes,
        clock: Clock,
    ) -> None:
        self._stores = stores
        self._reader = reader
        self._limits = limits
        self._key = key
        self._clock = clock
        self._judged: Counter[bytes] = Counter()

    @asynccontextmanager
    async def attempt(
        self, account: str, address: str, known_device: bytes | None
    ) -> AsyncIterator[Attempt]:
        """A guess at the secret called `account`, from an address or a known device, until its
        outcome is committed. Raises `TooManyAttempts`."""
        attempt = self._named(account, address, known_device)
        # Taken before the counts are read: whoever is judged meanwhile is ahead or in the counts.
        ahead = self._judged[attempt.caller]
        self._judged[attempt.caller] += 1
        try:
            counts = await self._counts(attempt)
            admit(self._limits, counts, self._clock(), ahead)
            yield replace(attempt, clean=counts.caller is None)
        finally:
            self._judged[attempt.caller] -= 1
            if not self._judged[attempt.caller]:
                del self._judged[attempt.caller]

    async def failed(self, uow: UnitOfWork, attempt: Attempt) -> None:
        """The guess was wrong: caller, account and address have one failure more."""
        limits = {
            attempt.caller: self._limits.caller,
            attempt.account: self._limits.account,
            attempt.address: self._limits.address,
        }
        now = self._clock()
        store = self._stores(uow.connection)
        held = await store.hold([key for key in limits if key is not None])
        await store.put({key: limits[key].charged(tat, now) for key, tat in held.items()})

    async def succeeded(self, uow: UnitOfWork, attempt: Attempt) -> None:
        """The guess was right: the caller starts afresh."""
        if not attempt.clean:
            await self._stores(uow.connection).clear(attempt.caller)

    async def _counts(self, attempt: Attempt) -> Counts:
        keys = (attempt.caller, attempt.account, attempt.address)
        known = await self._reader.counts([key for key in keys if key is not None])
        return Counts(*(known.get(key) if key else None for key in keys))

    def _named(self, account: str, address: str, known_device: bytes | None) -> Attempt:
        if known_device is not None:
            return Attempt(self._hash("device", account, known_device.hex()), None, None)
        site = _site(address)
        return Attempt(
            self._hash("caller", account, site),
            self._hash("account", account),
            self._hash("address", site),
        )

    def _hash(self, *parts: str) -> bytes:
        return hmac.digest(self._key, "\0".join(parts).encode(), "sha256")


def folded_login(login: str) -> str:
    """What a login name is counted under: coarser than any way of looking it up, so that no other
    spelling of it is another count."""
    narrow = unicodedata.normalize("NFKC", login).casefold()
    bare = "".join(each for each in narrow if each.isalnum())
    for country in ("0086", "86"):
        if bare.isdecimal() and len(bare) == len(country) + 11 and bare.startswith(country):
            return bare.removeprefix(country)
    return bare


def _site(address: str) -> str:
    """One home or school: an IPv4 address, or the /64 of an IPv6 address (RFC 6177)."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped or IPv6Address(int(parsed) >> _IPV6_SITE_BITS << _IPV6_SITE_BITS))
    return str(parsed)
