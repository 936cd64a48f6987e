"""Every table of the learning database; migrations are checked against `METADATA`.

A file per noun.
"""

from services.learning.adapters.tables import (
    activity,
    allowed_applications,
    applications,
    archive,
    assignments,
    boards,
    courses,
    directory,
    documents,
    spaces,
    submissions,
)
from services.learning.adapters.tables.metadata import METADATA

__all__ = [
    "METADATA",
    "activity",
    "allowed_applications",
    "applications",
    "archive",
    "assignments",
    "boards",
    "courses",
    "directory",
    "documents",
    "spaces",
    "submissions",
]
