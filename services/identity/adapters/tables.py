"""Every table of the identity database; migrations are checked against it."""

from shared.tables import service_metadata

METADATA = service_metadata()
