"""Who is signed in on which browser.

The cookie is 256 random bits; the database knows its SHA-256. A session ends when it goes unused
for long, at the latest after its life, when it is revoked, and while its person is not active.
"""

import hashlib
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import NotFound
from shared.ids import uuid7

ONE_FACTOR = "urn:shuyuan:acr:1"
TWO_FACTORS = "urn:shuyuan:acr:2"
TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Session:
    """``amr`` are methods of RFC 8176, ``acr`` is `ONE_FACTOR` or `TWO_FACTORS`; ``device`` names
    browser and system, no more."""

    id: UUID
    person_id: UUID
    authenticated_at: datetime
    amr: tuple[str, ...]
    acr: str
    device: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


class SessionStore(Protocol):
    async def add(self, session: Session, secret_hash: bytes, browser: bytes | None) -> None:
        """Store a session, and that its person has signed in on `browser`."""
        ...

    async def renew(self, session: Session, secret_hash: bytes, browser: bytes | None) -> bool:
        """The same for the new sign-in of a session, unless it was revoked meanwhile."""
        ...

    async def touch(self, session_id: UUID, now: datetime) -> None: ...

    async def revoke(
        self, person_id: UUID, now: datetime, only: UUID | None, but: UUID | None
    ) -> Sequence[UUID]:
        """End the live sessions of a person: `only` that one, or all `but` that one."""
        ...

    async def end_authorizations(
        self, person_id: UUID, now: datetime, only: UUID | None, but: UUID | None
    ) -> Sequence[UUID]:
        """End what applications were given: `only` in that session, over or not, or anywhere `but`
        there. Refresh tokens of it are good no longer. Returns the ids of these authorizations."""
        ...

    async def delete(self, person_id: UUID) -> None: ...


class SessionOpening(Protocol):
    async def open(self, session: Session, secret_hash: bytes, browser: bytes) -> None:
        """In a transaction of its own: store a session, and that its person has signed in on
        `browser`; audit it."""
        ...


class SessionReader(Protocol):
    async def by_secret(self, secret_hash: bytes) -> Session | None:
        """The session if it is not revoked and its person is active."""
        ...

    async def of_person(self, person_id: UUID) -> Sequence[Session]:
        """Those not revoked, the last used first."""
        ...


class Revocations(Protocol):
    """Voids tokens that were issued until now, when the unit of work commits."""

    async def revoke(self, uow: UnitOfWork, kind: str, *values: str) -> None: ...


