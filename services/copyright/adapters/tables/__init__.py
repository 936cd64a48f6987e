"""Every table of the copyright database; migrations are checked against `METADATA`.

A file per noun.
"""

from services.copyright.adapters.tables import (  # noqa: F401 - each adds its tables
    agreements,
    deposits,
    duplicates,
    frozen_logs,
    log,
    registrations,
)
from services.copyright.adapters.tables.metadata import METADATA

__all__ = ["METADATA"]
