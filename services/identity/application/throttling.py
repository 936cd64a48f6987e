"""Counting wrong guesses, in the database, so that a restart forgives nothing."""

import hmac
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv6Address, ip_address
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.domain.throttle import Counts, Limits, TooManyAttempts, admit
from shared.clock import Clock
from shared.database import UnitOfWork

_IPV6_SITE_BITS = 64
_TRIES = 5


class ThrottleStore(Protocol):
    async def swap(self, key: bytes, seen: datetime | None, tat: datetime) -> bool:
        """Store `tat` if the count still stands at `seen`; says whether it did."""
        ...

    async def hold(self, keys: Collection[bytes]) -> Mapping[bytes, datetime]:
        """The counts, locked; those that are new stand at the dawn of time."""
        ...

    async def put(self, counts: Mapping[bytes, datetime]) -> None: ...

    async def clear(self, key: bytes) -> None: ...


class ThrottleReader(Protocol):
    async def counts(self, keys: Collection[bytes]) -> Mapping[bytes, datetime]: ...


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one guess is counted under. A known device is counted by itself alone."""

    caller: bytes
    account: bytes | None
    address: bytes | None


class Throttle:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        stores: Callable[[AsyncConnection], ThrottleStore],
        reader: ThrottleReader,
        limits: Limits,
        key: bytes,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._stores = stores
        self._reader = reader
        self._limits = limits
        self._key = key
        self._clock = clock

    def attempt(self, account: str, address: str, known_device: bytes | None) -> Attempt:
        """A guess at the secret called `account`, from an address or a known device."""
        if known_device is not None:
            return Attempt(self._hash("device", account, known_device.hex()), None, None)
        site = _site(address)
        return Attempt(
            self._hash("caller", account, site),
            self._hash("account", account),
            self._hash("address", site),
        )

    async def charge(self, attempt: Attempt) -> None:
        """Count an attempt before it is judged. Raises `TooManyAttempts`."""
        for _ in range(_TRIES):
            now = self._clock()
            counts = await self._counts(attempt)
            charged = admit(self._limits, counts, now)
            async with self._new_uow() as uow:
                swapped = await self._stores(uow.connection).swap(
                    attempt.caller, counts.caller, charged
                )
                await uow.commit()
            if swapped:
                return
        raise TooManyAttempts(retry_after=1)

    async def failed(self, uow: UnitOfWork, attempt: Attempt) -> None:
        """The guess was wrong: it counts against account and address too."""
        now = self._clock()
        limits = {attempt.account: self._limits.account, attempt.address: self._limits.address}
        store = self._stores(uow.connection)
        held = await store.hold([key for key in limits if key is not None])
        await store.put({key: limits[key].charged(tat, now) for key, tat in held.items()})

    async def succeeded(self, uow: UnitOfWork, attempt: Attempt) -> None:
        """The guess was right: the caller starts afresh."""
        await self._stores(uow.connection).clear(attempt.caller)

    async def _counts(self, attempt: Attempt) -> Counts:
        keys = (attempt.caller, attempt.account, attempt.address)
        known = await self._reader.counts([key for key in keys if key is not None])
        return Counts(*(known.get(key) if key else None for key in keys))

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
