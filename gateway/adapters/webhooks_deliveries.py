"""The queue of deliveries in PostgreSQL: as its owners see it, and as the courier works it off."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.adapters.webhooks import ONE_AFTER_THE_OTHER, RECORD
from gateway.application.webhooks_courier import Parcel
from gateway.application.webhooks_deliveries import Replayed, Start
from gateway.domain.webhooks import Secret
from gateway.domain.webhooks import State as WebhookState
from gateway.domain.webhooks_deliveries import (
    Answer,
    Delivery,
    DeliveryNotDead,
    State,
    Streak,
    Verdict,
    sequence_of,
)
from shared.events import Envelope
from shared.ids import uuid7

_COLUMNS = (
    "d.id, d.webhook_id, e.event_id, e.type, d.position, d.state, d.attempts, d.status, d.failure,"
    " d.due_at, d.attempted_at, d.created_at"
)
_FROM = "FROM webhook_deliveries d JOIN webhook_events e ON e.position = d.position"
_GET = text(f"SELECT {_COLUMNS} {_FROM} WHERE d.webhook_id = :webhook_id AND d.id = :id")
_PAGE = text(
    f"SELECT {_COLUMNS} {_FROM} WHERE d.webhook_id = :webhook_id"
    " AND (CAST(:state AS text) IS NULL OR d.state = :state)"
    " AND (CAST(:before AS uuid) IS NULL OR d.id < :before) ORDER BY d.id DESC LIMIT :limit"
)
_REVIVE = text(
    "UPDATE webhook_deliveries d SET state = 'PENDING', attempts = 0, due_at = :now WHERE id = :id"
    " AND NOT EXISTS (SELECT FROM webhook_deliveries o WHERE o.webhook_id = d.webhook_id"
    " AND o.position = d.position AND o.state = 'PENDING') RETURNING id"
)
_REPLAY = text(
    "WITH asked AS (SELECT position FROM webhook_events WHERE position > :after"
    " AND (CAST(:since AS timestamptz) IS NULL OR recorded_at >= :since)"
    " AND type = ANY(CAST(:types AS text[])) ORDER BY position LIMIT :limit),"
    " queued AS (INSERT INTO webhook_deliveries"
    " (id, webhook_id, position, state, attempts, due_at, created_at)"
    " SELECT uuidv7(), :webhook_id, position, 'PENDING', 0, :now, :now FROM asked"
    " ON CONFLICT (webhook_id, position) WHERE state = 'PENDING' DO NOTHING RETURNING position)"
    " SELECT (SELECT count(*) FROM queued) AS queued, max(position) AS through,"
    " count(*) AS asked FROM asked"
)
_QUEUE = text(
    "INSERT INTO webhook_deliveries (id, webhook_id, position, state, attempts, due_at, created_at)"
    " VALUES (:id, :webhook_id, :position, 'PENDING', 0, :now, :now)"
)
_DUE = "d.state = 'PENDING' AND d.due_at <= :now"
_LEASE = text(
    "UPDATE webhooks SET lease = gen_random_uuid(), free_at = :lease_until"  # noqa: S608 - constant text
    " WHERE id = ANY(ARRAY(SELECT w.id FROM webhooks w WHERE w.state = 'ACTIVE' AND NOT w.suspended"
    " AND w.free_at <= :now AND EXISTS (SELECT FROM webhook_deliveries d"
    f" WHERE d.webhook_id = w.id AND {_DUE})"
    " ORDER BY w.free_at LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED)) RETURNING id"
)
# A statement of its own: it sees what whoever held the webhook last has settled just before.
_NEXT = text(
    "SELECT w.id AS webhook_id, w.lease, w.url, w.failures, w.failing_since,"  # noqa: S608 - constant text
    " ltree2text(w.organisation_path) AS organisation_path, d.id, d.attempts, e.event_id,"
    " e.position, e.envelope FROM webhooks w CROSS JOIN LATERAL"
    " (SELECT d.id, d.attempts, d.position FROM webhook_deliveries d"
    f" WHERE d.webhook_id = w.id AND {_DUE} ORDER BY d.position LIMIT 1) d"
    " JOIN webhook_events e ON e.position = d.position WHERE w.id = ANY(CAST(:ids AS uuid[]))"
)
_SECRETS = text(
    "SELECT id, webhook_id, secret, expires_at FROM webhook_secrets"
    " WHERE webhook_id = ANY(CAST(:ids AS uuid[])) AND (expires_at IS NULL OR expires_at > :now)"
    " ORDER BY id DESC"
)
_RELEASE = text(
    "UPDATE webhooks SET lease = NULL, free_at = :now WHERE id = ANY(CAST(:ids AS uuid[]))"
)
_SETTLE_WEBHOOK = text(
    "UPDATE webhooks SET lease = NULL, free_at = :free_at, failures = :failures,"
    " failing_since = :failing_since WHERE id = :webhook_id AND lease = :lease RETURNING id"
)
_SETTLE = text(
    "UPDATE webhook_deliveries SET state = :state, attempts = attempts + 1, status = :status,"
    " failure = :failure, due_at = :due_at, attempted_at = :now WHERE id = :id"
)
_END = text(
    "UPDATE webhooks SET state = :state, version = version + 1, updated_at = :now"
    " WHERE id = :id AND state = 'ACTIVE' AND url = :url RETURNING id"
)
_EXPIRE = tuple(
    map(
        text,
        (
            "DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM webhook_deliveries"
            " WHERE created_at < :before LIMIT :limit)",
            "DELETE FROM webhook_events WHERE position IN (SELECT position FROM webhook_events e"
            " WHERE recorded_at < :before AND NOT EXISTS (SELECT FROM webhook_deliveries d"
            " WHERE d.position = e.position) LIMIT :limit)",
            "DELETE FROM webhook_secrets WHERE id IN (SELECT id FROM webhook_secrets"
            " WHERE expires_at < :before LIMIT :limit)",
        ),
    )
)


class DeliveryRepository:
    """`gateway.application.webhooks_deliveries.DeliveryStore`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def page(
        self, webhook_id: UUID, state: State | None, limit: int, before: UUID | None
    ) -> Sequence[Delivery]:
        asked = {"webhook_id": webhook_id, "state": state, "limit": limit, "before": before}
        return [_delivery(row) for row in await self._connection.execute(_PAGE, asked)]

    async def get(self, webhook_id: UUID, delivery_id: UUID) -> Delivery | None:
        asked = {"webhook_id": webhook_id, "id": delivery_id}
        row = (await self._connection.execute(_GET, asked)).one_or_none()
        return None if row is None else _delivery(row)

    async def revive(self, delivery_id: UUID, now: datetime) -> None:
        asked = {"id": delivery_id, "now": now}
        if await self._connection.scalar(_REVIVE, asked) is None:
            raise DeliveryNotDead(
                "The same event waits to be sent already.", zh="同一事件已在等待推送。"
            )

    async def replay(
        self, webhook_id: UUID, types: Sequence[str], start: Start, limit: int, now: datetime
    ) -> Replayed:
        # What is being recorded is either committed and seen here, or sees the webhook as it is.
        await self._connection.execute(ONE_AFTER_THE_OTHER)
        asked = {
            "webhook_id": webhook_id,
            "types": list(types),
            "after": start.after,
            "since": start.since,
            "limit": limit,
            "now": now,
        }
        row = (await self._connection.execute(_REPLAY, asked)).one()
        return Replayed(row.queued, row.through, row.asked == limit)

    async def queue(self, webhook_id: UUID, event: Envelope, now: datetime) -> UUID:
        await self._connection.execute(ONE_AFTER_THE_OTHER)
        recorded = {"event_id": event.id, "type": event.type, "envelope": event.to_json()}
        position = await self._connection.scalar(RECORD, recorded)
        delivery_id = uuid7()
        row = {"id": delivery_id, "webhook_id": webhook_id, "position": position, "now": now}
        await self._connection.execute(_QUEUE, row)
        return delivery_id

    async def expire(self, before: datetime, limit: int) -> int:
        """`gateway.application.webhooks_sweeping.Expiry`."""
        asked = {"before": before, "limit": limit}
        return max([(await self._connection.execute(each, asked)).rowcount for each in _EXPIRE])


