"""Webhooks in PostgreSQL: what their owners do to them, and what is heard of those."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.application.webhooks import Reach
from gateway.domain.webhooks import Secret, State, Webhook
from shared.events import Envelope

_COLUMNS = (
    "id, client, ltree2text(organisation_path) AS organisation_path, name, url, event_types,"
    " scopes, state, suspended, version, created_at, updated_at"
)
_GET = text(f"SELECT {_COLUMNS} FROM webhooks WHERE id = :id")  # noqa: S608 - constant columns
# Recording an event asks only that the webhook stays (FOR KEY SHARE), which goes with this lock.
_LOCKED = text(f"{_GET.text} FOR NO KEY UPDATE")
_COUNT = text("SELECT count(*) FROM webhooks WHERE organisation_path = text2ltree(:path)")
_PAGE = text(
    f"SELECT {_COLUMNS} FROM webhooks"  # noqa: S608 - constant columns
    " WHERE organisation_path <@ CAST(CAST(:paths AS text[]) AS ltree[])"
    " AND (CAST(:client AS text) IS NULL OR client = :client)"
    " AND (CAST(:before AS uuid) IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit"
)
_ADD = text(
    "INSERT INTO webhooks (id, client, organisation_path, name, url, event_types, scopes, state,"
    " suspended, version, created_at, updated_at, free_at, failures) VALUES (:id, :client,"
    " text2ltree(:organisation_path), :name, :url, :event_types, :scopes, :state, :suspended,"
    " :version, :created_at, :updated_at, :created_at, 0)"
)
_SAVE = text(
    "UPDATE webhooks SET name = :name, url = :url, event_types = :event_types, scopes = :scopes,"
    " state = :state, version = :version, updated_at = :updated_at WHERE id = :id"
)
# While somebody sends to it, it stays leased: one at a time.
_RESUME = text(
    "UPDATE webhooks SET failures = 0, failing_since = NULL,"
    " free_at = CASE WHEN lease IS NULL THEN updated_at ELSE free_at END WHERE id = :id"
)
_CLAIM = text("SELECT FROM webhooks WHERE id = :id FOR UPDATE")
_DELETIONS = tuple(
    map(
        text,
        (
            "DELETE FROM webhook_deliveries WHERE webhook_id = :id",
            "DELETE FROM webhook_secrets WHERE webhook_id = :id",
            "DELETE FROM webhooks WHERE id = :id",
        ),
    )
)
_ADD_SECRET = text(
    "INSERT INTO webhook_secrets (id, webhook_id, secret, expires_at)"
    " VALUES (:id, :webhook_id, :sealed, :expires_at)"
)
_DROP_EXPIRING = text(
    "DELETE FROM webhook_secrets WHERE webhook_id = :id AND expires_at IS NOT NULL"
)
_RETIRE = text("UPDATE webhook_secrets SET expires_at = :until WHERE webhook_id = :id")

# Positions are drawn one transaction after the other, so that they rise in the order of commits: a
# reader who has seen one has seen all before it.
ONE_AFTER_THE_OTHER = text("SELECT pg_advisory_xact_lock(hashtextextended('webhook-events', 0))")
RECORD = text(
    "INSERT INTO webhook_events (event_id, type, envelope, recorded_at)"
    " VALUES (:event_id, :type, :envelope, now()) ON CONFLICT (event_id) DO NOTHING"
    " RETURNING position"
)
_QUEUE = text(
    "INSERT INTO webhook_deliveries (id, webhook_id, position, state, attempts, due_at, created_at)"
    " SELECT uuidv7(), id, :position, 'PENDING', 0, now(), now() FROM webhooks"
    " WHERE state = 'ACTIVE' AND NOT suspended"
    " AND CAST(:type AS text) = ANY(event_types) AND CAST(:scope AS text) = ANY(scopes)"
    " FOR KEY SHARE"
)
_SUSPEND = text(
    "UPDATE webhooks SET suspended = :suspended, version = version + 1, updated_at = now()"
    " WHERE client = :client AND suspended <> :suspended"
)
_NARROW = text(
    "UPDATE webhooks SET scopes = ARRAY(SELECT unnest(scopes) INTERSECT"
    " SELECT unnest(CAST(:scopes AS text[]))), version = version + 1, updated_at = now()"
    " WHERE client = :client AND NOT scopes <@ CAST(:scopes AS text[])"
)
_MOVE = text(
    "UPDATE webhooks SET organisation_path = CASE WHEN organisation_path = text2ltree(:old)"
    " THEN text2ltree(:new) ELSE text2ltree(:new)"
    " || subpath(organisation_path, nlevel(text2ltree(:old))) END"
    " WHERE organisation_path <@ text2ltree(:old)"
)


class WebhookRepository:
    """`gateway.application.webhooks.WebhookStore`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, webhook: Webhook) -> None:
        await self._connection.execute(_ADD, _row(webhook))

    async def count(self, path: str) -> int:
        return int(await self._connection.scalar(_COUNT, {"path": path}) or 0)

    async def get(self, webhook_id: UUID) -> Webhook | None:
        return await self._one(_GET, webhook_id)

    async def locked(self, webhook_id: UUID) -> Webhook | None:
        return await self._one(_LOCKED, webhook_id)

    async def _one(self, query: Any, webhook_id: UUID) -> Webhook | None:
        row = (await self._connection.execute(query, {"id": webhook_id})).one_or_none()
        return None if row is None else _webhook(row)

    async def page(self, reach: Reach, limit: int, before: UUID | None) -> Sequence[Webhook]:
        asked = {
            "paths": list(reach.paths),
            "client": reach.client,
            "limit": limit,
            "before": before,
        }
        return [_webhook(row) for row in await self._connection.execute(_PAGE, asked)]

    async def save(self, webhook: Webhook) -> None:
        await self._connection.execute(_SAVE, _row(webhook))

    async def resume(self, webhook_id: UUID) -> None:
        await self._connection.execute(_RESUME, {"id": webhook_id})

    async def delete(self, webhook_id: UUID) -> None:
        await self._connection.execute(_CLAIM, {"id": webhook_id})
        for each in _DELETIONS:
            await self._connection.execute(each, {"id": webhook_id})

    async def add_secret(self, secret: Secret) -> None:
        row = {
            "id": secret.id,
            "webhook_id": secret.webhook_id,
            "sealed": secret.sealed,
            "expires_at": secret.expires_at,
        }
        await self._connection.execute(_ADD_SECRET, row)

    async def retire_secrets(self, webhook_id: UUID, until: datetime) -> None:
        await self._connection.execute(_DROP_EXPIRING, {"id": webhook_id})
        await self._connection.execute(_RETIRE, {"id": webhook_id, "until": until})


