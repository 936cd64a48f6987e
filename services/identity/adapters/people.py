"""People, their identifiers and their memberships in PostgreSQL."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, TextClause, delete, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.adapters.personal_data import PersonalData
from services.identity.adapters.rows import plain
from services.identity.adapters.tables.people import IDENTIFIERS, MEMBERSHIPS, PEOPLE
from services.identity.application.stores import Holder, PeopleQuery
from services.identity.domain.identifiers import (
    Identifier,
    IdentifierKey,
    IdentifierKind,
    IdentifierTaken,
    login_keys,
    rivals,
)
from services.identity.domain.people import CODE_PREFIX, Membership, Person, State
from shared.codes import InvalidCode, new_code, parse_code

_PERSON = (
    PEOPLE.c.id,
    PEOPLE.c.code,
    PEOPLE.c.state,
    PEOPLE.c.profile,
    PEOPLE.c.version,
    PEOPLE.c.created_at,
    PEOPLE.c.updated_at,
)
_MEMBERSHIPS = text(
    "SELECT m.id, m.person_id, m.organisation_id, m.kind, m.valid_from, m.valid_until, m.version,"
    " ltree2text(o.path) AS path, o.name AS organisation_name"
    " FROM memberships m JOIN organisations o ON o.id = m.organisation_id"
    " WHERE m.person_id = ANY(:people) ORDER BY m.valid_from, m.id"
)
_HOLDERS = text(
    "SELECT i.kind, i.search_hash, i.person_id, i.verified_at IS NOT NULL AS verified"
    " FROM unnest(CAST(:kinds AS text[]), CAST(:hashes AS bytea[])) AS wanted (kind, search_hash)"
    " JOIN identifiers i USING (kind, search_hash)"
)

# What follows everything below `path` in the order of paths, since all labels have one length.
_BEYOND = "text2ltree(:path || '0')"

# A person counts where the first of the memberships below `path` is, so nobody comes twice. The
# state is looked up for each of them: no index would lead from it to the members.
_COUNTS = f"""
    {{counts}} AND {{state}} AND NOT EXISTS (
      SELECT FROM memberships first JOIN organisations place ON place.id = first.organisation_id
      WHERE first.person_id = m.person_id AND {{first_counts}}
        AND place.path >= text2ltree(:path) AND place.path < {_BEYOND}
        AND (place.path, first.id) < (o.path, m.id))
"""

# Walks the tree by its index on paths, and each organisation's members by theirs: however many
# there are, a page touches its own rows and few more.
_WALK = f"""
    SELECT ltree2text(o.path) AS position, found.id
    FROM organisations o CROSS JOIN LATERAL (
      SELECT m.person_id AS id FROM memberships m
      WHERE m.organisation_id = o.id AND {_COUNTS} AND m.person_id > CASE
        WHEN o.path = text2ltree(:after_path) THEN CAST(:after_person AS uuid)
        ELSE '00000000-0000-0000-0000-000000000000' END
      ORDER BY m.person_id LIMIT :limit
    ) found
    WHERE o.path >= text2ltree(:after_path) AND o.path < {_BEYOND}
    ORDER BY o.path, found.id LIMIT :limit
"""  # noqa: S608 - constant SQL

# Begins with the few people who match, and looks where they are.
_SEARCH = f"""
    SELECT ltree2text(o.path) AS position, m.person_id AS id
    FROM memberships m JOIN organisations o ON o.id = m.organisation_id
    WHERE o.path >= text2ltree(:after_path) AND o.path < {_BEYOND}
      AND (o.path, m.person_id) > (text2ltree(:after_path), CAST(:after_person AS uuid))
      AND {_COUNTS} AND m.person_id IN (
        SELECT id FROM people WHERE name_hash = ANY(:names) OR code = :code
        UNION
        SELECT person_id FROM identifiers
        JOIN unnest(CAST(:kinds AS text[]), CAST(:hashes AS bytea[])) AS wanted (kind, search_hash)
        USING (kind, search_hash))
    ORDER BY o.path, m.person_id LIMIT :limit
