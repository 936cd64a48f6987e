"""Reads of people by the provider and authentication: one statement each."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.identity.adapters.guardians import GuardianRepository
from services.identity.adapters.personal_data import PersonalData
from services.identity.application.directory import AccountRecord, ClaimsRecord
from services.identity.domain.identifiers import IdentifierKey
from services.identity.domain.people import State
from shared.database import outage_is_unavailable

_ACCOUNT = (
    "p.id, p.code, p.state, p.profile, EXISTS (SELECT FROM memberships m WHERE m.person_id = p.id"
    " AND m.kind = 'student' AND m.valid_from <= :day"
    " AND (m.valid_until IS NULL OR m.valid_until > :day)) AS pupil"
)
_BY_ID = text(f"SELECT {_ACCOUNT} FROM people p WHERE p.id = :id")  # noqa: S608 - constant columns
_BY_LOGIN = text(
    f"SELECT {_ACCOUNT}"  # noqa: S608 - constant columns
    " FROM unnest(CAST(:kinds AS text[]), CAST(:hashes AS bytea[])) AS typed (kind, search_hash)"
    " JOIN identifiers i USING (kind, search_hash) JOIN people p ON p.id = i.person_id"
    " WHERE kind <> 'email' OR i.verified_at IS NOT NULL"
    " ORDER BY array_position(CAST(:kinds AS text[]), kind) LIMIT 1"
)
_CLAIMS = text(
    "SELECT p.state, p.profile, p.updated_at, i.id, i.kind, i.value, i.verified_at"
    " FROM people p LEFT JOIN identifiers i"
    " ON i.person_id = p.id AND i.kind IN ('username', 'phone', 'email') WHERE p.id = :id"
)
_GRANTS = text(
    "SELECT p.state, g.role || '@' || ltree2text(g.path) || COALESCE('#' || g.subject, '') AS told"
    " FROM people p LEFT JOIN (SELECT DISTINCT g.person_id, g.role, o.path, g.subject"
    " FROM role_grants g JOIN organisations o ON o.id = g.organisation_id"
    " WHERE g.person_id = :id AND o.state = 'OPEN'"
    " AND g.valid_from <= :at AND (g.valid_until IS NULL OR g.valid_until > :at)"
    ") g ON g.person_id = p.id WHERE p.id = :id ORDER BY told"
)


class DirectoryRepository:
    """`services.identity.application.directory.DirectoryStore`."""

    def __init__(self, connection: AsyncConnection, personal: PersonalData) -> None:
        self.guardians = GuardianRepository(connection)
        self._connection = connection
        self._personal = personal

    async def account(self, person_id: UUID, day: date) -> AccountRecord | None:
        row = (await self._connection.execute(_BY_ID, {"id": person_id, "day": day})).one_or_none()
        return self._account(row) if row else None

    async def by_login(self, keys: Sequence[IdentifierKey], day: date) -> AccountRecord | None:
        hashed = [(key.kind, hash_) for key in keys for hash_ in self._personal.hashes(key)]
        parameters = {
            "kinds": [kind for kind, _ in hashed],
            "hashes": [hash_ for _, hash_ in hashed],
            "day": day,
        }
        row = (await self._connection.execute(_BY_LOGIN, parameters)).one_or_none()
        return self._account(row) if row else None

    def _account(self, row: Row[Any]) -> AccountRecord:
        profile = self._personal.profile(row.id, row.profile)
        return AccountRecord(row.id, row.code, State(row.state), profile, row.pupil)

    async def claims(self, person_id: UUID) -> ClaimsRecord | None:
        rows = (await self._connection.execute(_CLAIMS, {"id": person_id})).all()
        if not rows:
            return None
        identifiers = [
            self._personal.identifier(row.id, row.kind, row.value, row.verified_at)
            for row in rows
            if row.id is not None
        ]
        return ClaimsRecord(
            state=State(rows[0].state),
            profile=self._personal.profile(person_id, rows[0].profile),
            updated_at=rows[0].updated_at,
            identifiers={each.key.kind: each for each in identifiers},
        )

    async def grants(self, person_id: UUID, at: datetime) -> tuple[State, list[str]] | None:
        rows = (await self._connection.execute(_GRANTS, {"id": person_id, "at": at})).all()
        if not rows:
            return None
        return State(rows[0].state), [row.told for row in rows if row.told is not None]


def directory_opener(
    engine: AsyncEngine, personal: PersonalData
) -> Callable[[], AbstractAsyncContextManager[DirectoryRepository]]:
    """What opens a `DirectoryRepository` on a connection of its own."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[DirectoryRepository]:
        async with outage_is_unavailable(), engine.connect() as connection:
            yield DirectoryRepository(connection, personal)

    return opened
