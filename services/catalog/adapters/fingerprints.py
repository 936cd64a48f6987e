"""Fingerprints of texts in PostgreSQL, by the digest of the file whose text it is."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.domain.fingerprints import BANDS, Fingerprint

ALL_BANDS = list(range(BANDS))

_KEEP = text(
    "WITH kept AS (INSERT INTO fingerprints (sha256, grams, signature)"
    " VALUES (:sha256, :grams, :signature) ON CONFLICT DO NOTHING RETURNING sha256)"
    " INSERT INTO fingerprint_bands (band, key, sha256) SELECT w.band, w.key, kept.sha256"
    " FROM kept, unnest(CAST(:bands AS smallint[]), CAST(:keys AS bigint[])) AS w (band, key)"
)


async def keep_fingerprint(connection: AsyncConnection, sha256: bytes, made: Fingerprint) -> None:
    """Once; again is in order."""
    row = {"sha256": sha256, "grams": made.grams, "signature": made.packed}
    await connection.execute(_KEEP, {**row, "bands": ALL_BANDS, "keys": made.bands})
