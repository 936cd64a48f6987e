from datetime import datetime

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.application.portal import Session
from gateway.domain.portal import Tokens
from shared.encryption import KeyRing, Place, UndecryptableField

_PURPOSE = "portal-session"

_ADD = text(
    "INSERT INTO portal_sessions (digest, sealed, expires_at)"
    " VALUES (:digest, :sealed, :expires_at)"
)
_LOCKED = text("SELECT sealed, expires_at FROM portal_sessions WHERE digest = :digest FOR UPDATE")
_RENEW = text("UPDATE portal_sessions SET sealed = :sealed WHERE digest = :digest")
_END = text("DELETE FROM portal_sessions WHERE digest = :digest")
_SPEND = text(
    "INSERT INTO idempotency (scope, key, fingerprint, status, headers, body)"
    " VALUES (:scope, :key, '', 303, '{}', '') ON CONFLICT DO NOTHING RETURNING key"
)
_EXPIRE = text("DELETE FROM portal_sessions WHERE expires_at <= :now")


class PortalSessionRows:
    """`gateway.application.portal.SessionStore` over PostgreSQL; what is kept is encrypted."""

    def __init__(self, connection: AsyncConnection, keys: KeyRing) -> None:
        self._connection = connection
        self._keys = keys

    async def add(self, digest: bytes, session: Session) -> None:
        sealed = self._sealed(digest, session)
        row = {"digest": digest, "sealed": sealed, "expires_at": session.expires_at}
        await self._connection.execute(_ADD, row)

    async def locked(self, digest: bytes) -> Session | None:
        """One whose key has left the ring is none."""
        found = await self._connection.execute(_LOCKED, {"digest": digest})
        row = found.one_or_none()
        if row is None:
            return None
        try:
            kept = orjson.loads(self._keys.decrypt(_PURPOSE, row.sealed, _place(digest)))
        except UndecryptableField:
            return None
        tokens = Tokens(
            kept["access"],
            kept["refresh"],
            kept["identity"],
            datetime.fromisoformat(kept["ends_at"]),
        )
        return Session(tokens, kept["name"], row.expires_at)

    async def renew(self, digest: bytes, session: Session) -> None:
        row = {"digest": digest, "sealed": self._sealed(digest, session)}
        await self._connection.execute(_RENEW, row)

    async def end(self, digest: bytes) -> None:
        await self._connection.execute(_END, {"digest": digest})

    async def spend(self, digest: bytes, form: str) -> bool:
        """One that is being spent is waited for."""
        row = {"scope": f"portal {digest.hex()}", "key": form}
        return (await self._connection.execute(_SPEND, row)).one_or_none() is not None

    async def expire(self, now: datetime) -> None:
        await self._connection.execute(_EXPIRE, {"now": now})

    def _sealed(self, digest: bytes, session: Session) -> bytes:
        tokens = session.tokens
        kept = {
            "access": tokens.access,
            "refresh": tokens.refresh,
            "identity": tokens.identity,
            "ends_at": tokens.ends_at,
            "name": session.name,
        }
        return self._keys.encrypt(_PURPOSE, orjson.dumps(kept).decode(), _place(digest))


def _place(digest: bytes) -> Place:
    return Place("portal_sessions", "sealed", digest.hex())
