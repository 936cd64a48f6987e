"""Every table of the identity database; migrations are checked against `METADATA`.

A file per noun. Personal values are encrypted (`shared.encryption`, placed by table, column and
row) and found by keyed hash.
"""

from services.identity.adapters.tables import (  # noqa: F401 - each adds its tables
    authentication,
    imports,
    organisations,
    people,
    provider,
)
from services.identity.adapters.tables.metadata import METADATA

__all__ = ["METADATA"]
