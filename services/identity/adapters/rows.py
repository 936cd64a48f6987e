from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping


def plain(row: RowMapping) -> dict[str, Any]:
    """The row with ids as `uuid.UUID`: the driver's own subclass does not go into an event."""
    return {
        name: UUID(bytes=value.bytes) if isinstance(value, UUID) else value
        for name, value in row.items()
    }
