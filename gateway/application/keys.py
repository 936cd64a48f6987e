"""API keys as the issuer knows them, remembered for a few seconds."""

import asyncio
import hashlib
import re
import time
from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Protocol

FRESH_SECONDS = 15.0
"""A revoked key, or a suspended application, is refused after so long at the latest."""
STALE_SECONDS = 55.0
"""While the issuer is out of reach, a key that was good is good for so long."""
UNKNOWN_SECONDS = 5.0
REMEMBERED = 50_000
ASKED_AT_ONCE = 16

_SHAPE = re.compile(r"sy_[0-9A-Z]{8}[A-Za-z0-9_-]{43}")


class IssuerAway(Exception):
    """Identity did not answer."""


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A live key: whose it is, the token that takes its place, where it may be used from."""

    client: str
    quota_class: str
    access_token: str
    lives_seconds: float
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def admits(self, address: str) -> bool:
        """Whether the key may be used from `address`."""
        if not self.networks:
            return True
        try:
            at = ip_address(address)
        except ValueError:
            return False
        at = getattr(at, "ipv4_mapped", None) or at
        return any(at in network for network in self.networks)


class Issuer(Protocol):
    async def exchange(self, key: str) -> KnownKey | None:
        """The key, if it is live. Raises `IssuerAway`."""


@dataclass(frozen=True, slots=True)
class _Remembered:
    key: KnownKey | None
    read_at: float

    def fresh(self, now: float) -> bool:
        seconds = UNKNOWN_SECONDS if self.key is None else FRESH_SECONDS
        return now - self.read_at < min(seconds, self._lives())

    def usable(self, now: float) -> bool:
        return self.key is not None and now - self.read_at < min(STALE_SECONDS, self._lives())

    def _lives(self) -> float:
        """A token is passed on while services will still take it."""
        return self.key.lives_seconds - 5 if self.key else UNKNOWN_SECONDS


class Keys:
    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._asked: dict[bytes, asyncio.Task[KnownKey | None]] = {}
        self._turns = asyncio.Semaphore(ASKED_AT_ONCE)

    async def find(self, key: str) -> KnownKey | None:
        """The live key, or None. Raises `IssuerAway` when nothing fresh enough is known."""
        if not _SHAPE.fullmatch(key):
            return None
        digest = hashlib.sha256(key.encode()).digest()
        known, now = self._remembered.get(digest), time.monotonic()
        if known is not None and known.fresh(now):
            return known.key
        try:
            return await asyncio.shield(self._ask(digest, key))
        except IssuerAway:
            if known is not None and known.usable(now):
                return known.key
            raise

    def _ask(self, digest: bytes, key: str) -> "asyncio.Task[KnownKey | None]":
        """The asking that is under way for this key, begun now if there was none."""
        asked = self._asked.get(digest)
        if asked is None:
            asked = self._asked[digest] = asyncio.create_task(self._exchanged(digest, key))
            asked.add_done_callback(lambda _: self._asked.pop(digest, None))
        return asked

    async def _exchanged(self, digest: bytes, key: str) -> KnownKey | None:
        async with self._turns:
            found = await self._issuer.exchange(key)
        self._remembered[digest] = _Remembered(found, time.monotonic())
        self._remembered.move_to_end(digest)
        if len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)
        return found
