"""Which application calls a protocol endpoint (OpenID Connect Core §9, RFC 6749 §2.3, RFC 7523).

Applications and the hashes of their secrets are kept in memory for five seconds, so that a client
that obtains many tokens costs no statement for each.
"""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.application.clients import ClientStore
from services.identity.application.revocations import CLIENT_CACHE
from services.identity.domain.authorization import OAuthError
from services.identity.domain.clients import AuthMethod, Client, ClientSecret
from services.identity.domain.tokens import fingerprint
from shared.clock import Clock
from shared.context import current
from shared.database import UnitOfWork

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_ALGORITHMS = ("ES256", "PS256", "RS256", "EdDSA")
LONGEST_ASSERTION_LIFE = 300
LONGEST_ASSERTION = 8192
LEEWAY = 10
_CACHED = 1000
_NOBODY = fingerprint("")


@dataclass(frozen=True, slots=True)
class Credentials:
    """How a caller names and proves itself; ``proof`` is a secret or an assertion."""

    method: AuthMethod
    client_id: str
    proof: str = ""


class AssertionStore(Protocol):
    async def note(self, client_id: UUID, jti: str, expires_at: datetime) -> bool:
        """Whether the client used `jti` for the first time."""


@dataclass(frozen=True, slots=True)
class _Known:
    client: Client
    secrets: Sequence[ClientSecret]
    read_at: datetime


class KnownClients:
    """The applications met lately, by client id; ``own`` are the platform's own components, which
    the deployment names and no register holds."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], ClientStore],
        clock: Clock,
        own: Sequence[tuple[Client, ClientSecret]] = (),
    ) -> None:
        self._own = {str(client.id): (client, [secret]) for client, secret in own}
        self._new_uow = new_uow
        self._store = store
        self._clock = clock
        self._known: dict[UUID, _Known] = {}

    async def live(self, client_id: str) -> tuple[Client, Sequence[ClientSecret]] | None:
        """The approved application with that id, and its secrets."""
        if client_id in self._own:
            return self._own[client_id]
        try:
            key = UUID(client_id)
        except ValueError:
            return None
        if str(key) != client_id:
            return None
        known = self._known.get(key)
        if known is None or self._clock() - known.read_at > CLIENT_CACHE:
            known = await self._read(key)
        if known is None or not known.client.live:
            return None
        return known.client, known.secrets

    async def held(self, uow: UnitOfWork, client_id: UUID) -> Client | None:
        """The approved application with that id as it is stored, which nobody changes until the
        transaction ends: for what a person decides about it."""
        if str(client_id) in self._own:
            return self._own[str(client_id)][0]
        client = await self._store(uow.connection).held(client_id)
        return client if client is not None and client.live else None

    def forget(self, client_id: UUID) -> None:
        """It was changed: read it anew."""
        self._known.pop(client_id, None)

    async def _read(self, client_id: UUID) -> _Known | None:
        now = self._clock()
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            client = await store.get(client_id)
            secrets = await store.secrets(client_id, now) if client else ()
        if client is None:
            return None
        if len(self._known) >= _CACHED:
            self._known.clear()
        known = self._known[client_id] = _Known(client, secrets, now)
        return known


class ClientAuthentication:
    """``audiences`` are the addresses that an assertion may be made out to."""

    def __init__(
        self,
        known: KnownClients,
        new_uow: Callable[[], UnitOfWork],
        assertions: Callable[[AsyncConnection], AssertionStore],
        audiences: Sequence[str],
        clock: Clock,
    ) -> None:
        self._known = known
        self._new_uow = new_uow
        self._assertions = assertions
        self._audiences = audiences
        self._clock = clock

    async def identify(self, credentials: Credentials) -> Client:
        """The application that proved itself, by the method that it is registered for.

        Raises `OAuthError` (``invalid_client``), which does not tell why.
        """
        found = await self._known.live(credentials.client_id)
        client, secrets = found or (None, ())
        proven = await self._proven(client, secrets, credentials)
        if client is None or client.auth_method is not credentials.method or not proven:
            raise OAuthError(
                "invalid_client",
                "the client is unknown, not approved, suspended, or did not prove itself",
            )
        context = current()
        context.client = context.actor = credentials.client_id
        return client

    async def _proven(
        self, client: Client | None, secrets: Sequence[ClientSecret], credentials: Credentials
    ) -> bool:
        match credentials.method:
            case AuthMethod.NONE:
                return True
            case AuthMethod.PRIVATE_KEY_JWT:
                return client is not None and await self._signed(client, credentials.proof)
            case _:
                given, now = fingerprint(credentials.proof), self._clock()
                live = [
                    each.hash for each in secrets if not each.expires_at or now < each.expires_at
                ]
                return any(hmac.compare_digest(given, kept) for kept in live or [_NOBODY]) and bool(
                    live
                )

    async def _signed(self, client: Client, assertion: str) -> bool:
        """RFC 7523 §3: issued by and about the client, for us, for five minutes, once."""
        if client.jwks is None or len(assertion) > LONGEST_ASSERTION:
            return False
        now = int(self._clock().timestamp())
        registry = jwt.JWTClaimsRegistry(
            now=now,
            leeway=LEEWAY,
            iss={"essential": True, "value": str(client.id)},
            sub={"essential": True, "value": str(client.id)},
            aud={"essential": True, "values": list(self._audiences)},
            jti={"essential": True},
            exp={"essential": True},
        )
        try:
            keys = KeySet.import_key_set(client.jwks)  # type: ignore[arg-type]
            claims = jwt.decode(assertion, keys, algorithms=ASSERTION_ALGORITHMS).claims
            registry.validate(claims)
        except (JoseError, ValueError, KeyError, TypeError, RecursionError):
            return False
        if claims["exp"] > now + LONGEST_ASSERTION_LIFE + LEEWAY or len(claims["jti"]) > 255:
            return False
        return await self._first_use(client.id, claims)

    async def _first_use(self, client_id: UUID, claims: dict[str, Any]) -> bool:
        until = datetime.fromtimestamp(claims["exp"] + LEEWAY, UTC)
        async with self._new_uow() as uow:
            first = await self._assertions(uow.connection).note(client_id, claims["jti"], until)
            return await uow.commit(first)
