"""The session of a plain sign-in, in one statement."""

from typing import Any

import orjson

from services.identity.application.sessions import Session, started
from shared.context import current
from shared.database import outage_is_unavailable
from shared.service import Runtime

_OPEN = """
    WITH known AS (
        INSERT INTO known_devices (secret_hash, person_id, seen_at) VALUES ($1, $2, $3)
        ON CONFLICT (secret_hash, person_id) DO UPDATE SET seen_at = excluded.seen_at
    ), opened AS (
        INSERT INTO sessions (id, secret_hash, person_id, authenticated_at, amr, acr, device,
            created_at, seen_at, expires_at)
        VALUES ($4, $5, $2, $3, $6, $7, $8, $3, $3, $9)
    ), audited AS (
        INSERT INTO audit (at, actor, on_behalf_of, client, action, target, request_id, facts)
        VALUES ($3, $10, $11, $12, 'session.started', $13, $14, $15::text::jsonb) RETURNING id
    )
    INSERT INTO audit_unchained (audit_id) SELECT id FROM audited
"""


class SessionStatement:
    """`services.identity.application.sessions.SessionOpening`.

    A unit of work takes four statements to the same end, each through three layers. This one goes
    to the driver (benchmark ``identity``: sign-in).
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def open(self, session: Session, secret_hash: bytes, browser: bytes) -> None:
        request = current()
        parameters = [
            *(browser, session.person_id, session.created_at),
            *(session.id, secret_hash, list(session.amr), session.acr, session.device),
            *(session.expires_at, request.actor, request.on_behalf_of, request.client),
            *(str(session.id), request.request_id),
            orjson.dumps(started(session, renewed=False)).decode(),
        ]
        async with outage_is_unavailable(), self._runtime.engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            await driver.execute(_OPEN, *parameters)
        self._runtime.sealer.wake()
