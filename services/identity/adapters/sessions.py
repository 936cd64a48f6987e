from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.application.sessions import Session
from shared.reader import Reader

_COLUMNS = (
    "s.id, s.person_id, s.authenticated_at, s.amr, s.acr, s.device, s.created_at, s.seen_at,"
    " s.expires_at"
)
_BY_SECRET = (
    f"SELECT {_COLUMNS} FROM sessions s JOIN people p ON p.id = s.person_id"  # noqa: S608 - constant
    " WHERE s.secret_hash = $1 AND s.revoked_at IS NULL AND p.state = 'ACTIVE'"
)
_OF_PERSON = (
    f"SELECT {_COLUMNS} FROM sessions s"  # noqa: S608 - constant
    " WHERE s.person_id = $1 AND s.revoked_at IS NULL ORDER BY s.seen_at DESC, s.id"
)
_KNOWN = (
    "WITH known AS (INSERT INTO known_devices (secret_hash, person_id, seen_at)"
    " SELECT CAST(:browser AS bytea), :person_id, :seen_at"
    " WHERE CAST(:browser AS bytea) IS NOT NULL"
    " ON CONFLICT (secret_hash, person_id) DO UPDATE SET seen_at = excluded.seen_at)"
)
_ADD = text(
    f"{_KNOWN} INSERT INTO sessions (id, secret_hash, person_id, authenticated_at,"  # noqa: S608 - constant
    " amr, acr, device, created_at, seen_at, expires_at)"
    " VALUES (:id, :secret_hash, :person_id, :authenticated_at, :amr, :acr, :device,"
    " :created_at, :seen_at, :expires_at)"
)
_RENEW = text(
    f"{_KNOWN} UPDATE sessions SET secret_hash = :secret_hash,"  # noqa: S608 - constant
    " authenticated_at = :authenticated_at, amr = :amr, acr = :acr, device = :device,"
    " seen_at = :seen_at, expires_at = :expires_at"
    " WHERE id = :id AND person_id = :person_id AND revoked_at IS NULL RETURNING id"
)
_TOUCH = text("UPDATE sessions SET seen_at = :now WHERE id = :id AND seen_at < :now")
_REVOKE = text(
    "UPDATE sessions SET revoked_at = :now WHERE person_id = :person_id AND revoked_at IS NULL"
    " AND (CAST(:only AS uuid) IS NULL OR id = :only)"
    " AND (CAST(:but AS uuid) IS NULL OR id <> :but) RETURNING id"
)
_END_AUTHORIZATIONS = text(
    "UPDATE authorizations SET revoked_at = :now WHERE person_id = :person_id"
    " AND revoked_at IS NULL"
    " AND (CAST(:only AS uuid) IS NULL OR session_id = :only)"
    " AND (CAST(:but AS uuid) IS NULL OR session_id IS DISTINCT FROM :but) RETURNING id"
)
_DELETE = text("DELETE FROM sessions WHERE person_id = :person_id")


class SessionRows:
    """`services.identity.application.sessions.SessionStore` over PostgreSQL."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, session: Session, secret_hash: bytes, browser: bytes | None) -> None:
        await self._connection.execute(_ADD, _row(session, secret_hash, browser))

    async def renew(self, session: Session, secret_hash: bytes, browser: bytes | None) -> bool:
        renewed = await self._connection.execute(_RENEW, _row(session, secret_hash, browser))
        return renewed.one_or_none() is not None

    async def touch(self, session_id: UUID, now: datetime) -> None:
        await self._connection.execute(_TOUCH, {"id": session_id, "now": now})

    async def revoke(
        self, person_id: UUID, now: datetime, only: UUID | None, but: UUID | None
    ) -> Sequence[UUID]:
        row = {"person_id": person_id, "now": now, "only": only, "but": but}
        return (await self._connection.execute(_REVOKE, row)).scalars().all()

    async def end_authorizations(
        self, person_id: UUID, now: datetime, only: UUID | None, but: UUID | None
    ) -> Sequence[UUID]:
        row = {"person_id": person_id, "now": now, "only": only, "but": but}
        return (await self._connection.execute(_END_AUTHORIZATIONS, row)).scalars().all()

    async def delete(self, person_id: UUID) -> None:
        await self._connection.execute(_DELETE, {"person_id": person_id})


class SessionReads:
    """`services.identity.application.sessions.SessionReader` over PostgreSQL."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def by_secret(self, secret_hash: bytes) -> Session | None:
        row = await self._reader.fetchrow(_BY_SECRET, secret_hash)
        return _session(row) if row else None

    async def of_person(self, person_id: UUID) -> Sequence[Session]:
        return [_session(row) for row in await self._reader.fetch(_OF_PERSON, person_id)]


def _session(row: Any) -> Session:
    return Session(**{**row, "amr": tuple(row["amr"])})


def _row(session: Session, secret_hash: bytes, browser: bytes | None) -> dict[str, Any]:
    return {
        "browser": browser,
        "id": session.id,
        "secret_hash": secret_hash,
        "person_id": session.person_id,
        "authenticated_at": session.authenticated_at,
        "amr": list(session.amr),
        "acr": session.acr,
        "device": session.device,
        "created_at": session.created_at,
        "seen_at": session.seen_at,
        "expires_at": session.expires_at,
    }