class Sessions:
    """``cookie_name`` is that of the session cookie."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        stores: Callable[[AsyncConnection], SessionStore],
        opening: SessionOpening,
        reader: SessionReader,
        revocations: Revocations,
        clock: Clock,
        *,
        idle: timedelta,
        life: timedelta,
        cookie_name: str,
    ) -> None:
        self._new_uow = new_uow
        self._stores = stores
        self._opening = opening
        self._reader = reader
        self._revocations = revocations
        self._clock = clock
        self._idle = idle
        self._life = life
        self.cookie_name = cookie_name

    async def current(self, cookie: str | None) -> Session | None:
        """The live session of a cookie; reading it is using it."""
        if not cookie:
            return None
        session = await self._reader.by_secret(digest(cookie))
        now = self._clock()
        if session is None or not self._live(session, now):
            return None
        if now - session.seen_at < TOUCH_EVERY:
            return session
        async with self._new_uow() as uow:
            await self._stores(uow.connection).touch(session.id, now)
            await uow.commit()
        return replace(session, seen_at=now)

    async def start(
        self,
        uow: UnitOfWork,
        person_id: UUID,
        amr: Collection[str],
        device: str,
        replacing: Session | None = None,
        browser: bytes | None = None,
    ) -> tuple[Session, str]:
        """Sign a person in; returns the session and its cookie, which is always new.

        A session of the same person on that browser goes on with the new sign-in, so that
        applications keep theirs; one of somebody else ends. ``browser`` is the digest of what the
        browser will be known by.
        """
        session, cookie = self._begun(person_id, amr, device)
        store = self._stores(uow.connection)
        renewed = False
        if replacing is not None and replacing.person_id == person_id:
            again = replace(session, id=replacing.id, created_at=replacing.created_at)
            renewed = await store.renew(again, digest(cookie), browser)
            session = again if renewed else session
        elif replacing is not None:
            await self._end(uow, replacing.person_id, only=replacing.id)
        if not renewed:
            await store.add(session, digest(cookie), browser)
        uow.audit.record("session.started", str(session.id), **started(session, renewed=renewed))
        return session, cookie

    async def open(
        self, person_id: UUID, amr: Collection[str], device: str, browser: bytes
    ) -> tuple[Session, str]:
        """`start` where there is nothing to replace, in a transaction of its own."""
        session, cookie = self._begun(person_id, amr, device)
        await self._opening.open(session, digest(cookie), browser)
        return session, cookie

    def _begun(self, person_id: UUID, amr: Collection[str], device: str) -> tuple[Session, str]:
        now = self._clock()
        session = Session(
            id=uuid7(),
            person_id=person_id,
            authenticated_at=now,
            amr=tuple(amr),
            acr=TWO_FACTORS if "mfa" in amr else ONE_FACTOR,
            device=device,
            created_at=now,
            seen_at=now,
            expires_at=now + self._life,
        )
        return session, secrets.token_urlsafe(32)

    async def revoke_all(self, uow: UnitOfWork, person_id: UUID, but: UUID | None = None) -> None:
        """End whatever a person is signed in to `but` in that session: every other session, and
        all that applications were given elsewhere, on devices and in sessions long over too.

        This is what follows when the person signs in by something else from now on, trusts no other
        device any more, or has an account that is no longer active.
        """
        await self._end(uow, person_id, but=but)
        await self._end_authorizations(uow, person_id, but=but)

    async def sign_out(self, session: Session) -> None:
        """End the session in hand; one that has ended already is signed out as well. What an
        application may do offline outlives it (OpenID Connect Core §11)."""
        async with self._new_uow() as uow:
            await self._end(uow, session.person_id, only=session.id)
            await uow.commit()

    async def end(self, person_id: UUID, session_id: UUID) -> None:
        """End one of a person's sessions with all that came of it: whoever does not trust a device
        any more means the applications on it too, and those with ``offline_access`` most of all.
        Raises `NotFound`."""
        async with self._new_uow() as uow:
            ended = await self._end(uow, person_id, only=session_id)
            if not ended:
                raise NotFound("You have no such session.", zh="您没有该登录。")
            await self._end_authorizations(uow, person_id, only=session_id)
            await uow.commit()

    async def end_others(self, session: Session) -> None:
        """`revoke_all` but the session in hand."""
        async with self._new_uow() as uow:
            await self.revoke_all(uow, session.person_id, but=session.id)
            await uow.commit()

    async def list(self, person_id: UUID) -> Sequence[Session]:
        """The live sessions of a person, the last used first."""
        now = self._clock()
        found = await self._reader.of_person(person_id)
        return [session for session in found if self._live(session, now)]

    async def _end_authorizations(
        self,
        uow: UnitOfWork,
        person_id: UUID,
        only: UUID | None = None,
        but: UUID | None = None,
    ) -> None:
        store = self._stores(uow.connection)
        for each in await store.end_authorizations(person_id, self._clock(), only, but):
            await self._revocations.revoke(uow, "family", str(each))
            uow.audit.record("authorization.ended", str(each), person=person_id, reason="session")

    async def erase(self, uow: UnitOfWork, person_id: UUID) -> None:
        """End and forget every session of a person who is erased."""
        await self._end(uow, person_id)
        await self._stores(uow.connection).delete(person_id)

    async def _end(
        self,
        uow: UnitOfWork,
        person_id: UUID,
        only: UUID | None = None,
        but: UUID | None = None,
    ) -> Sequence[UUID]:
        store = self._stores(uow.connection)
        ended = await store.revoke(person_id, self._clock(), only, but)
        for each in ended:
            await self._revocations.revoke(uow, "session", str(each))
            uow.audit.record("session.revoked", str(each), person=str(person_id))
        return ended

    def _live(self, session: Session, now: datetime) -> bool:
        return now < session.expires_at and now - session.seen_at < self._idle


def started(session: Session, *, renewed: bool) -> dict[str, Any]:
    """What is audited of a sign-in."""
    return {"person": str(session.person_id), "amr": session.amr, "renewed": renewed}


def digest(secret: str) -> bytes:
    """SHA-256 of a random secret that a browser or a letter carries."""
    return hashlib.sha256(secret.encode()).digest()