"""  # noqa: S608 - constant SQL
_CURRENT = "({0}.valid_until IS NULL OR {0}.valid_until > greatest(:day, {0}.valid_from))"
_OVER = "{0}.valid_until <= greatest(:day, {0}.valid_from)"


class PeopleRepository:
    """`services.identity.application.stores.PeopleStore`."""

    def __init__(self, connection: AsyncConnection, personal: PersonalData) -> None:
        self._connection = connection
        self._personal = personal

    async def get(self, person_id: UUID, *, lock: bool = False) -> Person | None:
        query = select(*_PERSON).where(PEOPLE.c.id == person_id)
        return await self._one(query.with_for_update() if lock else query)

    async def by_code(self, code: str) -> Person | None:
        return await self._one(select(*_PERSON).where(PEOPLE.c.code == code))

    async def _one(self, query: Select[Any]) -> Person | None:
        found = await self._with_memberships(query)
        return next(iter(found.values()), None)

    async def several(self, person_ids: Iterable[UUID]) -> dict[UUID, Person]:
        query = select(*_PERSON).where(PEOPLE.c.id.in_(list(person_ids)))
        return await self._with_memberships(query)

    async def _with_memberships(self, query: Select[Any]) -> dict[UUID, Person]:
        rows = [plain(row) for row in (await self._connection.execute(query)).mappings()]
        if not rows:
            return {}
        found = await self._connection.execute(_MEMBERSHIPS, {"people": [r["id"] for r in rows]})
        memberships: dict[UUID, list[Membership]] = defaultdict(list)
        for each in map(plain, found.mappings()):
            memberships[each["person_id"]].append(Membership(**each))
        return {row["id"]: self._person(row, memberships[row["id"]]) for row in rows}

    def _person(self, row: Mapping[str, Any], memberships: Sequence[Membership]) -> Person:
        return Person(
            id=row["id"],
            code=row["code"],
            state=State(row["state"]),
            profile=self._personal.profile(row["id"], row["profile"]),
            version=row["version"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            memberships=tuple(memberships),
        )

    async def named(self, names: Iterable[str]) -> Mapping[str, list[Person]]:
        wanted = {hash_: name for name in names for hash_ in self._personal.name_hashes(name)}
        query = select(*_PERSON, PEOPLE.c.name_hash).where(PEOPLE.c.name_hash.in_(list(wanted)))
        found: dict[str, list[Person]] = defaultdict(list)
        for row in map(plain, (await self._connection.execute(query)).mappings()):
            found[wanted[row["name_hash"]]].append(self._person(row, ()))
        return found

    async def page(
        self, query: PeopleQuery, day: date, limit: int, after: tuple[str, UUID] | None
    ) -> list[tuple[str, Person]]:
        after_path, after_person = after or (query.path, UUID(int=0))
        statement, parameters = self._page(query)
        rows = (
            await self._connection.execute(
                statement,
                {
                    **parameters,
                    "path": query.path,
                    "after_path": after_path,
                    "after_person": after_person,
                    "day": day,
                    "limit": limit,
                },
            )
        ).all()
        people = await self.several(row.id for row in rows)
        return [(row.position, people[row.id]) for row in rows]

    def _page(self, query: PeopleQuery) -> tuple[TextClause, dict[str, Any]]:
        counts, state, parameters = _CURRENT, "TRUE", dict[str, Any]()
        if query.state is not None:
            state = "(SELECT state FROM people WHERE id = m.person_id) = :state"
            parameters["state"] = query.state
            if query.state is State.LEFT:
                counts = _OVER
        if query.q is not None:
            parameters |= self._hashed(login_keys(query.q))
            parameters |= {"names": self._personal.name_hashes(query.q), "code": _code(query.q)}
        statement = (_WALK if query.q is None else _SEARCH).format(
            counts=counts.format("m"), first_counts=counts.format("first"), state=state
        )
        return text(statement), parameters

    def _hashed(self, keys: Iterable[IdentifierKey]) -> dict[str, list[Any]]:
        hashed = [(key.kind, hash_) for key in keys for hash_ in self._personal.hashes(key)]
        return {
            "kinds": [kind for kind, _ in hashed],
            "hashes": [hash_ for _, hash_ in hashed],
        }

    async def add(self, person: Person) -> Person:
        columns = {
            "id": person.id,
            "state": person.state,
            **self._personal.profile_columns(person.id, person.profile),
            "version": person.version,
            "created_at": person.created_at,
            "updated_at": person.updated_at,
        }
        while True:
            code = new_code(CODE_PREFIX)
            statement = upsert(PEOPLE).values(code=code, **columns)
            statement = statement.on_conflict_do_nothing(index_elements=["code"])
            if (await self._connection.execute(statement)).rowcount:
                return replace(person, code=code)

    async def save(self, person: Person) -> None:
        await self._connection.execute(
            update(PEOPLE)
            .where(PEOPLE.c.id == person.id)
            .values(
                state=person.state,
                version=person.version,
                updated_at=person.updated_at,
                erased_at=person.updated_at if person.state is State.ERASED else None,
                **self._personal.profile_columns(person.id, person.profile),
            )
        )

    async def identifiers(self, person_id: UUID) -> list[Identifier]:
        columns = IDENTIFIERS.c
        query = select(columns.id, columns.kind, columns.value, columns.verified_at)
        query = query.where(columns.person_id == person_id).order_by(columns.kind)
        return [self._personal.identifier(*row) for row in await self._connection.execute(query)]

    async def put_identifier(
        self, person_id: UUID, key: IdentifierKey, verified_at: datetime | None, now: datetime
    ) -> None:
        holders = await self.holders(rivals(key))
        if any(holder.person_id != person_id for holder in holders):
            raise _taken(key)
        await self.drop_identifiers(person_id, key.kind)
        row = self._personal.identifier_columns(person_id, key, verified_at, now)
        statement = upsert(IDENTIFIERS).values(row)
        statement = statement.on_conflict_do_nothing(index_elements=["kind", "search_hash"])
        if not (await self._connection.execute(statement)).rowcount:
            raise _taken(key)

    async def drop_identifiers(self, person_id: UUID, kind: IdentifierKind | None = None) -> int:
        statement = delete(IDENTIFIERS).where(IDENTIFIERS.c.person_id == person_id)
        if kind is not None:
            statement = statement.where(IDENTIFIERS.c.kind == kind)
        return (await self._connection.execute(statement)).rowcount

    async def holders(self, keys: Sequence[IdentifierKey]) -> list[Holder]:
        wanted = {
            (key.kind.value, hash_): key for key in keys for hash_ in self._personal.hashes(key)
        }
        rows = await self._connection.execute(_HOLDERS, self._hashed(keys))
        return [
            Holder(wanted[row.kind, row.search_hash], row.person_id, row.verified) for row in rows
        ]

    async def membership_owner(self, membership_id: UUID) -> UUID | None:
        query = select(MEMBERSHIPS.c.person_id).where(MEMBERSHIPS.c.id == membership_id)
        return (await self._connection.execute(query)).scalar_one_or_none()

    async def add_membership(self, membership: Membership, now: datetime) -> None:
        await self._connection.execute(
            insert(MEMBERSHIPS).values(
                id=membership.id,
                person_id=membership.person_id,
                organisation_id=membership.organisation_id,
                kind=membership.kind,
                valid_from=membership.valid_from,
                valid_until=membership.valid_until,
                version=membership.version,
                created_at=now,
            )
        )

    async def save_membership(self, membership: Membership) -> None:
        await self._connection.execute(
            update(MEMBERSHIPS)
            .where(MEMBERSHIPS.c.id == membership.id)
            .values(
                valid_from=membership.valid_from,
                valid_until=membership.valid_until,
                version=membership.version,
            )
        )


def _code(text: str) -> str | None:
    try:
        return parse_code(text, CODE_PREFIX)
    except InvalidCode:
        return None


def _taken(key: IdentifierKey) -> IdentifierTaken:
    return IdentifierTaken(
        f"Another account has that {key.kind}.",
        zh=f"该{key.kind.name_zh}已被其他账号使用。",
        kind=key.kind,
    )
