"""The audit trail: who did what to which thing, append-only and hash-chained.

An entry is written in the transaction of the change it tells of. Chaining there would make every
commit of a service wait for the one before it, so the entry waits in ``audit_unchained`` and is
chained by a sealer right after (within a second, one sealer a service):
``digest(n) = SHA-256(digest(n-1) || entry(n))``, from 32 zero bytes. The service's role may insert
and select; an edited or removed entry breaks the chain, one slipped in stands outside it, a gap in
``sequence`` shows a removed link.

A chain whose newest links were removed with their entries is a shorter chain that holds. Two things
tell: the numbers that were drawn for entries and hold none (``unaccounted``; changes under way or
failed leave such numbers too), and a head that was noted elsewhere before, against which `verify`
compares. Who may write everything here can chain anew what follows the last head noted elsewhere.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.clock import Clock
from shared.context import current

SEAL_SECONDS = 0.5
POLL_SECONDS = 10.0
BATCH = 500
GENESIS = bytes(32)

_ENTRY = (
    "at timestamptz, actor text, on_behalf_of text, client text, action text, target text,"
    " organisation text, before_digest bytea, after_digest bytea, request_id text, facts jsonb"
)
_NAMES = ", ".join(column.split()[0] for column in _ENTRY.split(","))
_INSERT = text(
    f"WITH entry AS (INSERT INTO audit ({_NAMES}) SELECT {_NAMES} FROM ROWS FROM"  # noqa: S608 - constant columns
    f" (jsonb_to_recordset(CAST(:entries AS jsonb)) AS ({_ENTRY})) WITH ORDINALITY"
    " ORDER BY ordinality RETURNING id)"
    " INSERT INTO audit_unchained (audit_id) SELECT id FROM entry"
)
_COLUMNS = (
    "a.id, a.at, a.actor, a.on_behalf_of, a.client, a.action, a.target, a.organisation,"
    " a.before_digest, a.after_digest, a.request_id, a.facts"
)
_HEAD = text("SELECT sequence, digest FROM audit_chain ORDER BY sequence DESC LIMIT 1")
_TAKE = text(
    "WITH taken AS (DELETE FROM audit_unchained WHERE audit_id IN"  # noqa: S608 - constant columns
    " (SELECT audit_id FROM audit_unchained ORDER BY audit_id LIMIT :limit) RETURNING audit_id)"
    f" SELECT {_COLUMNS} FROM audit a JOIN taken ON taken.audit_id = a.id ORDER BY a.id"
)
_LINK = text(
    "INSERT INTO audit_chain (sequence, audit_id, digest) VALUES (:sequence, :audit_id, :digest)"
)
_SOLE = text("SELECT pg_try_advisory_xact_lock(hashtextextended('audit-seal', 0))")
_CHAIN = text(
    f"SELECT c.sequence, c.digest, {_COLUMNS} FROM audit_chain c"  # noqa: S608 - constant columns
    " LEFT JOIN audit a ON a.id = c.audit_id WHERE c.sequence > :after"
    " ORDER BY c.sequence LIMIT :limit"
)
_OUTSIDE = text(
    "SELECT min(a.id) FROM audit a"
    " WHERE NOT EXISTS (SELECT FROM audit_chain c WHERE c.audit_id = a.id)"
    " AND NOT EXISTS (SELECT FROM audit_unchained u WHERE u.audit_id = a.id)"
)
_UNACCOUNTED = text(
    "SELECT CASE WHEN has_sequence_privilege(s, 'SELECT, USAGE') THEN"
    " greatest(0, coalesce(pg_sequence_last_value(s), 0)"
    " - (SELECT coalesce(max(id), 0) FROM audit))"
    " END FROM CAST(pg_get_serial_sequence('audit', 'id') AS regclass) s"
)
_PATIENTLY = text("SET LOCAL statement_timeout = 0")


def digest(state: Any) -> bytes:
    """SHA-256 of the canonical JSON (sorted keys) of a thing's state, for before and after."""
    return hashlib.sha256(orjson.dumps(state, option=orjson.OPT_SORT_KEYS, default=str)).digest()


