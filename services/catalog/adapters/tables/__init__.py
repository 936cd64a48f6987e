"""Every table of the catalog database; migrations are checked against `METADATA`.

A file per noun.
"""

from services.catalog.adapters.tables import (  # noqa: F401 - each adds its tables
    collections,
    inspection,
    intake,
    knowledge,
    publication,
    resources,
    reviews,
    textbooks,
    uploads,
    vocabularies,
)
from services.catalog.adapters.tables.metadata import METADATA

__all__ = ["METADATA"]