class WebhookEventRepository:
    """`gateway.application.webhooks_events.EventStore`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def record(self, event: Envelope, scope: str) -> None:
        await self._connection.execute(ONE_AFTER_THE_OTHER)
        row = {"event_id": event.id, "type": event.type, "envelope": event.to_json()}
        position = await self._connection.scalar(RECORD, row)
        if position is not None:
            queued = {"position": position, "type": event.type, "scope": scope}
            await self._connection.execute(_QUEUE, queued)

    async def suspend(self, client: str, *, suspended: bool) -> None:
        await self._connection.execute(_SUSPEND, {"client": client, "suspended": suspended})

    async def narrow(self, client: str, scopes: list[str]) -> None:
        await self._connection.execute(_NARROW, {"client": client, "scopes": scopes})

    async def move(self, old_path: str, path: str) -> None:
        await self._connection.execute(_MOVE, {"old": old_path, "new": path})


def _row(webhook: Webhook) -> dict[str, Any]:
    row = {each.name: getattr(webhook, each.name) for each in fields(Webhook)}
    lists = {"event_types": list(webhook.event_types), "scopes": sorted(webhook.scopes)}
    return {**row, **lists}


def _webhook(row: Row[Any]) -> Webhook:
    return Webhook(
        id=UUID(bytes=row.id.bytes),
        client=row.client,
        organisation_path=row.organisation_path,
        name=row.name,
        url=row.url,
        event_types=tuple(row.event_types),
        scopes=frozenset(row.scopes),
        state=State(row.state),
        suspended=row.suspended,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
