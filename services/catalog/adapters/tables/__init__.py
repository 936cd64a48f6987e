"""Every table of the catalog database; migrations are checked against `METADATA`.

A file per noun.
"""

from services.catalog.adapters.tables.metadata import METADATA

__all__ = ["METADATA"]