class DeliveryQueue:
    """`gateway.application.webhooks_courier.Queue`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def take(self, now: datetime, lease_until: datetime, limit: int) -> Sequence[Parcel]:
        asked: dict[str, Any] = {"now": now, "lease_until": lease_until, "limit": limit}
        ids = list((await self._connection.execute(_LEASE, asked)).scalars())
        if not ids:
            return ()
        given = {"ids": ids, "now": now}
        secrets: dict[UUID, list[Secret]] = {}
        for row in await self._connection.execute(_SECRETS, given):
            secret = Secret(_uuid(row.id), _uuid(row.webhook_id), row.secret, row.expires_at)
            secrets.setdefault(secret.webhook_id, []).append(secret)
        rows = (await self._connection.execute(_NEXT, given)).all()
        if idle := {*map(_uuid, ids)} - {_uuid(row.webhook_id) for row in rows}:
            await self._connection.execute(_RELEASE, {"ids": list(idle), "now": now})
        return [_parcel(row, secrets.get(_uuid(row.webhook_id), ())) for row in rows]

    async def settle(self, parcel: Parcel, answer: Answer, verdict: Verdict, now: datetime) -> bool:
        webhook = {
            "webhook_id": parcel.webhook_id,
            "lease": parcel.lease,
            "free_at": verdict.free_at,
            "failures": verdict.streak.failures,
            "failing_since": verdict.streak.since,
        }
        if await self._connection.scalar(_SETTLE_WEBHOOK, webhook) is None:
            return False
        delivery = {
            "id": parcel.delivery_id,
            "state": verdict.state,
            "status": answer.status,
            "failure": answer.failure,
            "due_at": verdict.due_at,
            "now": now,
        }
        await self._connection.execute(_SETTLE, delivery)
        return True

    async def end(self, parcel: Parcel, state: WebhookState, now: datetime) -> bool:
        asked = {"id": parcel.webhook_id, "url": parcel.url, "state": state, "now": now}
        return await self._connection.scalar(_END, asked) is not None


def _uuid(found: UUID) -> UUID:
    """A plain one: asyncpg's own class compares, but is not what is declared."""
    return UUID(bytes=found.bytes)


def _parcel(row: Row[Any], secrets: Sequence[Secret]) -> Parcel:
    event = {**orjson.loads(row.envelope), "sequence": sequence_of(row.position)}
    return Parcel(
        lease=row.lease,
        webhook_id=_uuid(row.webhook_id),
        organisation_path=row.organisation_path,
        url=row.url,
        streak=Streak(row.failures, row.failing_since),
        delivery_id=_uuid(row.id),
        attempts=row.attempts,
        event_id=_uuid(row.event_id),
        body=orjson.dumps(event),
        secrets=tuple(secrets),
    )


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        id=_uuid(row.id),
        webhook_id=_uuid(row.webhook_id),
        event_id=_uuid(row.event_id),
        event_type=row.type,
        position=row.position,
        state=State(row.state),
        attempts=row.attempts,
        status=row.status,
        failure=row.failure,
        due_at=row.due_at,
        attempted_at=row.attempted_at,
        created_at=row.created_at,
    )
