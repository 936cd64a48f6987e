"""Every table of the catalog database; migrations are checked against it."""

from shared.tables import service_metadata

METADATA = service_metadata()