class AuditTrail:
    """The audit entries of one unit of work."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[dict[str, Any]] = []

    def record(
        self,
        action: str,
        target: str,
        *,
        organisation: str | None = None,
        before: Any = None,
        after: Any = None,
        **facts: Any,
    ) -> None:
        """Note that the actor in hand did `action` to `target`.

        ``before`` and ``after`` are states, kept as digests only; ``facts`` are kept as they are
        and hold no personal data.
        """
        request = current()
        self._entries.append(
            {
                "at": self._clock(),
                "actor": request.actor,
                "on_behalf_of": request.on_behalf_of,
                "client": request.client,
                "action": action,
                "target": target,
                "organisation": organisation,
                "before_digest": _bytea(before),
                "after_digest": _bytea(after),
                "request_id": request.request_id,
                "facts": facts,
            }
        )

    async def write(self, connection: AsyncConnection) -> bool:
        """Insert what was recorded; whether there was anything."""
        if not self._entries:
            return False
        entries = orjson.dumps(self._entries, default=str).decode()
        await connection.execute(_INSERT, {"entries": entries})
        self._entries.clear()
        return True


def _bytea(state: Any) -> str | None:
    return None if state is None else f"\\x{digest(state).hex()}"


def _linked(previous: bytes, entry: Row[Any]) -> bytes:
    fields = [
        entry.id,
        entry.at.isoformat(),
        entry.actor,
        entry.on_behalf_of,
        entry.client,
        entry.action,
        entry.target,
        entry.organisation,
        entry.before_digest and entry.before_digest.hex(),
        entry.after_digest and entry.after_digest.hex(),
        entry.request_id,
        entry.facts,
    ]
    # The standard library's JSON takes integers of any size, as jsonb gives them back.
    return hashlib.sha256(previous + json.dumps(fields, sort_keys=True).encode()).digest()


class Sealer:
    """Chains new entries until cancelled: half a second after they were written, or, when another
    process wrote them, within ten."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Entries were written."""
        self._woken.set()

    async def run(self) -> None:
        while True:
            self._woken.clear()
            while await self.seal() == BATCH:
                pass
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._woken.wait()
            await asyncio.sleep(SEAL_SECONDS)

    async def seal(self) -> int:
        """Chain one batch; returns its size, 0 when another replica is at it."""
        async with self._engine.begin() as connection:
            if not (await connection.execute(_SOLE)).scalar_one():
                return 0
            entries = (await connection.execute(_TAKE, {"limit": BATCH})).all()
            if not entries:
                return 0
            head = (await connection.execute(_HEAD)).one_or_none()
            sequence, link = (head.sequence, head.digest) if head else (0, GENESIS)
            links = []
            for entry in entries:
                sequence, link = sequence + 1, _linked(link, entry)
                links.append({"sequence": sequence, "audit_id": entry.id, "digest": link})
            await connection.execute(_LINK, links)
            return len(links)


@dataclass(frozen=True, slots=True)
class BrokenLink:
    """Where the chain first fails, and how."""

    sequence: int
    reason: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """``head`` is the digest of the last good link, ``sealed`` the number of good links,
    ``unaccounted`` how many numbers behind the last entry were drawn and hold none, or None where
    the role may not read the sequence."""

    sealed: int
    head: bytes
    until: datetime | None
    broken: BrokenLink | None
    unaccounted: int | None


@dataclass(frozen=True, slots=True)
class NotedHead:
    """The head of the chain as it was once, written ``HEX:SEQUENCE``."""

    digest: bytes
    sequence: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises `ValueError`."""
        written = re.fullmatch("([0-9a-f]{64}):([0-9]{1,18})", text)
        if written is None:
            raise ValueError("a head is 64 hex digits, a colon and the number of its link")
        return cls(bytes.fromhex(written[1]), int(written[2]))


async def verify(engine: AsyncEngine, noted: NotedHead | None = None) -> ChainReport:
    """Recompute the whole chain from the entries, in constant memory. It is broken as well where
    it does not hold the link `noted`."""
    sequence, link, until = 0, GENESIS, None
    async with engine.connect() as connection:
        await connection.execute(_PATIENTLY)
        async for row in _links(connection):
            broken = None
            if row.sequence != sequence + 1:
                broken = BrokenLink(sequence + 1, f"link {sequence + 1} is missing")
            elif row.id is None:
                broken = BrokenLink(row.sequence, "the entry was removed")
            elif _linked(link, row) != row.digest:
                broken = BrokenLink(row.sequence, "the entry or the link before it was altered")
            elif noted and noted.sequence == row.sequence and noted.digest != row.digest:
                broken = BrokenLink(row.sequence, "it is another link than the head that was noted")
            if broken is not None:
                return ChainReport(sequence, link, until, broken, None)
            sequence, link, until = row.sequence, row.digest, row.at
        outside = (await connection.execute(_OUTSIDE)).scalar_one()
        unaccounted: int | None = (await connection.execute(_UNACCOUNTED)).scalar_one()
    broken = None
    if noted and sequence < noted.sequence:
        broken = BrokenLink(sequence + 1, f"the chain once reached link {noted.sequence}")
    elif outside:
        broken = BrokenLink(sequence + 1, f"entry {outside} stands outside the chain")
    return ChainReport(sequence, link, until, broken, unaccounted)


async def _links(connection: AsyncConnection) -> AsyncIterator[Row[Any]]:
    after = 0
    while rows := (await connection.execute(_CHAIN, {"after": after, "limit": BATCH})).all():
        for row in rows:
            yield row
        after = rows[-1].sequence
