"""Registrations in PostgreSQL; identities and words are encrypted there."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.domain.registrations import Party, Record, Text, WorkFile
from services.copyright.verify.events import Standing
from services.copyright.verify.leaf import OFFERS_LICENCE, Leaf, event_hash
from services.copyright.verify.merkle import sha256
from shared.encryption import KeyRing, Place

_COLUMNS = (
    "SELECT r.id, r.code, r.resource_id, r.resource_version, r.resource_code, r.organisation_path,"
    " r.origin, r.details, r.standing, r.length, r.created_at, r.details_salt"
    " FROM registrations r"
)
_LOCKED = text(f"{_COLUMNS} WHERE r.id = :id FOR UPDATE")
_GET = text(f"{_COLUMNS} WHERE r.id = :id")
_BY_CODE = text(f"{_COLUMNS} WHERE r.code = :code")
_OF_RESOURCE = text(
    f"{_COLUMNS} WHERE r.resource_id = :resource_id AND r.origin = 'CATALOGUE'"
    " ORDER BY r.id DESC LIMIT 1 FOR UPDATE"
)
_HOLD = text(
    "INSERT INTO held_versions (resource_id, version, published_at, told)"
    " VALUES (:resource_id, :version, :published_at, CAST(:told AS jsonb)) ON CONFLICT DO NOTHING"
)
_HELD = text("SELECT resource_id, version FROM held_versions ORDER BY resource_id, version")
_RELEASED = text(
    "DELETE FROM held_versions WHERE resource_id = :resource_id AND version = :version"
    " RETURNING told, published_at"
)
_ADD = text(
    "INSERT INTO registrations (id, code, resource_id, resource_version, resource_code,"
    " organisation_path, origin, details, standing, length, created_at, details_salt) VALUES (:id,"
    " :code, :resource_id, :resource_version, :resource_code, :organisation_path, :origin,"
    " CAST(:details AS jsonb), :standing, :length, :created_at, :details_salt)"
)
_SAVE = text(
    "UPDATE registrations SET standing = :standing, length = :length,"
    " resource_version = :resource_version, details = CAST(:details AS jsonb),"
    " details_salt = :details_salt WHERE id = :id"
)
_EVENTS = text("SELECT body FROM registration_events WHERE reg_id = :id ORDER BY seq_in_reg")
_ADD_EVENT = text(
    "INSERT INTO registration_events (reg_id, seq_in_reg, dedup, body, recorded_at)"
    " VALUES (:reg_id, :seq_in_reg, :dedup, :body, :recorded_at)"
)
_ADD_FILE = text(
    "INSERT INTO registered_files (reg_id, seq_in_reg, path, sha256, sm3, size)"
    " VALUES (:reg_id, :seq_in_reg, :path, :sha256, :sm3, :size)"
)
_FILES = text(
    "SELECT path, encode(sha256, 'hex') AS sha256, encode(sm3, 'hex') AS sm3, size"
    " FROM registered_files WHERE reg_id = :id AND seq_in_reg = :seq_in_reg"
    ' ORDER BY path COLLATE "C"'
)
_DROP_FILES = text(
    "DELETE FROM registered_files WHERE reg_id = :reg_id AND seq_in_reg = :seq_in_reg"
)
_PARTIES = text("SELECT person, commitment, sealed FROM parties WHERE reg_id = :id")
_ADD_PARTY = text(
    "INSERT INTO parties (reg_id, person, commitment, sealed)"
    " VALUES (:reg_id, :person, :commitment, :sealed)"
)
_DROP_PARTY = text("DELETE FROM parties WHERE reg_id = :reg_id AND person = :person")
_FORGET = [
    text("DELETE FROM parties WHERE person = :person"),
    text("DELETE FROM texts WHERE person = :person"),
    text("UPDATE agreements SET person = NULL WHERE person = :person"),
    text("DELETE FROM held_versions WHERE told->>'owner' = :person"),
]
_REMEMBER_FORGOTTEN = text(
    "INSERT INTO forgotten_people (person_sha256) VALUES (:digest) ON CONFLICT DO NOTHING"
)
_IS_FORGOTTEN = text("SELECT EXISTS (SELECT FROM forgotten_people WHERE person_sha256 = :digest)")
_ADD_TEXT = text(
    "INSERT INTO texts (commitment, reg_id, person, sealed, recorded_at)"
    " VALUES (:commitment, :reg_id, :person, :sealed, :recorded_at)"
)
_ADD_POLICY = text(
    "INSERT INTO licence_policies (sha256, template, document)"
    " VALUES (:sha256, :template, :document) ON CONFLICT DO NOTHING"
)
_POLICY = text("SELECT document FROM licence_policies WHERE sha256 = :sha256")
_TEXTS = text(
    "SELECT encode(commitment, 'hex') AS commitment, person, sealed FROM texts WHERE reg_id = :id"
)
_LETTERS = text("SELECT code, letter FROM work_categories")


class RegistrationRepository:
    """`services.copyright.application.registrations_ports.RegistrationStore`."""

    def __init__(self, connection: AsyncConnection, keys: KeyRing) -> None:
        self._connection = connection
        self._keys = keys

    async def get(self, registration_id: UUID) -> Record | None:
        return await self._one(_GET, id=registration_id)

    async def by_code(self, code: str) -> Record | None:
        return await self._one(_BY_CODE, code=code)

    async def locked(self, registration_id: UUID) -> Record | None:
        return await self._one(_LOCKED, id=registration_id)

    async def of_resource(self, resource_id: UUID) -> Record | None:
        return await self._one(_OF_RESOURCE, resource_id=resource_id)

    async def hold(self, told: Mapping[str, Any], at: datetime) -> None:
        row = {"resource_id": UUID(told["resource_id"]), "version": told["version"]}
        without = {name: value for name, value in told.items() if name != "texts"}
        kept = orjson.dumps(without).decode()
        await self._connection.execute(_HOLD, {**row, "published_at": at, "told": kept})

    async def held(self) -> Sequence[tuple[UUID, int]]:
        return [tuple(row) for row in await self._connection.execute(_HELD)]

    async def released(
        self, resource_id: UUID, version: int
    ) -> tuple[Mapping[str, Any], datetime] | None:
        asked = {"resource_id": resource_id, "version": version}
        row = (await self._connection.execute(_RELEASED, asked)).one_or_none()
        return (row.told, row.published_at) if row else None

    async def add(self, record: Record) -> None:
        await self._connection.execute(_ADD, _row(record))

    async def save(self, record: Record) -> None:
        await self._connection.execute(_SAVE, _row(record))

    async def events(self, registration_id: UUID) -> Sequence[bytes]:
        rows = await self._connection.execute(_EVENTS, {"id": registration_id})
        return rows.scalars().all()

    async def add_event(
        self, registration_id: UUID, place: int, dedup: bytes, body: bytes, at: datetime
    ) -> None:
        row = {"reg_id": registration_id, "seq_in_reg": place, "dedup": dedup, "body": body}
        await self._connection.execute(_ADD_EVENT, {**row, "recorded_at": at})

    async def add_files(self, registration_id: UUID, place: int, files: Sequence[WorkFile]) -> None:
        rows = [
            {
                "reg_id": registration_id,
                "seq_in_reg": place,
                "path": each.path,
                "sha256": bytes.fromhex(each.sha256),
                "sm3": bytes.fromhex(each.sm3),
                "size": each.size,
            }
            for each in files
        ]
        await self._connection.execute(_ADD_FILE, rows)

    async def bring_back_files(
        self, registration_id: UUID, place: int, files: Sequence[WorkFile]
    ) -> None:
        row = {"reg_id": registration_id, "seq_in_reg": place}
        await self._connection.execute(_DROP_FILES, row)
        await self.add_files(registration_id, place, files)

    async def files(self, registration_id: UUID, place: int) -> Sequence[WorkFile]:
        asked = {"id": registration_id, "seq_in_reg": place}
        return [WorkFile(*row) for row in await self._connection.execute(_FILES, asked)]

    async def parties(self, registration_id: UUID) -> Sequence[Party]:
        rows = await self._connection.execute(_PARTIES, {"id": registration_id})
        return [self._party(registration_id, row) for row in rows]

    async def add_party(self, registration_id: UUID, party: Party) -> None:
        told = {"identity": dict(party.identity), "salt": party.salt.hex()}
        place = Place("parties", "sealed", f"{registration_id}/{party.person}")
        row = {
            "reg_id": registration_id,
            "person": party.person,
            "commitment": bytes.fromhex(party.commitment),
            "sealed": self._keys.encrypt("parties", json.dumps(told), place),
        }
        await self._connection.execute(_ADD_PARTY, row)

    async def bring_back_party(self, registration_id: UUID, party: Party) -> None:
        row = {"reg_id": registration_id, "person": party.person}
        await self._connection.execute(_DROP_PARTY, row)
        await self.add_party(registration_id, party)

    async def forget(self, person: str) -> None:
        for statement in _FORGET:
            await self._connection.execute(statement, {"person": person})
        await self._connection.execute(_REMEMBER_FORGOTTEN, {"digest": sha256(person.encode())})

    async def is_forgotten(self, person: str) -> bool:
        return bool(
            await self._connection.scalar(_IS_FORGOTTEN, {"digest": sha256(person.encode())})
        )

    async def add_text(
        self,
        registration_id: UUID,
        person: str | None,
        commitment: str,
        salt: bytes,
        words: str,
        at: datetime,
    ) -> None:
        place = Place("texts", "sealed", commitment)
        sealed = self._keys.encrypt("texts", json.dumps({"text": words, "salt": salt.hex()}), place)
        row = {"commitment": bytes.fromhex(commitment), "reg_id": registration_id}
        await self._connection.execute(
            _ADD_TEXT, {**row, "person": person, "sealed": sealed, "recorded_at": at}
        )

    async def add_policy(self, sha256: str, template: str, document: bytes) -> None:
        row = {"sha256": bytes.fromhex(sha256), "template": template, "document": document}
        await self._connection.execute(_ADD_POLICY, row)

    async def policy(self, sha256: str) -> bytes | None:
        asked = {"sha256": bytes.fromhex(sha256)}
        found: bytes | None = await self._connection.scalar(_POLICY, asked)
        return found

    async def policy_of(self, registration_id: UUID, offer: str) -> bytes | None:
        for body in await self.events(registration_id):
            leaf = Leaf.parse(body)
            if event_hash(body) == offer and leaf.type in OFFERS_LICENCE:
                named = leaf.rights_policy_sha256
                return await self.policy(named) if named else None
        return None

    async def texts(self, registration_id: UUID) -> Mapping[str, Text]:
        found = {}
        for row in await self._connection.execute(_TEXTS, {"id": registration_id}):
            place = Place("texts", "sealed", row.commitment)
            told = json.loads(self._keys.decrypt("texts", row.sealed, place))
            salt = bytes.fromhex(told["salt"])
            found[row.commitment] = Text(row.person, told["text"], salt)
        return found

    async def letters(self) -> Mapping[str, str | None]:
        rows = await self._connection.execute(_LETTERS)
        return {row.code: row.letter for row in rows}

    async def _one(self, statement: Any, **asked: Any) -> Record | None:
        row = (await self._connection.execute(statement, asked)).mappings().one_or_none()
        return Record(**{**row, "standing": Standing(row["standing"])}) if row else None

    def _party(self, registration_id: UUID, row: Row[Any]) -> Party:
        place = Place("parties", "sealed", f"{registration_id}/{row.person}")
        told = json.loads(self._keys.decrypt("parties", row.sealed, place))
        salt = bytes.fromhex(told["salt"])
        return Party(row.person, row.commitment.hex(), told["identity"], salt)


def _row(record: Record) -> dict[str, Any]:
    row = {name: getattr(record, name) for name in record.__dataclass_fields__}
    return {**row, "details": orjson.dumps(record.details).decode()}
