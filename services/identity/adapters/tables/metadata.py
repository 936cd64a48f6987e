from typing import Any

from sqlalchemy import DateTime
from sqlalchemy.types import UserDefinedType

from shared.tables import service_metadata

METADATA = service_metadata()
INSTANT = DateTime(timezone=True)


class Ltree(UserDefinedType[str]):
    """PostgreSQL's ltree: labels joined by dots, from the root down."""

    cache_ok = True

    def get_col_spec(self, **_kw: Any) -> str:
        return "LTREE"
