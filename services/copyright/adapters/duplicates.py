"""What tells registered works that are alike, in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from heapq import nsmallest
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.application.duplicates_ports import Flag, Taken
from services.copyright.domain.duplicates import (
    REVIEW,
    Compared,
    Content,
    Match,
    Registered,
    Tier,
    Units,
    tier_of,
)
from shared.winnowing import Winnowed

INDEXED = 128
"""Prints of each text by which it is found. A part that makes out less than a fortieth of the
longer text is likely missed."""
_MOST = 50
"""Files of each kind of likeness that are looked at."""

_KEEP_CODES = text(
    "INSERT INTO file_codes (sha256, instance, data) VALUES (:sha256, :instance, :data)"
    " ON CONFLICT DO NOTHING"
)
_KEEP_CONTENT = text(
    "INSERT INTO content_codes (sha256, kind, digest)"
    " VALUES (:sha256, :kind, CAST(CAST(:digest AS text) AS bit(256))) ON CONFLICT DO NOTHING"
)
_KEEP_TEXT = text(
    "WITH kept AS (INSERT INTO file_texts (sha256, letters, every, prints)"
    " VALUES (:sha256, :letters, :every, :prints) ON CONFLICT DO NOTHING RETURNING id)"
    " INSERT INTO text_prints (hash, text_id) SELECT w.hash, kept.id"
    " FROM kept, unnest(CAST(:hashes AS bigint[])) AS w (hash)"
)
_WORK = "r.id, r.code, r.resource_id, r.resource_version"
_NOT_APART = "(CAST(:apart_from AS uuid) IS NULL OR r.resource_id <> :apart_from)"
_SAME = text(
    "WITH w AS (SELECT * FROM unnest(CAST(:sha256 AS bytea[]), CAST(:sm3 AS bytea[]),"  # noqa: S608 - constant columns
    " CAST(:instance AS bytea[]), CAST(:data AS bytea[]), CAST(:apart AS uuid[]))"
    " WITH ORDINALITY AS w (sha256, sm3, instance, data, apart, place))"
    f" SELECT w.place - 1 AS place, m.tier, m.path, {_WORK} FROM w CROSS JOIN LATERAL ("
    "(SELECT DISTINCT ON (f.reg_id) 'exact' AS tier, f.reg_id, f.path FROM registered_files f"
    " WHERE (f.sha256 = w.sha256 OR f.sm3 = w.sm3) AND f.reg_id IS DISTINCT FROM w.apart"
    " ORDER BY f.reg_id LIMIT :most)"
    " UNION ALL (SELECT DISTINCT ON (f.reg_id) 'same_code', f.reg_id, f.path FROM file_codes c"
    " JOIN registered_files f USING (sha256) WHERE (c.instance = w.instance OR c.data = w.data)"
    " AND c.sha256 <> w.sha256 AND f.reg_id IS DISTINCT FROM w.apart"
    " ORDER BY f.reg_id LIMIT :most)) AS m"
    f" JOIN registrations r ON r.id = m.reg_id WHERE {_NOT_APART}"
)
_NEAR = text(
    "WITH w AS MATERIALIZED (SELECT place, kind, CAST(bits AS bit(256)) AS digest, apart"  # noqa: S608 - constant columns
    " FROM unnest(CAST(:places AS integer[]), CAST(:kinds AS text[]), CAST(:digests AS text[]),"
    " CAST(:apart AS uuid[])) AS w (place, kind, bits, apart)),"
    " near AS (SELECT w.place, w.apart, c.* FROM w CROSS JOIN LATERAL (SELECT c.sha256,"
    " bit_count(c.digest # w.digest) AS distance FROM content_codes c WHERE c.kind = w.kind"
    " AND bit_count(c.digest # w.digest) <= :furthest ORDER BY distance LIMIT :most) AS c)"
    f" SELECT DISTINCT ON (near.place, r.id) near.place, near.distance, f.path, {_WORK} FROM near"
    " JOIN registered_files f USING (sha256) JOIN registrations r ON r.id = f.reg_id"
    f" WHERE r.id IS DISTINCT FROM near.apart AND {_NOT_APART}"
    " ORDER BY near.place, r.id, near.distance"
)
_TEXTS_LIKE = text(
    "WITH near AS (SELECT text_id FROM text_prints WHERE hash = ANY(CAST(:hashes AS bigint[]))"  # noqa: S608 - constant columns
    " GROUP BY text_id HAVING count(*) > 1 ORDER BY count(*) DESC LIMIT :most)"
    f" SELECT DISTINCT ON (t.id, r.id) t.letters, t.every, t.prints, f.path, {_WORK} FROM near"
    " JOIN file_texts t ON t.id = near.text_id JOIN registered_files f USING (sha256)"
    " JOIN registrations r ON r.id = f.reg_id WHERE t.sha256 <> :sha256"
    f" AND r.id IS DISTINCT FROM CAST(:apart AS uuid) AND {_NOT_APART} ORDER BY t.id, r.id"
)
_TAKE = text(
    "WITH free AS (SELECT reg_id, seq_in_reg, path FROM registered_files WHERE NOT compared"  # noqa: S608 - constant columns
    " ORDER BY reg_id LIMIT :most FOR UPDATE SKIP LOCKED),"
    " taken AS (UPDATE registered_files f SET compared = true FROM free"
    " WHERE f.reg_id = free.reg_id AND f.seq_in_reg = free.seq_in_reg AND f.path = free.path"
    " RETURNING f.reg_id, f.path, f.sha256, f.sm3)"
    f" SELECT {_WORK}, taken.path, taken.sha256, taken.sm3, c.instance, c.data, d.kind,"
    " CAST(d.digest AS text) AS digest, t.letters, t.every, t.prints"
    " FROM taken JOIN registrations r ON r.id = taken.reg_id"
    " LEFT JOIN file_codes c USING (sha256) LEFT JOIN content_codes d USING (sha256)"
    " LEFT JOIN file_texts t USING (sha256)"
)
_FLAG = text(
    "INSERT INTO possible_matches (reg_id, other_id, path, tier, distance, share, found_at)"
    " SELECT w.*, :found_at FROM unnest(CAST(:reg_id AS uuid[]), CAST(:other_id AS uuid[]),"
    " CAST(:path AS text[]), CAST(:tier AS text[]), CAST(:distance AS integer[]),"
    " CAST(:share AS double precision[])) AS w"
    " ON CONFLICT DO NOTHING RETURNING reg_id, other_id"
)
_FLAGS = text(
    f"SELECT m.path, m.tier, m.distance, m.share, m.found_at, {_WORK} FROM possible_matches m"  # noqa: S608 - constant columns
    " JOIN registrations r ON r.id = m.other_id WHERE m.reg_id = :reg_id"
    " AND (CAST(:before AS uuid) IS NULL OR m.other_id < :before)"
    " ORDER BY m.other_id DESC LIMIT :limit"
)


class DuplicateRepository:
    """`services.copyright.application.duplicates_ports.DuplicateStore`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def keep(self, file: Compared) -> None:
        units, winnowed = file.units, file.winnowed
        row = {"sha256": file.sha256, "instance": units.instance, "data": units.data}
        await self._connection.execute(_KEEP_CODES, row)
        if content := file.comparable:
            told = {"kind": content.kind, "digest": _bits(content.digest)}
            await self._connection.execute(_KEEP_CONTENT, {"sha256": file.sha256, **told})
        if winnowed is not None and winnowed.prints:
            prints = {
                "letters": winnowed.letters,
                "every": winnowed.every,
                "prints": winnowed.packed,
                "hashes": nsmallest(INDEXED, winnowed.hashes),
            }
            await self._connection.execute(_KEEP_TEXT, {"sha256": file.sha256, **prints})

    async def same(
        self, files: Sequence[Compared], apart_from: UUID | None
    ) -> Sequence[tuple[int, Match]]:
        asked = {
            "sha256": [each.sha256 for each in files],
            "sm3": [each.sm3 for each in files],
            "instance": [each.units.instance for each in files],
            "data": [each.units.data for each in files],
            "apart": [each.apart for each in files],
            "apart_from": apart_from,
            "most": _MOST,
        }
        rows = await self._connection.execute(_SAME, asked)
        return [(row.place, Match(_work(row), row.path, Tier(row.tier))) for row in rows]

    async def near(
        self, files: Sequence[Compared], apart_from: UUID | None
    ) -> Sequence[tuple[int, Match]]:
        known = [
            (place, each.apart, content)
            for place, each in enumerate(files)
            if (content := each.comparable)
        ]
        if not known:
            return []
        asked = {
            "places": [place for place, _, _ in known],
            "apart": [apart for _, apart, _ in known],
            "kinds": [content.kind for _, _, content in known],
            "digests": [_bits(content.digest) for _, _, content in known],
            "apart_from": apart_from,
            "furthest": REVIEW,
            "most": _MOST,
        }
        rows = await self._connection.execute(_NEAR, asked)
        return [
            (row.place, Match(_work(row), row.path, tier, row.distance))
            for row in rows
            if (tier := tier_of(row.distance))
        ]

    async def texts_like(
        self, file: Compared, apart_from: UUID | None
    ) -> Sequence[tuple[Match, Winnowed]]:
        asked = {
            "sha256": file.sha256,
            "hashes": list(file.winnowed.hashes) if file.winnowed else [],
            "apart": file.apart,
            "apart_from": apart_from,
            "most": _MOST,
        }
        rows = await self._connection.execute(_TEXTS_LIKE, asked)
        return [
            (
                Match(_work(row), row.path, Tier.CONTAINMENT),
                Winnowed.unpacked(row.letters, row.every, row.prints),
            )
            for row in rows
        ]

    async def take(self, most: int) -> Sequence[Taken]:
        rows = await self._connection.execute(_TAKE, {"most": most})
        return [Taken(_work(row), row.path, _compared(row)) for row in rows]

    async def flag(self, flags: Sequence[Flag], at: datetime) -> Sequence[Flag]:
        # In one order, so that two who flag the same do not wait for each other.
        by_pair = {(each.work.id, each.match.work.id): each for each in sorted(flags, key=_pair)}
        if not by_pair:
            return []
        matches = [each.match for each in by_pair.values()]
        row = {
            "reg_id": [each for each, _ in by_pair],
            "other_id": [other for _, other in by_pair],
            "path": [each.path for each in matches],
            "tier": [each.tier.value for each in matches],
            "distance": [each.distance for each in matches],
            "share": [each.share for each in matches],
            "found_at": at,
        }
        rows = await self._connection.execute(_FLAG, row)
        return [by_pair[_uuid(row.reg_id), _uuid(row.other_id)] for row in rows]

    async def flags(
        self, registration_id: UUID, limit: int, before: UUID | None
    ) -> Sequence[tuple[Match, datetime]]:
        asked = {"reg_id": registration_id, "limit": limit, "before": before}
        rows = await self._connection.execute(_FLAGS, asked)
        return [
            (Match(_work(row), row.path, Tier(row.tier), row.distance, row.share), row.found_at)
            for row in rows
        ]


def _bits(digest: bytes) -> str:
    """As PostgreSQL reads a bit string."""
    return f"x{digest.hex()}"


def _pair(flag: Flag) -> tuple[UUID, UUID]:
    return flag.work.id, flag.match.work.id


def _uuid(value: UUID) -> UUID:
    """asyncpg has a class of its own."""
    return UUID(bytes=value.bytes)


def _work(row: Row[Any]) -> Registered:
    return Registered(_uuid(row.id), row.code, _uuid(row.resource_id), row.resource_version)


def _compared(row: Row[Any]) -> Compared:
    content = None
    if row.kind is not None:
        content = Content(row.kind, int(row.digest, 2).to_bytes(len(row.digest) // 8))
    return Compared(
        row.sha256,
        Units(row.instance, row.data, content),
        Winnowed.unpacked(row.letters, row.every, row.prints) if row.prints else None,
        _uuid(row.id),
        row.sm3,
    )
