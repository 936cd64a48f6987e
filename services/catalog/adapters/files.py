"""Files in PostgreSQL. A row stands before its object does, and the sweeper knows."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.domain.files import File, Refusal, State, key_of

# Whoever makes a row, and the sweeper that found none, do so one after the other: else the sweeper
# could delete an object that is being relied upon.
_HOLD = text("SELECT pg_advisory_xact_lock(hashtextextended('file:' || :digest, 0))")
_ENSURE = text(
    "INSERT INTO files (sha256, size, object_key, state, created_at)"
    " VALUES (:sha256, :size, :object_key, 'QUARANTINED', :created_at) ON CONFLICT DO NOTHING"
)
_SELECT = (
    "SELECT sha256, size, object_key, state, sm3, media_type, refusal, facts, text_key, created_at,"
    " inspected_at FROM files WHERE "
)
_GET = text(f"{_SELECT} sha256 = :sha256")
_GET_LOCKED = text(f"{_SELECT} sha256 = :sha256 FOR UPDATE")
_CLEAN_AFTER = text(f"{_SELECT} sha256 > :sha256 AND state = 'CLEAN' ORDER BY sha256 LIMIT 1")
_KNOWN = text("SELECT sha256 FROM files WHERE sha256 = ANY(CAST(:digests AS bytea[]))")
_CLEAN = text(
    "UPDATE files SET state = 'CLEAN', sm3 = :sm3, media_type = :media_type,"
    " facts = CAST(:facts AS jsonb), text_key = :text_key, refusal = NULL, inspected_at = :at"
    " WHERE sha256 = :sha256"
)
_REFUSE = text(
    "UPDATE files SET state = 'REFUSED', sm3 = :sm3, media_type = :media_type,"
    " refusal = CAST(:refusal AS jsonb), inspected_at = :at"
    " WHERE sha256 = :sha256 AND state <> 'CLEAN'"
)
_DAMAGED = text(
    "SELECT EXISTS (SELECT FROM scrub_findings WHERE sha256 = :sha256 AND resolved_at IS NULL)"
)
_REPAIRED = text(
    "UPDATE scrub_findings SET resolved_at = now() WHERE sha256 = :sha256 AND resolved_at IS NULL"
)


class FileRepository:
    """Files by digest. Whoever stores an object commits its row first (`ensure`)."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def ensure(self, sha256: bytes, size: int, now: datetime) -> File:
        """The file with that digest, made `QUARANTINED` unless there is one, and held until the
        transaction ends. Commit before you look for its object or store it."""
        await self._connection.execute(_HOLD, {"digest": sha256.hex()})
        row = {"sha256": sha256, "size": size, "object_key": key_of(sha256), "created_at": now}
        await self._connection.execute(_ENSURE, row)
        return await self._only(_GET_LOCKED, sha256)

    async def get(self, sha256: bytes) -> File | None:
        row = (await self._connection.execute(_GET, {"sha256": sha256})).one_or_none()
        return None if row is None else _file(row)

    async def clean_after(self, sha256: bytes) -> File | None:
        """The clean file with the next greater digest."""
        row = (await self._connection.execute(_CLEAN_AFTER, {"sha256": sha256})).one_or_none()
        return None if row is None else _file(row)

    async def known(self, digests: Collection[bytes]) -> set[bytes]:
        """Those of `digests` that have a row."""
        return set(await self._connection.scalars(_KNOWN, {"digests": list(digests)}))

    async def is_unknown(self, sha256: bytes) -> bool:
        """Whether it has no row; none can be made until the transaction ends."""
        await self._connection.execute(_HOLD, {"digest": sha256.hex()})
        return not await self.known([sha256])

    async def is_damaged(self, sha256: bytes) -> bool:
        """Whether the scrubber found its object missing, altered or unreadable."""
        return bool(await self._connection.scalar(_DAMAGED, {"sha256": sha256}))

    async def repaired(self, sha256: bytes) -> None:
        """Its object was stored anew: what the scrubber found is over."""
        await self._connection.execute(_REPAIRED, {"sha256": sha256})

    async def mark_clean(
        self,
        sha256: bytes,
        *,
        sm3: bytes,
        media_type: str,
        facts: Mapping[str, Any],
        text_key: str | None,
        at: datetime,
    ) -> None:
        """Its object stands at its key and holds nothing that is refused."""
        row = {"sha256": sha256, "sm3": sm3, "media_type": media_type, "text_key": text_key}
        told = orjson.dumps(dict(facts)).decode()
        await self._connection.execute(_CLEAN, {**row, "facts": told, "at": at})

    async def mark_refused(
        self,
        sha256: bytes,
        *,
        sm3: bytes | None,
        media_type: str | None,
        refusal: Sequence[Refusal],
        at: datetime,
    ) -> None:
        """A clean file stays clean: its bytes were once found to be."""
        row = {"sha256": sha256, "sm3": sm3, "media_type": media_type, "at": at}
        told = orjson.dumps(list(refusal)).decode()
        await self._connection.execute(_REFUSE, {**row, "refusal": told})

    async def _only(self, query: Any, sha256: bytes) -> File:
        return _file((await self._connection.execute(query, {"sha256": sha256})).one())


def _file(row: Row[Any]) -> File:
    return File(
        sha256=row.sha256,
        size=row.size,
        object_key=row.object_key,
        state=State(row.state),
        created_at=row.created_at,
        sm3=row.sm3,
        media_type=row.media_type,
        refusal=row.refusal or (),
        facts=row.facts,
        text_key=row.text_key,
        inspected_at=row.inspected_at,
    )
