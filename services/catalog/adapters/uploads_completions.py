"""The completion of an upload in one statement."""

from dataclasses import fields
from typing import Any

import orjson

from services.catalog.application.uploads_arrivals import Status
from services.catalog.domain.uploads_events import UploadCompleted
from shared.audit import digest
from shared.context import current
from shared.database import outage_is_unavailable
from shared.events import Envelope
from shared.idempotency import Claim
from shared.ids import uuid7
from shared.service import Runtime

# Whoever tells of an upload holds its row, which keeps its events in order as a lock would.
_COMPLETE = """
    WITH open AS MATERIALIZED (
        SELECT id FROM uploads WHERE id = $1 AND state = 'OPEN' AND version = $2::integer - 1
        FOR UPDATE
    ), answered AS (
        INSERT INTO idempotency (scope, key, fingerprint, status, headers, body)
        SELECT $17, $18, $19, $20, $21::text::jsonb, $22 FROM open WHERE $18::text IS NOT NULL
        AND pg_try_advisory_xact_lock(hashtextextended($17::text || ' ' || $18::text, 0))
        ON CONFLICT DO NOTHING RETURNING key
    ), mine AS MATERIALIZED (
        SELECT id FROM open WHERE $18::text IS NULL OR EXISTS (SELECT FROM answered)
    ), saved AS (
        UPDATE uploads SET state = 'COMPLETED', completed_at = $3, version = $2
        FROM mine WHERE uploads.id = mine.id RETURNING mine.id
    ), queued AS (
        INSERT INTO inspections
            (id, upload_id, state, step, progress, attempts, outages, lease_until, queued_at)
        SELECT $4, id, 'QUEUED', 'waiting', 0, 0, 0, now(), now() FROM mine
        ON CONFLICT (upload_id) DO NOTHING
    ), audited AS (
        INSERT INTO audit (at, actor, on_behalf_of, client, action, target, organisation,
            after_digest, request_id, facts)
        SELECT $3, $5, $6, $7, 'upload.completed', $8, $9, $10, $11, $12::text::jsonb
        FROM mine RETURNING id
    ), unchained AS (
        INSERT INTO audit_unchained (audit_id) SELECT id FROM audited
    ), told AS (
        INSERT INTO outbox (event_id, type, aggregate, envelope)
        SELECT $13, $14, $15, $16 FROM mine
    )
    SELECT id FROM saved
"""
_TOLD = tuple(field.name for field in fields(UploadCompleted))
_ANSWER = ("scope", "key", "fingerprint", "status", "headers", "body")


class CompletionStatement:
    """`services.catalog.application.uploads_completions.CompletionStore`.

    A unit of work takes fourteen statements to the same end, each through three layers. This one
    goes to the driver (benchmark ``upload``: completion of two parts).
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def keep(self, status: Status, event: UploadCompleted) -> bool:
        claim = current().claim
        parameters = [*self._told(status, event), *_answer(claim, status)]
        async with outage_is_unavailable(), self._runtime.engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            kept = await driver.fetchval(_COMPLETE, *parameters)
        if kept is None:
            return False
        if claim is not None:
            claim.settled = True
        self._runtime.relay.wake()
        self._runtime.sealer.wake()
        return True

    def _told(self, status: Status, event: UploadCompleted) -> list[Any]:
        """The upload, its inspection, the audit entry and the event."""
        request, upload = current(), status.upload
        envelope = Envelope(
            id=uuid7(),
            source=f"/{self._runtime.name}",
            type=event.type,
            aggregate=event.aggregate,
            time=self._runtime.clock(),
            data={name: getattr(event, name) for name in _TOLD},
            traceparent=request.traceparent,
        )
        facts = orjson.dumps({"sha256": upload.sha256.hex(), "size": upload.size}).decode()
        after = digest({"state": upload.state, "version": upload.version})
        return [
            *(upload.id, upload.version, upload.completed_at, uuid7()),
            *(request.actor, request.on_behalf_of, request.client, str(upload.id)),
            *(upload.organisation_path, after, request.request_id, facts),
            *(envelope.id, envelope.type, envelope.aggregate, envelope.to_json()),
        ]


def _answer(claim: Claim | None, status: Status) -> list[Any]:
    """What a repeat under the same Idempotency-Key is told; nothing without one."""
    if claim is None or claim.settled:
        return [None] * len(_ANSWER)
    row = claim.row(status)
    return [row[name] for name in _ANSWER]
