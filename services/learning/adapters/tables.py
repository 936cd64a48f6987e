"""Every table of the learning database; migrations are checked against it."""

from shared.tables import service_metadata

METADATA = service_metadata()
