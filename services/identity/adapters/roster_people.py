"""The people that rosters are about, read and written many at a time; what is encrypted is
encrypted beside the event loop, which has others to serve."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.adapters.copying import copy_into
from services.identity.adapters.people import PeopleRepository
from services.identity.adapters.personal_data import PersonalData
from services.identity.application.exports import RosterEntry, RosterPage
from services.identity.application.importing import Known
from services.identity.application.roster_places import Spot
from services.identity.application.stores import PeopleQuery
from services.identity.domain.grants import RoleGrant
from services.identity.domain.identifiers import IdentifierKey
from services.identity.domain.organisations import INSTITUTIONS, Kind, code_of
from services.identity.domain.people import CODE_PREFIX, Person
from services.identity.domain.roster_accounts import Account
from services.identity.domain.roster_changes import Batch
from services.identity.domain.rosters import NO_PHONE, RosterGuardian
from shared.civil import civil_date
from shared.codes import new_code

_CODED = text("SELECT code, id FROM people WHERE code = ANY(:codes) AND state <> 'ERASED'")
_LOCK = text("SELECT id FROM people WHERE id = ANY(:people) ORDER BY id FOR UPDATE")
_IDENTIFIERS = text(
    "SELECT id, person_id, kind, value, verified_at FROM identifiers WHERE person_id = ANY(:people)"
)
_GRANTS = text(
    "SELECT g.id, g.person_id, g.role, g.organisation_id, ltree2text(o.path) AS path, g.subject,"
    " g.valid_from, g.valid_until, g.granted_by"
    " FROM role_grants g JOIN organisations o ON o.id = g.organisation_id"
    " WHERE g.person_id = ANY(:people)"
    " AND (g.valid_until IS NULL OR g.valid_until > greatest(:now, g.valid_from))"
)
_WARDS = text(
    "SELECT g.guardian_id, g.child_id, EXISTS (SELECT FROM memberships m"
    " JOIN organisations o ON o.id = m.organisation_id WHERE m.person_id = g.child_id"
    " AND m.valid_until IS NULL AND o.path <@ text2ltree(:reach)) AS here"
    " FROM guardianships g WHERE g.guardian_id = ANY(:people)"
)
_NAMESAKES = text(
    "SELECT p.id FROM people p WHERE p.name_hash = ANY(CAST(:hashes AS bytea[]))"
    " AND EXISTS (SELECT FROM memberships m JOIN organisations o ON o.id = m.organisation_id"
    " WHERE m.person_id = p.id AND m.valid_until IS NULL AND o.path <@ text2ltree(:reach))"
)
_DROP_IDENTIFIERS = text(
    "DELETE FROM identifiers i USING unnest(CAST(:people AS uuid[]), CAST(:kinds AS text[]))"
    " AS old (person_id, kind) WHERE i.person_id = old.person_id AND i.kind = old.kind"
)
_END_MEMBERSHIP = text(
    "UPDATE memberships SET valid_until = :valid_until, version = :version WHERE id = :id"
)
_END_GRANT = text("UPDATE role_grants SET valid_until = :valid_until WHERE id = :id")
_CHANGE_PERSON = text(
    "UPDATE people SET state = :state, version = :version, updated_at = :updated_at,"
    " profile = :profile, name_hash = :name_hash WHERE id = :id"
)
_SPOT = (
    "SELECT id, parent_id, kind, ltree2text(path) AS path, name, code, school_code, credit_code"
    " FROM organisations WHERE"
)
_HOSTS = text(
    f"{_SPOT} state = 'OPEN' AND kind = ANY(:kinds) AND path <@ text2ltree(:path)"
    " AND (path = text2ltree(:path) OR name = ANY(:names) OR code = ANY(:names)"
    " OR school_code = ANY(:names) OR credit_code = ANY(:names)) ORDER BY path"
)
_DIVISIONS = text(
    f"{_SPOT} state = 'OPEN' AND kind IN ('grade', 'class')"  # noqa: S608
    " AND path <@ ARRAY(SELECT path FROM organisations WHERE id = ANY(:schools))"
    " ORDER BY nlevel(path), path"
)

_CODED_SPOTS = text(f"{_SPOT} code = ANY(:codes)")
_GUARDIANS = text(
    "SELECT g.child_id, g.relation, p.id, p.profile, i.id AS phone_id, i.value AS phone"
    " FROM guardianships g JOIN people p ON p.id = g.guardian_id"
    " LEFT JOIN identifiers i ON i.person_id = p.id AND i.kind = 'phone'"
    " WHERE g.child_id = ANY(:people) AND g.state <> 'ENDED' ORDER BY g.id"
)

_PERSON = ("id", "code", "state", "profile", "name_hash", "version", "created_at", "updated_at")
_IDENTIFIER = (
    "id", "person_id", "kind", "value", "search_hash", "masked", "verified_at", "created_at",
)  # fmt: skip
_MEMBERSHIP = (
    "id", "person_id", "organisation_id", "kind", "valid_from", "valid_until", "version",
    "created_at",
)  # fmt: skip
_GRANT = (
    "id", "person_id", "role", "organisation_id", "subject", "valid_from", "valid_until",
    "granted_by", "created_at",
)  # fmt: skip
_GUARDIANSHIP = (
    "id", "guardian_id", "child_id", "relation", "state", "restricted", "verified_by",
    "verified_at", "version", "created_at",
)  # fmt: skip


class RosterPeopleRepository:
    """`RosterPeople` of importing, `PlaceStore` of roster places, `RosterSource` of exports."""

    def __init__(self, connection: AsyncConnection, personal: PersonalData) -> None:
        self._connection = connection
        self._personal = personal
        self._people = PeopleRepository(connection, personal)

    async def known(
        self,
        keys: Iterable[IdentifierKey],
        codes: Iterable[str],
        names: Iterable[str],
        reach: str,
        now: datetime,
    ) -> Known:
        holders = {each.key: each.person_id for each in await self._people.holders(list(keys))}
        coded = await self._connection.execute(_CODED, {"codes": list(codes)})
        by_code = {row.code: row.id for row in coded}
        people = sorted({*holders.values(), *by_code.values()})
        await self._connection.execute(_LOCK, {"people": people})
        accounts = await self._accounts((await self._people.several(people)).values(), now)
        for ward in await self._connection.execute(_WARDS, {"people": people, "reach": reach}):
            account = accounts[ward.guardian_id]
            account.wards.add(ward.child_id)
            account.guards_here |= ward.here
        hashes = [hash_ for name in names for hash_ in self._personal.name_hashes(name)]
        found = await self._connection.scalars(_NAMESAKES, {"hashes": hashes, "reach": reach})
        namesakes = await self._people.several(list(found))
        return Known(accounts, holders, by_code, namesakes.values())

    async def _accounts(self, persons: Iterable[Person], now: datetime) -> dict[UUID, Account]:
        accounts = {person.id: Account(person, {}) for person in persons}
        people = list(accounts)
        for row in await self._connection.execute(_IDENTIFIERS, {"people": people}):
            key = self._personal.identifier(row.id, row.kind, row.value, row.verified_at).key
            accounts[row.person_id].keys[key.kind] = key
        grants = await self._connection.execute(_GRANTS, {"people": people, "now": now})
        for grant in grants.mappings():
            accounts[grant["person_id"]].grants.append(RoleGrant(**grant))
        return accounts

    async def write(self, batch: Batch, accounts: Mapping[UUID, Account], now: datetime) -> None:
        await self._write_people(batch, accounts)
        await self._write_identifiers(batch, now)
        await self._each(
            _END_MEMBERSHIP,
            [
                {"id": each.id, "valid_until": each.valid_until, "version": each.version}
                for each in batch.ended
            ],
        )
        await self._each(
            _END_GRANT, [{"id": e.id, "valid_until": e.valid_until} for e in batch.revoked]
        )
        await self._copy("memberships", _MEMBERSHIP, batch.started, {"created_at": now})
        await self._copy("role_grants", _GRANT, batch.given, {"created_at": now})
        await self._copy("guardianships", _GUARDIANSHIP, batch.guardianships, {})

    async def _write_people(self, batch: Batch, accounts: Mapping[UUID, Account]) -> None:
        def records() -> list[tuple[Any, ...]]:
            return [
                (row["id"], new_code(CODE_PREFIX), *(row[column] for column in _PERSON[2:]))
                for row in (self._person(account) for account in batch.invited)
            ]

        invited = await asyncio.to_thread(records)
        await copy_into(self._connection, "people", _PERSON, invited)
        await self._each(_CHANGE_PERSON, [self._person(accounts[id_]) for id_ in batch.changed])

    def _person(self, account: Account) -> dict[str, Any]:
        person = account.person
        return {
            "id": person.id,
            "state": person.state,
            **self._personal.profile_columns(person.id, person.profile),
            "version": person.version,
            "created_at": person.created_at,
            "updated_at": person.updated_at,
        }

    async def _write_identifiers(self, batch: Batch, now: datetime) -> None:
        if batch.keys:
            replaced = {
                "people": [person_id for person_id, _ in batch.keys],
                "kinds": [key.kind for _, key in batch.keys],
            }
            await self._connection.execute(_DROP_IDENTIFIERS, replaced)
        new = [
            (account.person.id, key) for account in batch.invited for key in account.keys.values()
        ]

        def records() -> list[tuple[Any, ...]]:
            rows = (
                self._personal.identifier_columns(person_id, key, None, now)
                for person_id, key in (*new, *batch.keys)
            )
            return [tuple(row[column] for column in _IDENTIFIER) for row in rows]

        written = await asyncio.to_thread(records)
        await copy_into(self._connection, "identifiers", _IDENTIFIER, written)

    async def _each(self, statement: Any, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            await self._connection.execute(statement, rows)

    async def _copy(
        self, table: str, columns: Sequence[str], things: Sequence[Any], also: Mapping[str, Any]
    ) -> None:
        if things:
            await copy_into(
                self._connection,
                table,
                columns,
                [
                    tuple(also[name] if name in also else getattr(each, name) for name in columns)
                    for each in things
                ],
            )

    async def page(
        self, path: str, now: datetime, after: tuple[str, UUID] | None, limit: int
    ) -> RosterPage:
        day = civil_date(now)
        found = await self._people.page(PeopleQuery(path), day, limit, after)
        accounts = await self._accounts((person for _, person in found), now)
        guardians: dict[UUID, list[RosterGuardian]] = defaultdict(list)
        for row in await self._connection.execute(_GUARDIANS, {"people": list(accounts)}):
            profile = self._personal.profile(row.id, row.profile)
            phone = NO_PHONE
            if row.phone_id is not None:
                held = self._personal.identifier(row.phone_id, "phone", row.phone, None)
                phone = held.key.value
            name = profile.name if profile else ""
            guardians[row.child_id].append(RosterGuardian(name, phone, row.relation))
        paths = {each.path for _, person in found for each in person.memberships}
        paths |= {grant.path for account in accounts.values() for grant in account.grants}
        codes = {code_of(label) for path in paths for label in path.split(".")}
        spots = await self._connection.execute(_CODED_SPOTS, {"codes": list(codes)})
        return RosterPage(
            [
                RosterEntry((at, person.id), accounts[person.id], guardians[person.id])
                for at, person in found
            ],
            {spot.path: spot for spot in map(_spot, spots)},
        )

    async def hosts(self, path: str, references: Collection[str]) -> Sequence[Spot]:
        kinds = [Kind.SCHOOL, *INSTITUTIONS]
        wanted = {"path": path, "names": list(references), "kinds": kinds}
        return [_spot(row) for row in await self._connection.execute(_HOSTS, wanted)]

    async def divisions(self, schools: Collection[UUID]) -> Sequence[Spot]:
        rows = await self._connection.execute(_DIVISIONS, {"schools": list(schools)})
        return [_spot(row) for row in rows]


def _spot(row: Any) -> Spot:
    id_ = UUID(bytes=row.id.bytes)  # the driver's own subclass does not go into an event
    codes = filter(None, (row.school_code, row.credit_code, row.code))
    return Spot(id_, row.parent_id, Kind(row.kind), row.path, row.name, tuple(codes))
