"""The copies of the neighbours' facts in PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.domain.directory import (
    PUPIL,
    KnownResource,
    Member,
    Organisation,
    Standing,
)

_ORGANISATION = "o.id, ltree2text(o.path) AS path, o.kind, o.name, o.state"
_BY_ID = text(f"SELECT {_ORGANISATION} FROM organisations o WHERE o.id = :id")  # noqa: S608 - constant columns
_AT = text(
    f"SELECT {_ORGANISATION} FROM organisations o WHERE o.path = text2ltree(:path)"  # noqa: S608 - likewise
)
_PATH_OF = text(
    "SELECT ltree2text(path) FROM organisations WHERE label = :label AND state = 'OPEN'"
)
_HOLDS = (
    "m.valid_from <= :day AND (m.valid_until IS NULL OR m.valid_until > :day) AND o.state = 'OPEN'"
)
_FROM_MEMBERS = (
    f"FROM members m JOIN organisations o ON o.id = m.organisation_id WHERE {_HOLDS}"
    " AND o.path <@ text2ltree(:path)"
)
_PUPILS = text(f"SELECT DISTINCT m.person {_FROM_MEMBERS} AND m.kind = '{PUPIL}' ORDER BY m.person")
_MEMBERS = text(
    f"SELECT m.person, m.membership_id, ltree2text(o.path) AS path, m.kind {_FROM_MEMBERS}"
    " AND (m.person, m.membership_id) > (CAST(:person AS text), CAST(:key AS uuid))"
    " ORDER BY m.person, m.membership_id LIMIT :limit"
)
_HAS_MEMBER = text(
    f"SELECT EXISTS (SELECT {_FROM_MEMBERS} AND m.person = ANY(CAST(:people AS text[])))"
)
_HOMES = text(
    f"SELECT {_ORGANISATION} FROM organisations o WHERE o.state = 'OPEN' AND o.id IN ("  # noqa: S608 - likewise
    "SELECT m.organisation_id FROM members m WHERE m.person = ANY(CAST(:people AS text[]))"
    " AND m.valid_from <= :day AND (m.valid_until IS NULL OR m.valid_until > :day)"
    " UNION SELECT r.organisation_id FROM roles r WHERE r.person = ANY(CAST(:people AS text[]))"
    " AND r.valid_from <= now() AND (r.valid_until IS NULL OR r.valid_until > now())"
    ") ORDER BY o.path"
)
_ABOVE = text(
    f"SELECT {_ORGANISATION} FROM organisations o WHERE o.state = 'OPEN'"  # noqa: S608 - likewise
    " AND o.path @> CAST(CAST(:paths AS text[]) AS ltree[])"
    " AND o.kind = ANY(CAST(:kinds AS text[]))"
    " AND o.path > text2ltree(CAST(:after AS text)) ORDER BY o.path LIMIT :limit"
)
_CHILDREN = text("SELECT child FROM guardianships WHERE guardian = :person ORDER BY child")
_GUARDIANS = text("SELECT guardian FROM guardianships WHERE child = :person ORDER BY guardian")
_RESOURCES = text(
    "SELECT id, code, standing, live_version, published_versions FROM resources"
    " WHERE id = ANY(CAST(:ids AS uuid[]))"
)
_PUT = text(
    "INSERT INTO organisations (id, label, path, kind, name, state)"
    " VALUES (:organisation_id, :label, text2ltree(:path), :kind, :name, 'OPEN')"
    " ON CONFLICT (id) DO UPDATE SET name = excluded.name"
)
_MOVES = [
    text(
        f"UPDATE {table} SET {column} = text2ltree(:path || substr(ltree2text({column}),"  # noqa: S608 - constant names
        f" length(:old_path) + 1)) WHERE {column} <@ text2ltree(:old_path)"
    )
    for table, column in (
        ("organisations", "path"),
        ("applications", "organisation_path"),
        ("allowed_applications", "organisation_path"),
        ("courses", "organisation_path"),
        ("assignments", "organisation_path"),
    )
]
"""Every column that says where something belongs."""

_CLOSE = text("UPDATE organisations SET state = 'CLOSED' WHERE path <@ text2ltree(:path)")
_PUT_MEMBER = text(
    "INSERT INTO members (membership_id, person, organisation_id, kind, valid_from, valid_until)"
    " VALUES (:membership_id, :person, :organisation_id, :kind, :valid_from, :valid_until)"
    " ON CONFLICT (membership_id) DO UPDATE SET valid_from = excluded.valid_from,"
    " valid_until = excluded.valid_until"
)
_PUT_ROLE = text(
    "INSERT INTO roles (grant_id, person, organisation_id, role, subject, valid_from, valid_until)"
    " VALUES (:grant_id, :person, :organisation_id, :role, :subject, :valid_from, :valid_until)"
    " ON CONFLICT (grant_id) DO UPDATE SET valid_from = excluded.valid_from,"
    " valid_until = excluded.valid_until"
)
_PUT_GUARDIANSHIP = text(
    "INSERT INTO guardianships (child, guardian) VALUES (:child_id, :guardian_id)"
    " ON CONFLICT DO NOTHING"
)
_DROP_GUARDIANSHIP = text(
    "DELETE FROM guardianships WHERE child = :child_id AND guardian = :guardian_id"
)
_PUT_CONSENT = text(
    "INSERT INTO consents (consent_id, child, guardian, purpose, purpose_version)"
    " VALUES (:consent_id, :child_id, :guardian_id, :purpose, :purpose_version)"
    " ON CONFLICT DO NOTHING"
)
_DROP_CONSENT = text("DELETE FROM consents WHERE consent_id = :consent_id")
_PUBLISH = text(
    "INSERT INTO resources AS r (id, code, standing, live_version, published_versions)"
    " VALUES (:resource_id, :code, 'LIVE', :version, ARRAY[CAST(:version AS int)])"
    " ON CONFLICT (id) DO UPDATE SET standing = 'LIVE', live_version = excluded.live_version,"
    " published_versions = array_remove(r.published_versions, excluded.live_version)"
    " || excluded.live_version"
)
_JUDGE = text("UPDATE resources SET standing = :standing WHERE id = :resource_id")
_FORGET = [
    text(f"DELETE FROM {table} WHERE {column} = :person")  # noqa: S608 - constant names
    for table, column in (
        ("members", "person"),
        ("roles", "person"),
        ("guardianships", "child"),
        ("guardianships", "guardian"),
        ("consents", "child"),
        ("consents", "guardian"),
    )
]
_FORGET_ANSWERS = text("DELETE FROM idempotency WHERE scope LIKE '%/' || CAST(:person AS text)")
"""What the person was answered, kept for repeats: it tells what the person did."""


class DirectoryRepository:
    """`services.learning.application.directory.DirectoryStore`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def organisation(self, id_: UUID) -> Organisation | None:
        return await self._organisation(_BY_ID, id=id_)

    async def organisation_at(self, path: str) -> Organisation | None:
        return await self._organisation(_AT, path=path)

    async def _organisation(self, query: Any, **asked: Any) -> Organisation | None:
        row = (await self._connection.execute(query, asked)).one_or_none()
        return None if row is None else _organisation(row)

    async def path_of(self, label: str) -> str | None:
        found: str | None = await self._connection.scalar(_PATH_OF, {"label": label})
        return found

    async def class_members(self, path: str, day: date) -> Sequence[str]:
        asked = {"path": path, "day": day}
        return (await self._connection.scalars(_PUPILS, asked)).all()

    async def members(
        self, path: str, day: date, limit: int, after: tuple[str, UUID]
    ) -> Sequence[Member]:
        person, key = after
        asked = {"path": path, "day": day, "limit": limit, "person": person, "key": key}
        return [
            Member(row.person, UUID(bytes=row.membership_id.bytes), row.path, row.kind)
            for row in await self._connection.execute(_MEMBERS, asked)
        ]

    async def homes(self, people: Sequence[str], day: date) -> Sequence[Organisation]:
        asked = {"people": list(people), "day": day}
        return [_organisation(row) for row in await self._connection.execute(_HOMES, asked)]

    async def is_member(self, person: str, path: str, day: date) -> bool:
        return await self.has_member([person], path, day)

    async def has_member(self, people: Sequence[str], path: str, day: date) -> bool:
        asked = {"people": list(people), "path": path, "day": day}
        return bool(await self._connection.scalar(_HAS_MEMBER, asked))

    async def at_and_above(
        self, paths: Sequence[str], kinds: Sequence[str], limit: int, after: str
    ) -> Sequence[Organisation]:
        asked = {"paths": list(paths), "kinds": list(kinds), "limit": limit, "after": after}
        return [_organisation(row) for row in await self._connection.execute(_ABOVE, asked)]

    async def children(self, guardian: str) -> Sequence[str]:
        return (await self._connection.scalars(_CHILDREN, {"person": guardian})).all()

    async def guardians(self, child: str) -> Sequence[str]:
        return (await self._connection.scalars(_GUARDIANS, {"person": child})).all()

    async def resource_state(self, ids: Sequence[UUID]) -> Mapping[UUID, KnownResource]:
        rows = await self._connection.execute(_RESOURCES, {"ids": list(ids)})
        found = [
            KnownResource(
                UUID(bytes=row.id.bytes),
                row.code,
                Standing(row.standing),
                row.live_version,
                row.published_versions,
            )
            for row in rows
        ]
        return {each.id: each for each in found}

    async def put_organisation(self, fact: Mapping[str, Any]) -> None:
        row = {name: fact[name] for name in ("path", "kind", "name")}
        label = fact["path"].rpartition(".")[2]
        id_ = UUID(fact["organisation_id"])
        await self._connection.execute(_PUT, {**row, "label": label, "organisation_id": id_})

    async def move(self, old_path: str, path: str) -> None:
        for statement in _MOVES:
            await self._connection.execute(statement, {"old_path": old_path, "path": path})

    async def close(self, path: str) -> None:
        await self._connection.execute(_CLOSE, {"path": path})

    async def put_member(self, fact: Mapping[str, Any]) -> None:
        row = {
            "membership_id": UUID(fact["membership_id"]),
            "person": fact["person_id"],
            "organisation_id": UUID(fact["organisation_id"]),
            "kind": fact["kind"],
            "valid_from": date.fromisoformat(fact["valid_from"]),
            "valid_until": fact["valid_until"] and date.fromisoformat(fact["valid_until"]),
        }
        await self._connection.execute(_PUT_MEMBER, row)

    async def put_role(self, fact: Mapping[str, Any]) -> None:
        row = {
            "grant_id": UUID(fact["grant_id"]),
            "person": fact["person_id"],
            "organisation_id": UUID(fact["organisation_id"]),
            "role": fact["role"],
            "subject": fact["subject"],
            "valid_from": datetime.fromisoformat(fact["valid_from"]),
            "valid_until": fact["valid_until"] and datetime.fromisoformat(fact["valid_until"]),
        }
        await self._connection.execute(_PUT_ROLE, row)

    async def put_guardianship(self, fact: Mapping[str, Any]) -> None:
        if fact["restricted"]:
            await self.drop_guardianship(fact)
        else:
            await self._connection.execute(_PUT_GUARDIANSHIP, _family(fact))

    async def drop_guardianship(self, fact: Mapping[str, Any]) -> None:
        await self._connection.execute(_DROP_GUARDIANSHIP, _family(fact))

    async def put_consent(self, fact: Mapping[str, Any]) -> None:
        names = ("child_id", "guardian_id", "purpose", "purpose_version")
        row = {name: fact[name] for name in names}
        await self._connection.execute(
            _PUT_CONSENT, {**row, "consent_id": UUID(fact["consent_id"])}
        )

    async def drop_consent(self, consent_id: UUID) -> None:
        await self._connection.execute(_DROP_CONSENT, {"consent_id": consent_id})

    async def publish(self, fact: Mapping[str, Any]) -> None:
        row = {"code": fact["code"], "version": fact["version"]}
        await self._connection.execute(_PUBLISH, {**row, "resource_id": UUID(fact["resource_id"])})

    async def judge(self, fact: Mapping[str, Any], standing: Standing) -> None:
        row = {"resource_id": UUID(fact["resource_id"]), "standing": standing}
        await self._connection.execute(_JUDGE, row)

    async def forget(self, person: str) -> None:
        for statement in (*_FORGET, _FORGET_ANSWERS):
            await self._connection.execute(statement, {"person": person})


def _family(fact: Mapping[str, Any]) -> dict[str, str]:
    return {name: fact[name] for name in ("child_id", "guardian_id")}


def _organisation(row: Row[Any]) -> Organisation:
    id_ = UUID(bytes=row.id.bytes)
    return Organisation(id_, row.path, row.kind, row.name, row.state == "OPEN")
