"""Reads of people by the provider and authentication, on the way of every sign-in and token."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.identity.adapters.personal_data import PersonalData
from services.identity.application.directory import AccountRecord, ClaimsRecord, Family
from services.identity.domain.guardians import Consent, Guardianship, GuardianshipState, Purpose
from services.identity.domain.people import State
from shared.reader import Reader

_ACCOUNT = (
    "SELECT p.id, p.code, p.state, p.profile, EXISTS (SELECT FROM memberships m"
    " WHERE m.person_id = p.id AND m.kind = 'student'"
    " AND (m.valid_until IS NULL OR m.valid_until > greatest($2, m.valid_from))) AS enrolled"
    " FROM people p WHERE p.id = $1"
)
_CLAIMS = (
    "SELECT p.state, p.profile, p.updated_at, i.id, i.kind, i.value, i.verified_at"
    " FROM people p LEFT JOIN identifiers i"
    " ON i.person_id = p.id AND i.kind IN ('username', 'phone', 'email') WHERE p.id = $1"
)
_GRANTS = (
    "SELECT p.state, g.role || '@' || ltree2text(g.path) || COALESCE('#' || g.subject, '') AS told"
    " FROM people p LEFT JOIN (SELECT DISTINCT g.person_id, g.role, o.path, g.subject"
    " FROM role_grants g JOIN organisations o ON o.id = g.organisation_id"
    " WHERE g.person_id = $1 AND o.state = 'OPEN'"
    " AND g.valid_from <= $2 AND (g.valid_until IS NULL OR g.valid_until > $2)"
    ") g ON g.person_id = p.id WHERE p.id = $1 ORDER BY told"
)
_HOLDS_UNTIL = """
SELECT least(
  (SELECT min(valid_until) FROM role_grants WHERE person_id = $1 AND valid_until > $2),
  (SELECT min(effective_at) FROM consent_purposes WHERE effective_at > $2 AND purpose IN
    (SELECT purpose FROM consents WHERE child_id = $1 AND withdrawn_at IS NULL))
) AS until
"""
_CONSENTS = "SELECT * FROM consents WHERE child_id = $1 AND withdrawn_at IS NULL"
_GUARDIANSHIPS = "SELECT * FROM guardianships WHERE child_id = $1"
_PURPOSES = "SELECT * FROM consent_purposes"


class DirectoryReads:
    """`services.identity.application.directory.DirectoryStore`."""

    def __init__(self, reader: Reader, personal: PersonalData) -> None:
        self._reader = reader
        self._personal = personal

    async def account(self, person_id: UUID, day: date) -> AccountRecord | None:
        row = await self._reader.fetchrow(_ACCOUNT, person_id, day)
        if row is None:
            return None
        person_id = UUID(
            bytes=row["id"].bytes
        )  # the driver's own subclass does not go into a token
        profile = self._personal.profile(person_id, row["profile"])
        return AccountRecord(person_id, row["code"], State(row["state"]), profile, row["enrolled"])

    async def claims(self, person_id: UUID) -> ClaimsRecord | None:
        rows = await self._reader.fetch(_CLAIMS, person_id)
        if not rows:
            return None
        person = rows[0]
        identifiers = [
            self._personal.identifier(row["id"], row["kind"], row["value"], row["verified_at"])
            for row in rows
            if row["id"] is not None
        ]
        return ClaimsRecord(
            state=State(person["state"]),
            profile=self._personal.profile(person_id, person["profile"]),
            updated_at=person["updated_at"],
            identifiers={each.key.kind: each for each in identifiers},
        )

    async def grants(self, person_id: UUID, at: datetime) -> tuple[State, list[str]] | None:
        rows = await self._reader.fetch(_GRANTS, person_id, at)
        if not rows:
            return None
        return State(rows[0]["state"]), [row["told"] for row in rows if row["told"] is not None]

    async def holds_until(self, person_id: UUID, at: datetime) -> datetime | None:
        row: Any = await self._reader.fetchrow(_HOLDS_UNTIL, person_id, at)
        until: datetime | None = row["until"]
        return until

    async def family(self, child_id: UUID) -> Family:
        consents = await self._reader.fetch(_CONSENTS, child_id)
        links = await self._reader.fetch(_GUARDIANSHIPS, child_id)
        purposes = await self._reader.fetch(_PURPOSES)
        return Family(
            [Consent(**row) for row in consents],
            [Guardianship(**{**row, "state": GuardianshipState(row["state"])}) for row in links],
            [Purpose(**{**row, "scopes": frozenset(row["scopes"])}) for row in purposes],
        )
