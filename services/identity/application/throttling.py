"""Counting wrong guesses, in the database, so that a restart forgives nothing."""

import hmac
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import IPv6Address, ip_address
from math import ceil
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.application import turns
from services.identity.application.turns import Turns
from services.identity.domain.throttle import (
    Counts,
    Limit,
    Limits,
    TooManyAttempts,
    admit,
    is_crowded,
)
from shared.clock import Clock
from shared.context import acting, current
from shared.database import UnitOfWork

_IPV6_SITE_BITS = 64


class ThrottleStore(Protocol):
    async def counts(self, keys: Collection[bytes]) -> Mapping[bytes, datetime]: ...

    async def hold(self, keys: Collection[bytes]) -> Mapping[bytes, datetime]:
        """The counts, locked; those that are new stand at the dawn of time."""
        ...

    async def put(self, counts: Mapping[bytes, datetime]) -> None: ...

    async def clear(self, key: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Guess:
    """What a guess may be counted under: if it comes from a known device, under that alone."""

    stranger: bytes
    device: bytes | None
    place: bytes | None
    account: bytes
    address: bytes
    ceiling: bytes | None

    @property
    def keys(self) -> list[bytes]:
        ceiling = [self.ceiling] if self.ceiling else []
        return [*self.watched, self.account, self.address, *ceiling]

    @property
    def watched(self) -> list[bytes]:
        """Those under which attempts that are being judged count as failures."""
        return [key for key in (self.stranger, self.device, self.place) if key is not None]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A guess that is admitted. ``clean`` says that its caller has no failure to be forgiven."""

    caller: bytes
    shared: Mapping[bytes, Limit]
    clean: bool


Admit = Callable[[Mapping[bytes, datetime], bool], Awaitable[Attempt]]
"""Admits a guess by the counts that were read, and by whether its device turned out to be known;
in a crowd it waits for its turn. Raises `TooManyAttempts`."""


class Throttle:
    """Only failures are written. An attempt that is being judged counts as one of them, in the
    memory of this process: several replicas admit a burst each before the first failure is told.
    """

    def __init__(
        self,
        stores: Callable[[AsyncConnection], ThrottleStore],
        limits: Limits,
        key: bytes,
        clock: Clock,
    ) -> None:
        self._stores = stores
        self._limits = limits
        self._key = key
        self._clock = clock
        self._judged: Counter[bytes] = Counter()
        self._turns = Turns()

    def guess(
        self, account: str, address: str, device: bytes | None, browser: str | None = None
    ) -> Guess:
        """A guess at the secret called `account`, from an address and what may be a known device.

        Anybody may guess who comes by a `browser`; the others have proved something before.
        """
        site = _site(address)
        place = self._hash("stranger", account, site)
        return Guess(
            stranger=self._hash("browser", account, browser) if browser else place,
            device=self._hash("device", account, device.hex()) if device else None,
            place=place if browser else None,
            account=self._hash("account", account),
            address=self._hash("address", site),
            ceiling=self._hash("ceiling", account) if browser else None,
        )

    @contextmanager
    def judging(self, guess: Guess) -> Iterator[Admit]:
        """Enter before the counts are read, and leave when the outcome is committed: whoever is
        judged meanwhile then is either ahead or in the counts."""
        ahead = {key: self._judged[key] for key in guess.watched}
        self._judged.update(guess.watched)

        async def admitted(counts: Mapping[bytes, datetime], known: bool) -> Attempt:
            limits, now = self._limits, self._clock()
            if known and guess.device is not None:
                own = counts.get(guess.device)
                admit(limits, Counts(own), now, ahead[guess.device])
                return Attempt(guess.device, {}, clean=own is None)
            own = counts.get(guess.stranger)
            place = counts.get(guess.place) if guess.place else None
            seen = Counts(
                own,
                place,
                counts.get(guess.account),
                counts.get(guess.address),
                counts.get(guess.ceiling) if guess.ceiling else None,
            )
            crowded = is_crowded(limits, seen, now, ahead[guess.place] if guess.place else 0)
            if crowded and guess.place is None:
                limits = limits.narrowed()
            admit(limits, seen, now, ahead[guess.stranger])
            if crowded and guess.place is not None:
                drawn = await self._turns.drawn(guess.place, guess.stranger)
                if not drawn:
                    raise TooManyAttempts(ceil(turns.TURN.total_seconds()), crowded=True)
            shared = {guess.account: limits.account, guess.address: limits.address}
            if guess.place is not None:
                shared[guess.place] = limits.place
            if guess.ceiling is not None:
                shared[guess.ceiling] = limits.ceiling
            return Attempt(guess.stranger, shared, clean=own is None)

        try:
            yield admitted
        finally:
            self._judged.subtract(guess.watched)
            self._judged += Counter()  # forgets those that nobody is judged under

    @asynccontextmanager
    async def looking_up(
        self, new_uow: Callable[[], UnitOfWork], what: str, person_id: UUID
    ) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """A guess by somebody signed in at what somebody else holds: counted by the person, from
        wherever it comes. Call what is given when it was wrong. Raises `TooManyAttempts`."""
        guess = self.guess(f"{what} {person_id}", f"person {person_id}", None)
        with self.judging(guess) as admitted:
            async with new_uow() as uow:
                counts = await self._stores(uow.connection).counts(guess.keys)
            attempt = await admitted(counts, False)

            async def wrong() -> None:
                # The failure is kept though the request is refused, and its key stays free.
                with acting(replace(current(), claim=None)):
                    async with new_uow() as uow:
                        await self.failed(uow, attempt)
                        await uow.commit()

            yield wrong

    async def failed(self, uow: UnitOfWork, attempt: Attempt) -> None:
        """The guess was wrong: all that it counts under have one failure more."""
        limits = {attempt.caller: self._limits.caller, **attempt.shared}
        now = self._clock()
        store = self._stores(uow.connection)
        held = await store.hold(limits)
        await store.put({key: limits[key].charged(tat, now) for key, tat in held.items()})

    async def succeeded(self, uow: UnitOfWork, attempt: Attempt) -> None:
        """The guess was right: the caller starts afresh."""
        if not attempt.clean:
            await self._stores(uow.connection).clear(attempt.caller)

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
