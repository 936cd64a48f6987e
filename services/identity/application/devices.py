"""Devices without a browser: a code that a person types elsewhere (RFC 8628)."""

import re
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.application.authorization import AuthorizationStore, opened
from services.identity.application.client_authentication import KnownClients
from services.identity.application.sessions import Session
from services.identity.application.throttling import Throttle
from services.identity.application.tokens import Tokens
from services.identity.application.tokens_ports import People
from services.identity.domain.authorization import (
    DEVICE_CODE_LIFE,
    DEVICE_POLL_SECONDS,
    LONGEST_LIFE,
    UNREFRESHED_LIFE,
    Authorization,
    OAuthError,
    ToldOtherwise,
    narrowed,
)
from services.identity.domain.clients import Client, GrantType
from services.identity.domain.tokens import TokenSet, fingerprint, new_secret
from shared.clock import Clock
from shared.context import current
from shared.database import UnitOfWork
from shared.ids import uuid7

SYMBOLS = "BCDFGHJKLMNPQRSTVWXZ"
"""Without vowels, so that no words come up, and without digits (RFC 8628 §6.1)."""

_HALF = 4
_SEPARATORS = re.compile(r"[\s-]+")


class DeviceState(StrEnum):
    PENDING = "PENDING"
    APPROVED = "APPROVED"
    DENIED = "DENIED"
    USED = "USED"


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """``hash`` is that of the code which the device keeps; the person types `user_code`. Tokens
    issued before `void_before` are void, since the person's older ones were revoked."""

    hash: bytes
    user_code: str
    client_id: UUID
    scopes: frozenset[str]
    state: DeviceState
    authorization: Authorization | None
    poll_seconds: int
    polled_at: datetime | None
    created_at: datetime
    expires_at: datetime
    void_before: datetime | None = None

    def hurried(self, now: datetime) -> bool:
        """Whether the device asks sooner than it was told to."""
        pause = timedelta(seconds=self.poll_seconds)
        return self.polled_at is not None and now - self.polled_at < pause


class DeviceStart(NamedTuple):
    device_code: str
    user_code: str


class AwaitingDevice(NamedTuple):
    """A device that waits for a person's answer."""

    client: Client
    user_code: str
    scopes: frozenset[str]


class DeviceStore(Protocol):
    async def add(self, code: DeviceCode) -> None: ...

    async def by_user_code(self, user_code: str, *, lock: bool = False) -> DeviceCode | None: ...

    async def by_hash(self, hash_: bytes, *, lock: bool = False) -> DeviceCode | None: ...

    async def save(self, code: DeviceCode) -> None:
        """Write state, authorization and polling."""
        ...


