"""The accounts that clients provisioned, in PostgreSQL."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.adapters.people import PeopleRepository
from services.identity.adapters.personal_data import PersonalData
from services.identity.application.scim import (
    USABLE,
    Belonging,
    ProvisionedUser,
    UserQuery,
)
from services.identity.domain.identifiers import IdentifierKind
from services.identity.domain.people import Person, Profile
from services.identity.domain.user_drafts import UserDraft
from shared.civil import civil_date
from shared.clock import Clock

_FITTING = """
    FROM scim_accounts s JOIN people p ON p.id = s.person_id
    WHERE s.client = :client AND p.state <> 'ERASED'
      AND EXISTS (
        SELECT FROM memberships m JOIN organisations o ON o.id = m.organisation_id
        WHERE m.person_id = p.id AND o.path <@ text2ltree(:home)
          AND (m.valid_until IS NULL OR m.valid_until > greatest(:today, m.valid_from)))
      AND (CAST(:id AS uuid) IS NULL OR p.id = :id)
      AND (CAST(:external_id AS text) IS NULL OR s.external_id = :external_id)
      AND (CAST(:active AS boolean) IS NULL OR (p.state IN ('INVITED', 'ACTIVE')) = :active)
      AND (CAST(:kind AS text) IS NULL OR EXISTS (
        SELECT FROM identifiers i WHERE i.person_id = p.id AND i.kind = :kind
          AND i.search_hash = ANY(CAST(:hashes AS bytea[]))))
"""
_COUNT = text(f"SELECT count(*) {_FITTING}")
_PAGE = text(
    f"SELECT p.id, s.external_id, s.tells_active, s.user_type {_FITTING}"
    " ORDER BY p.id OFFSET :offset LIMIT :limit"
)
_IDENTIFIERS = text(
    "SELECT id, person_id, kind, value FROM identifiers"
    " WHERE person_id = ANY(:people) AND kind IN ('username', 'email')"
)
_KEEP = text(
    "INSERT INTO scim_accounts (person_id, client, external_id, tells_active, user_type)"
    " VALUES (:person_id, :client, :external_id, :tells_active, :user_type)"
    " ON CONFLICT (person_id) DO UPDATE"
    " SET external_id = excluded.external_id, tells_active = excluded.tells_active,"
    " user_type = excluded.user_type"
)
_SUSPENSION = text(
    "SELECT actor FROM audit WHERE target = :person AND action = 'person.suspend'"
    " ORDER BY id DESC LIMIT 1"
)
_DROP = text("DELETE FROM scim_accounts WHERE person_id = :person_id")


class ProvisioningRepository:
    """`services.identity.application.scim.ProvisioningStore`."""

    def __init__(self, connection: AsyncConnection, personal: PersonalData, clock: Clock) -> None:
        self._connection = connection
        self._personal = personal
        self._clock = clock
        self._people = PeopleRepository(connection, personal)

    async def users(
        self, client: str, home: str, query: UserQuery, offset: int, limit: int
    ) -> tuple[int, Sequence[ProvisionedUser]]:
        wanted = {
            "client": client,
            "home": home,
            "today": civil_date(self._clock()),
            "id": query.id,
            "external_id": query.external_id,
            "active": query.active,
            "kind": query.key.kind if query.key else None,
            "hashes": self._personal.hashes(query.key) if query.key else None,
        }
        total: int = (await self._connection.execute(_COUNT, wanted)).scalar_one()
        page = {**wanted, "offset": offset, "limit": limit}
        found = {row.id: row for row in await self._connection.execute(_PAGE, page)}
        people = await self._people.several(found)
        keys = await self._keys(list(found))
        return total, [self._user(people[id_], keys[id_], row, home) for id_, row in found.items()]

    async def _keys(self, people: list[UUID]) -> dict[UUID, dict[IdentifierKind, str]]:
        keys: dict[UUID, dict[IdentifierKind, str]] = defaultdict(dict)
        for row in await self._connection.execute(_IDENTIFIERS, {"people": people}):
            key = self._personal.identifier(row.id, row.kind, row.value, None).key
            keys[row.person_id][key.kind] = key.value
        return keys

    def _user(
        self,
        person: Person,
        keys: dict[IdentifierKind, str],
        account: Row[Any],
        home: str,
    ) -> ProvisionedUser:
        profile = person.profile or Profile("")
        user_name = keys.get(IdentifierKind.USERNAME, "")
        named = profile.name if profile.name != user_name else None
        draft = UserDraft(
            user_name=user_name,
            external_id=account.external_id,
            name=named,
            family_name=profile.family_name,
            given_name=profile.given_name,
            display_name=profile.nickname,
            email=keys.get(IdentifierKind.EMAIL),
            user_type=account.user_type,
            active=(True if account.tells_active else None) if person.state in USABLE else False,
        )
        day = civil_date(self._clock())
        groups = [
            Belonging(each.organisation_id, each.organisation_name)
            for each in person.memberships
            if each.path.startswith(f"{home}.") and not each.ended(day)
        ]
        return ProvisionedUser(person, draft, groups)

    async def keep(self, client: str, person_id: UUID, draft: UserDraft) -> None:
        row = {
            "client": client,
            "person_id": person_id,
            "external_id": draft.external_id,
            "tells_active": draft.active is not None,
            "user_type": draft.user_type,
        }
        await self._connection.execute(_KEEP, row)

    async def drop(self, person_id: UUID) -> None:
        await self._connection.execute(_DROP, {"person_id": person_id})

    async def suspended_by(self, person_id: UUID) -> str | None:
        found = await self._connection.execute(_SUSPENSION, {"person": str(person_id)})
        return found.scalar_one_or_none()
