"""Registrations as recovery brings them back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.domain.registrations import code_of
from services.copyright.verify.events import fold
from services.copyright.verify.leaf import Leaf

_HERE = text(
    "SELECT dedup FROM registration_events WHERE reg_id = :reg_id AND seq_in_reg = :seq_in_reg"
)
# What contradicts the log, and what rests on that.
_DROP = text(
    "WITH dropped AS (DELETE FROM registration_events WHERE reg_id = :reg_id"
    " AND seq_in_reg >= :seq_in_reg RETURNING dedup),"
    " files AS (DELETE FROM registered_files WHERE reg_id = :reg_id AND seq_in_reg >= :seq_in_reg),"
    " unqueued AS (DELETE FROM pending p USING dropped d WHERE p.dedup = d.dedup)"
    " SELECT count(*) FROM dropped"
)
_ADD_EVENT = text(
    "INSERT INTO registration_events (reg_id, seq_in_reg, dedup, body, recorded_at)"
    " VALUES (:reg_id, :seq_in_reg, :dedup, :body, :at)"
)
_ADD = text(
    "INSERT INTO registrations (id, code, resource_id, resource_version, origin, details, standing,"
    " length, created_at) VALUES (:reg_id, :code, :resource_id, :version, :origin,"
    " '{\"title\": \"\"}', 'new', 0, :at) ON CONFLICT (id) DO NOTHING"
)
_ADD_FILE = text(
    "INSERT INTO registered_files (reg_id, seq_in_reg, path, sha256, sm3, size)"
    " VALUES (:reg_id, :seq_in_reg, :path, :sha256, :sm3, :size) ON CONFLICT DO NOTHING"
)
_EVENTS = text("SELECT body FROM registration_events WHERE reg_id = :reg_id ORDER BY seq_in_reg")
_SAVE = text(
    "UPDATE registrations SET standing = :standing, length = :length,"
    " resource_version = coalesce(:version, resource_version) WHERE id = :reg_id"
)
_ADD_POLICY = text(
    "INSERT INTO licence_policies (sha256, template, document)"
    " VALUES (:sha256, :template, :document) ON CONFLICT DO NOTHING"
)


class RecoveryRepository:
    """`services.copyright.application.log_recovery.RecoveredStore`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def take_back(self, leaf: Leaf, dedup: bytes, body: bytes) -> int:
        row: dict[str, Any] = {
            "reg_id": leaf.reg_id,
            "seq_in_reg": leaf.seq_in_reg,
            "version": leaf.resource_version,
        }
        known: bytes | None = await self._connection.scalar(_HERE, row)
        if known == dedup:
            return 0
        dropped: int = (await self._connection.execute(_DROP, row)).scalar_one()
        at = datetime.fromisoformat(leaf.claimed_at)
        event = {**row, "dedup": dedup, "body": body, "at": at}
        if leaf.seq_in_reg == 0:
            made_by = {"catalogue": "CATALOGUE", "operator": "PLATFORM", "service": "PLATFORM"}
            origin = made_by.get(leaf.auth_context["method"], "HAND")
            resource = leaf.resource_id or leaf.reg_id
            code = code_of(UUID(leaf.reg_id))
            new = {"code": code, "resource_id": resource, "origin": origin}
            await self._connection.execute(_ADD, {**event, **new})
        await self._connection.execute(_ADD_EVENT, event)
        if leaf.digests is not None:
            # The log has a work's one file, but not what it was called.
            digests = {name: bytes.fromhex(leaf.digests[name]) for name in ("sha256", "sm3")}
            size = leaf.digests["size"]
            file = {**row, **digests, "size": size, "path": leaf.digests["sha256"]}
            await self._connection.execute(_ADD_FILE, file)
        folded = fold(await self.events(UUID(leaf.reg_id)))
        told = {**row, "standing": folded.standing, "length": folded.length}
        await self._connection.execute(_SAVE, told)
        return dropped

    async def events(self, registration_id: UUID) -> Sequence[bytes]:
        rows = await self._connection.execute(_EVENTS, {"reg_id": registration_id})
        return rows.scalars().all()

    async def add_policy(self, sha256: str, template: str, document: bytes) -> None:
        row = {"sha256": bytes.fromhex(sha256), "template": template, "document": document}
        await self._connection.execute(_ADD_POLICY, row)