class Devices:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], DeviceStore],
        clients: KnownClients,
        authorizations: Callable[[AsyncConnection], AuthorizationStore],
        tokens: Tokens,
        people: People,
        throttle: Throttle,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._clients = clients
        self._authorizations = authorizations
        self._tokens = tokens
        self._people = people
        self._throttle = throttle
        self._clock = clock

    async def start(self, client: Client, scope: str | None) -> DeviceStart:
        """Codes for a device (RFC 8628 §3.1). Raises `OAuthError`."""
        if not client.may(GrantType.DEVICE_CODE):
            raise OAuthError("unauthorized_client", "the client is not registered for devices")
        now = self._clock()
        started = DeviceStart(new_secret(), _new_user_code())
        code = DeviceCode(
            hash=fingerprint(started.device_code),
            user_code=started.user_code,
            client_id=client.id,
            scopes=narrowed(scope, client.terms.scopes),
            state=DeviceState.PENDING,
            authorization=None,
            poll_seconds=DEVICE_POLL_SECONDS,
            polled_at=None,
            created_at=now,
            expires_at=now + DEVICE_CODE_LIFE,
        )
        async with self._new_uow() as uow:
            await self._store(uow.connection).add(code)
            return await uow.commit(started)

    async def find(self, typed: str, session: Session) -> AwaitingDevice | None:
        """The device whose code was typed, in any case, with or without hyphen.

        Raises `TooManyAttempts` (RFC 8628 §5.1).
        """
        async with self._guessing(session) as wrong:
            async with self._new_uow() as uow:
                found = await self._awaiting(uow, typed, lock=False)
            if found is None:
                await wrong()
                return None
        code, client = found
        return AwaitingDevice(client, code.user_code, code.scopes)

    async def answer(
        self, typed: str, session: Session, shown: str, *, approved: bool
    ) -> Client | None:
        """Let the device in, or not; None when it no longer waits. ``shown`` is
        `Client.introduced` of the page. Raises `TooManyAttempts`, `ToldOtherwise`."""
        async with self._guessing(session) as wrong:
            client = await self._answer(typed, session, shown, approved=approved)
            if client is None:
                await wrong()
            return client

    def _guessing(
        self, session: Session
    ) -> AbstractAsyncContextManager[Callable[[], Awaitable[None]]]:
        return self._throttle.looking_up(self._new_uow, "device code", session.person_id)

    async def _answer(
        self, typed: str, session: Session, shown: str, *, approved: bool
    ) -> Client | None:
        now = self._clock()
        async with self._new_uow() as uow:
            found = await self._awaiting(uow, typed, lock=True)
            if found is None:
                return None
            code, client = found
            if approved and client.introduced(code.scopes) != shown:
                raise ToldOtherwise
            current().actor = str(session.person_id)
            authorization, told = None, dict[str, Any](scopes=sorted(code.scopes))
            if approved:
                authorization = _authorization(code, session, now)
                store = self._authorizations(uow.connection)
                await store.add(authorization)
                await store.consent(session.person_id, code.client_id, code.scopes, now)
                allowed = await self._people.allowed_scopes(
                    session.person_id, code.scopes, third_party=client.third_party
                )
                told = opened(code.scopes, allowed)
            state = DeviceState.APPROVED if approved else DeviceState.DENIED
            await self._store(uow.connection).save(
                replace(code, state=state, authorization=authorization)
            )
            uow.audit.record(
                "client.authorized" if approved else "client.denied",
                str(code.client_id),
                person=session.person_id,
                device=True,
                **told,
            )
            return await uow.commit(client)

    async def _awaiting(
        self, uow: UnitOfWork, typed: str, *, lock: bool
    ) -> tuple[DeviceCode, Client] | None:
        code = await self._store(uow.connection).by_user_code(_canonical(typed), lock=lock)
        if code is None or code.state is not DeviceState.PENDING:
            return None
        client = await self._clients.held(uow, code.client_id)
        if client is None or self._clock() >= code.expires_at:
            return None
        return code, client

    async def exchange(self, client: Client, device_code: str) -> TokenSet:
        """Tokens for a device that a person let in (RFC 8628 §3.4). Raises `OAuthError`:
        ``authorization_pending``, ``slow_down``, ``access_denied``, ``expired_token``,
        ``invalid_grant``."""
        if not client.may(GrantType.DEVICE_CODE):
            raise OAuthError("unauthorized_client", "the client is not registered for devices")
        hash_, now = fingerprint(device_code), self._clock()
        code = await self._polled(client, hash_, now)
        if code.authorization is None:
            raise OAuthError("authorization_pending", "nobody has answered yet")
        if not code.authorization.live(now):
            raise OAuthError("invalid_grant", "what the person gave has expired or was revoked")
        settled = await self._tokens.settled(code.void_before)
        tokens = await self._tokens.prepare(
            client, code.authorization, code.scopes, now=settled, nonce=None
        )
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            current_ = await store.by_hash(hash_, lock=True)
            if current_ is None or current_.state is not DeviceState.APPROVED:
                raise OAuthError("invalid_grant", "the device code was used before")
            await store.save(replace(current_, state=DeviceState.USED))
            return await uow.commit(
                await self._tokens.start_refreshing(uow, client, code.authorization, tokens)
            )

    async def _polled(self, client: Client, hash_: bytes, now: datetime) -> DeviceCode:
        """The code, with its authorization once a person let it in; the poll is noted."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            code = await store.by_hash(hash_, lock=True)
            if code is None or code.client_id != client.id or code.state is DeviceState.USED:
                raise OAuthError("invalid_grant", "the device code is unknown or was used")
            if now >= code.expires_at:
                raise OAuthError("expired_token", "the device code has expired: start over")
            if code.state is DeviceState.DENIED:
                raise OAuthError("access_denied", "the person refused")
            hurried = code.hurried(now)
            pause = code.poll_seconds + DEVICE_POLL_SECONDS if hurried else code.poll_seconds
            await store.save(replace(code, polled_at=now, poll_seconds=pause))
            await uow.commit()
        if hurried:
            raise OAuthError("slow_down", f"wait {pause} seconds between requests")
        return code


def _authorization(code: DeviceCode, session: Session, now: datetime) -> Authorization:
    return Authorization(
        id=uuid7(),
        client_id=code.client_id,
        person_id=session.person_id,
        session_id=None,
        scopes=code.scopes,
        auth_time=session.authenticated_at,
        acr=session.acr,
        amr=session.amr,
        created_at=now,
        expires_at=now + UNREFRESHED_LIFE,
        ends_at=now + LONGEST_LIFE,
    )


def _new_user_code() -> str:
    symbols = "".join(secrets.choice(SYMBOLS) for _ in range(2 * _HALF))
    return f"{symbols[:_HALF]}-{symbols[_HALF:]}"


def _canonical(typed: str) -> str:
    """A user code however it was typed; what cannot be one becomes what none is."""
    bare = _SEPARATORS.sub("", typed).upper()
    return f"{bare[:_HALF]}-{bare[_HALF:]}" if set(bare) <= set(SYMBOLS) else ""
