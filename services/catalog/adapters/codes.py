"""What tells files that are alike, in PostgreSQL, by the digest of the file."""

from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.domain.codes import Codes, Iscc
from shared.winnowing import Winnowed

CODE_COLUMNS: Final = "c.instance, c.data, c.content, c.letters, c.every, c.prints"
_KEEP = text(
    "INSERT INTO file_codes (sha256, instance, data, content, letters, every, prints)"
    " VALUES (:sha256, :instance, :data, :content, :letters, :every, :prints)"
    " ON CONFLICT (sha256) DO UPDATE SET content = excluded.content, letters = excluded.letters,"
    " every = excluded.every, prints = excluded.prints"
)


async def keep_codes(connection: AsyncConnection, sha256: bytes, made: Codes) -> None:
    """The newest takes the place of an earlier one."""
    winnowed = made.winnowed
    row = {
        "sha256": sha256,
        "instance": made.iscc.instance,
        "data": made.iscc.data,
        "content": made.iscc.content,
        "letters": winnowed and winnowed.letters,
        "every": winnowed and winnowed.every,
        "prints": winnowed and winnowed.packed,
    }
    await connection.execute(_KEEP, row)


def codes_of(row: Row[Any]) -> Codes | None:
    """From `CODE_COLUMNS`; None where a file has none."""
    if row.instance is None:
        return None
    has_text = row.prints is not None
    winnowed = Winnowed.unpacked(row.letters, row.every, row.prints) if has_text else None
    return Codes(Iscc(row.instance, row.data, row.content), winnowed)
