"""What homework keeps of a person who is erased, in PostgreSQL."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_FORGET = [
    text(statement)
    for statement in (
        "INSERT INTO discarded_objects (key) SELECT 'homework/' || id FROM homework_files"
        " WHERE person = :person ON CONFLICT DO NOTHING",
        "DELETE FROM homework_files WHERE person = :person",
        "DELETE FROM hand_ins WHERE submission_id IN"
        " (SELECT id FROM submissions WHERE person = :person)",
        "DELETE FROM submissions WHERE person = :person",
        "UPDATE submissions SET marked_by = NULL WHERE marked_by = :person",
        "UPDATE assignments SET owner = NULL WHERE owner = :person",
    )
]


async def forget(connection: AsyncConnection, person: str) -> None:
    """All that `person` handed in goes; the homework that `person` gave and the marks stay, without
    the name."""
    for statement in _FORGET:
        await connection.execute(statement, {"person": person})
