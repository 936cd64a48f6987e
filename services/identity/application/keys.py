"""The signing keys in hand: signing with the active ones, turning them over, publishing them."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.domain.keys import (
    PUBLISHED,
    KeyState,
    Ring,
    SigningKey,
    due,
)
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.encryption import KeyRing, Place
from shared.errors import Unavailable

PURPOSE = "signing-keys"
RELOAD_SECONDS = 30.0
RSA_BITS = 2048

_NOT_LOADED = "The signing keys are not loaded yet."
_NOT_LOADED_ZH = "签名密钥尚未就绪，请稍后重试。"

PrivateKey = ECKey | RSAKey


class KeyStore(Protocol):
    """The keys as they are kept, private halves encrypted."""

    async def lock(self) -> None:
        """Hold the rings for this transaction: one replica turns them at a time."""

    async def all(self) -> Sequence[tuple[SigningKey, bytes | None]]:
        """Every key with its encrypted private half, which a key that is gone has not."""

    async def add(self, key: SigningKey, private: bytes) -> None: ...

    async def move(self, key: SigningKey) -> None:
        """Store the state of `key`; the private half of one that is gone is erased."""


class SigningKeys:
    """``announce`` is told the published key set whenever it was read.

    Raises `Unavailable` from whatever needs a key before the first `load`.
    """

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], KeyStore],
        ring: KeyRing,
        clock: Clock,
        announce: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._ring = ring
        self._clock = clock
        self._announce = announce
        self._active: dict[Ring, PrivateKey] = {}
        self._hints: KeySet | None = None
        self._published: Mapping[str, Any] | None = None

    async def run(self) -> None:
        """Turn and read the keys, now and every half minute."""
        while True:
            await self.tend()
            await asyncio.sleep(RELOAD_SECONDS)

    async def tend(self, *, rotate: bool = False) -> None:
        """Do what is due and read the keys. Raises `NextKeyTooNew` when asked to `rotate` a ring
        whose next key is not known widely enough."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            await store.lock()
            rings = [key for key, _ in await store.all()]
            for ring in Ring:
                await self._turn(
                    uow, store, [key for key in rings if key.ring is ring], ring, rotate
                )
            kept = await store.all()
            await uow.commit()
        self._use(kept)

    async def _turn(
        self, uow: UnitOfWork, store: KeyStore, keys: Sequence[SigningKey], ring: Ring, rotate: bool
    ) -> None:
        now = self._clock()
        turn = due(keys, now, rotate=rotate)
        for key in turn.moved:
            await store.move(key)
            uow.audit.record("signing_key.entered", key.kid, ring=ring, state=key.state)
        for state in turn.wanted:
            private = await asyncio.to_thread(_generate, ring)
            kid = private.thumbprint()
            key = SigningKey(kid, ring, state, _public(private, ring), now, now)
            secret = json.dumps(private.as_dict(private=True))
            await store.add(key, self._ring.encrypt(PURPOSE, secret, _place(kid)))
            uow.audit.record("signing_key.created", kid, ring=ring, state=state)

    def _use(self, kept: Sequence[tuple[SigningKey, bytes | None]]) -> None:
        for key, private in kept:
            known = self._active.get(key.ring)
            if key.state is KeyState.ACTIVE and private and (not known or known.kid != key.kid):
                self._active[key.ring] = self._private(key, private)
        self._hints = KeySet.import_key_set(
            {"keys": [dict(key.public) for key, _ in kept if key.ring is Ring.ID]}
        )
        self._published = {"keys": [dict(key.public) for key, _ in kept if key.state in PUBLISHED]}
        self._announce(self._published)

    def _private(self, key: SigningKey, token: bytes) -> PrivateKey:
        jwk = json.loads(self._ring.decrypt(PURPOSE, token, _place(key.kid)))
        kind = ECKey if key.ring is Ring.ACCESS else RSAKey
        return kind.import_key(jwk, {"kid": key.kid})

    def published(self) -> Mapping[str, Any]:
        """The key set that others verify with (RFC 7517 §5)."""
        if self._published is None:
            raise Unavailable(_NOT_LOADED, retry_after=1, zh=_NOT_LOADED_ZH)
        return self._published

    def sign_access(self, claims: dict[str, Any]) -> str:
        """An access token (RFC 9068 §2.1)."""
        return self._sign(Ring.ACCESS, "at+jwt", claims)

    def sign_id(self, claims: dict[str, Any]) -> str:
        """An ID token."""
        return self._sign(Ring.ID, "JWT", claims)

    def _sign(self, ring: Ring, kind: str, claims: dict[str, Any]) -> str:
        key = self._active.get(ring)
        if key is None:
            raise Unavailable(_NOT_LOADED, retry_after=1, zh=_NOT_LOADED_ZH)
        header = {"typ": kind, "alg": ring.algorithm, "kid": key.kid}
        return jwt.encode(header, claims, key, algorithms=[ring.algorithm])

    def read_hint(self, id_token: str, issuer: str) -> dict[str, Any] | None:
        """The claims of an ID token of ours, however old, or None (Core §3.1.2.1)."""
        if self._hints is None:
            raise Unavailable(_NOT_LOADED, retry_after=1, zh=_NOT_LOADED_ZH)
        try:
            decoded = jwt.decode(id_token, self._hints, algorithms=[Ring.ID.algorithm])
        except (JoseError, ValueError, KeyError, TypeError, RecursionError):
            return None
        claims = decoded.claims
        whole = all(isinstance(claims.get(name), str) for name in ("sub", "aud"))
        return claims if whole and claims.get("iss") == issuer else None


def _generate(ring: Ring) -> PrivateKey:
    if ring is Ring.ACCESS:
        return ECKey.generate_key("P-256")
    return RSAKey.generate_key(RSA_BITS)


def _public(private: PrivateKey, ring: Ring) -> dict[str, Any]:
    named = {"kid": private.thumbprint(), "use": "sig", "alg": ring.algorithm}
    return {**private.as_dict(private=False), **named}


def _place(kid: str) -> Place:
    return Place("signing_keys", "private_key", kid)
