"""API keys: for callers that cannot obtain tokens. The gateway has them looked up here."""

import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.application.clients import OWN, READ, ClientStore, reachable
from services.identity.domain.clients import ApiKey, Client
from services.identity.domain.tokens import TokenSet, fingerprint, own_scopes
from shared.access import Rule
from shared.clock import Clock
from shared.codes import ALPHABET
from shared.database import UnitOfWork
from shared.errors import DomainError, NotFound
from shared.principal import Principal

INTROSPECT = Rule("gateway.introspect")
LONGEST_LIFE = timedelta(days=366)

_KEY = re.compile(rf"sy_([{ALPHABET}]{{8}})[A-Za-z0-9_-]{{43}}")
_USE_NOTED_EVERY = timedelta(minutes=1)


class ScopesNotOpen(DomainError):
    """A key cannot carry a scope that its application may not use by itself."""


class LifeTooLong(DomainError):
    """A key expires within a year, and not in the past."""


class IssuedKey(NamedTuple):
    """``secret`` is the whole key, shown this once; None in the answer to a repeated request."""

    key: ApiKey
    secret: str | None


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A live key and its live application; ``scopes`` are what both allow."""

    key: ApiKey
    client: Client

    @property
    def scopes(self) -> frozenset[str]:
        return self.key.scopes & own_scopes(self.client)


@dataclass(frozen=True, slots=True)
class ExchangedKey:
    """A live key with the access token that takes its place behind the gateway."""

    known: KnownKey
    tokens: TokenSet


class ApiKeyStore(Protocol):
    async def page(
        self, client_id: UUID, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[ApiKey]:
        """The newest first, those older than `before` (instant and id)."""

    async def get(self, key_id: str) -> ApiKey | None: ...

    async def add(self, key: ApiKey) -> None: ...

    async def revoke(self, client_id: UUID, key_id: str, at: datetime) -> bool:
        """Whether there was such a key; revoking it again changes nothing."""

    async def used(self, key_id: str, at: datetime) -> None: ...


class ApiKeys:
    """Raises `ClientNotFound` as `Clients` does. ``acting`` makes the token with which a client
    acts for itself, of these scopes, until then at the longest."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], ApiKeyStore],
        clients: Callable[[AsyncConnection], ClientStore],
        acting: Callable[[Client, frozenset[str], datetime], TokenSet],
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._clients = clients
        self._acting = acting
        self._clock = clock

    async def issue(
        self,
        caller: Principal,
        client_id: UUID,
        name: str,
        scopes: frozenset[str],
        expires_at: datetime,
    ) -> IssuedKey:
        """A new key. Raises `ScopesNotOpen`, `LifeTooLong`."""
        now = self._clock()
        if not now < expires_at <= now + LONGEST_LIFE:
            raise LifeTooLong(
                "Let the key expire later than now and within a year.",
                zh="密钥的到期时间应晚于现在，且在一年以内。",
            )
        async with self._new_uow() as uow:
            client = await reachable(self._clients(uow.connection), OWN, caller, client_id)
            if missing := scopes - own_scopes(client):
                raise ScopesNotOpen(
                    f"The application cannot use: {', '.join(sorted(missing))}.",
                    zh=f"该应用不能使用：{'、'.join(sorted(missing))}。",
                )
            key_id = "".join(secrets.choice(ALPHABET) for _ in range(8))
            secret = f"sy_{key_id}{secrets.token_urlsafe(32)}"
            key = ApiKey(
                id=key_id,
                client_id=client_id,
                name=name,
                hash=fingerprint(secret),
                scopes=scopes,
                created_by=caller.subject,
                created_at=now,
                expires_at=expires_at,
                last_used_at=None,
                revoked_at=None,
            )
            await self._store(uow.connection).add(key)
            uow.audit.record(
                "api_key.issued",
                key_id,
                organisation=client.path,
                of=client_id,
                scopes=sorted(scopes),
                expires_at=expires_at,
            )
            # The stored answer is kept for days: it goes without the secret.
            await uow.commit(IssuedKey(key, None))
            return IssuedKey(key, secret)

    async def page(
        self,
        caller: Principal,
        client_id: UUID,
        before: tuple[datetime, str] | None,
        limit: int,
    ) -> Sequence[ApiKey]:
        """The keys of an application, the newest first."""
        async with self._new_uow() as uow:
            await reachable(self._clients(uow.connection), READ, caller, client_id)
            return await self._store(uow.connection).page(client_id, before, limit)

    async def revoke(self, caller: Principal, client_id: UUID, key_id: str) -> None:
        """End a key; what the gateway holds of it lives a little longer. Raises `NotFound`."""
        async with self._new_uow() as uow:
            client = await reachable(self._clients(uow.connection), OWN, caller, client_id)
            if not await self._store(uow.connection).revoke(client_id, key_id, self._clock()):
                raise NotFound("The application has no such key.", zh="该应用没有此密钥。")
            uow.audit.record("api_key.revoked", key_id, organisation=client.path, of=client_id)
            await uow.commit()

    async def look_up(self, secret: str) -> KnownKey | None:
        """The key and its application, if both are live; its use is noted to the minute."""
        match = _KEY.fullmatch(secret)
        if match is None:
            return None
        now = self._clock()
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            key = await store.get(match[1])
            if key is None or not hmac.compare_digest(key.hash, fingerprint(secret)):
                return None
            client = await self._clients(uow.connection).get(key.client_id)
            if client is None or not client.live or not key.live(now):
                return None
            if key.last_used_at is None or now - key.last_used_at >= _USE_NOTED_EVERY:
                await store.used(key.id, now)
                await uow.commit()
            return KnownKey(key, client)

    async def exchange(self, secret: str) -> ExchangedKey | None:
        """A live key as an access token of its own scopes; its use is noted to the minute."""
        known = await self.look_up(secret)
        if known is None:
            return None
        tokens = self._acting(known.client, known.scopes, known.key.expires_at)
        return ExchangedKey(known, tokens)
