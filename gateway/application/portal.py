"""Who is signed in to the portal: tokens stay here, the browser has a secret that names them."""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.portal import SignInNeeded, Tokens
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import Unauthenticated
from shared.principal import Principal

LIFE = timedelta(hours=12)
REFRESHED_BEFORE = timedelta(seconds=60)
REMOTE_AT_ONCE = 2
"""Within a transaction: each holds a connection, of which quotas need some as well."""
SWEEP_SECONDS = 600.0


class Provider(Protocol):
    """Identity as the portal's OpenID provider. Raises `Unavailable` when it is out of reach."""

    async def redeem(self, code: str, verifier: str) -> Tokens:
        """Raises `SignInFailed`."""
        ...

    async def refresh(self, refresh_token: str) -> Tokens | None:
        """None: what was given to the portal has ended."""
        ...

    async def name(self, access_token: str) -> str:
        """Of the person, or empty."""
        ...


@dataclass(frozen=True, slots=True)
class Session:
    tokens: Tokens
    name: str
    expires_at: datetime


class SessionStore(Protocol):
    """Sessions by the SHA-256 of what the browser has."""

    async def add(self, digest: bytes, session: Session) -> None: ...

    async def locked(self, digest: bytes) -> Session | None: ...

    async def renew(self, digest: bytes, session: Session) -> None: ...

    async def end(self, digest: bytes) -> None: ...

    async def spend(self, digest: bytes, form: str) -> bool:
        """Whether this form of the session had not been sent before."""
        ...

    async def expire(self, now: datetime) -> None:
        """Delete those that have ended by themselves."""
        ...


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is signed in. ``secret`` is what the browser has."""

    secret: str
    name: str
    principal: Principal
    access_token: str


class PortalSessions:
    """``verify`` reads an access token, and raises `Unauthenticated` for one that is void."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], SessionStore],
        provider: Provider,
        verify: Callable[[str], Principal],
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._provider = provider
        self._verify = verify
        self._clock = clock
        self._turns = asyncio.Semaphore(REMOTE_AT_ONCE)

    async def begin(self, code: str, verifier: str) -> str:
        """Let in who comes with `code`; returns the browser's secret. Raises `SignInFailed`."""
        tokens = await self._provider.redeem(code, verifier)
        name = await self._provider.name(tokens.access)
        secret = secrets.token_urlsafe(32)
        async with self._new_uow() as uow:
            session = Session(tokens, name, self._clock() + LIFE)
            await self._store(uow.connection).add(_digest(secret), session)
            return await uow.commit(secret)

    async def current(self, secret: str | None) -> Visitor:
        """Who is signed in, with an access token that is good for a while. Raises
        `SignInNeeded`."""
        if not secret:
            raise SignInNeeded
        digest = _digest(secret)
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            session = await store.locked(digest)  # of two tabs, one refreshes
            if session is None or session.expires_at <= self._clock():
                raise SignInNeeded
            tokens = await self._fresh(session.tokens)
            visitor = self._visitor(secret, session.name, tokens) if tokens else None
            if tokens is None or visitor is None:
                await store.end(digest)
                await uow.commit()
                raise SignInNeeded
            if tokens is not session.tokens:
                await store.renew(digest, Session(tokens, session.name, session.expires_at))
                await uow.commit()
            return visitor

    async def once(
        self, visitor: Visitor, form: str, effect: Callable[[], Awaitable[str]]
    ) -> str | None:
        """What `effect` gives, or None where it has come of this very form already: whoever
        reloads a page sends its form again."""
        async with self._turns, self._new_uow() as uow:
            if not await self._store(uow.connection).spend(_digest(visitor.secret), form):
                return None
            return await uow.commit(await effect())

    async def end(self, secret: str) -> str:
        """Sign out; returns the ID token, by which identity knows whom to sign out. Raises
        `SignInNeeded`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            session = await store.locked(_digest(secret))
            if session is None:
                raise SignInNeeded
            await store.end(_digest(secret))
            return await uow.commit(session.tokens.identity)

    async def run(self) -> None:
        """Sweep every ten minutes until cancelled."""
        while True:
            async with self._new_uow() as uow:
                await self._store(uow.connection).expire(self._clock())
                await uow.commit()
            await asyncio.sleep(SWEEP_SECONDS)

    async def _fresh(self, tokens: Tokens) -> Tokens | None:
        """The same, or those that follow them; None when nothing follows."""
        if tokens.ends_at - self._clock() >= REFRESHED_BEFORE:
            return tokens
        async with self._turns:
            return await self._provider.refresh(tokens.refresh)

    def _visitor(self, secret: str, name: str, tokens: Tokens) -> Visitor | None:
        try:
            principal = self._verify(tokens.access)
        except Unauthenticated:
            return None
        return Visitor(secret, name, principal, tokens.access)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
