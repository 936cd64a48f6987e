from shared.tables import service_metadata

METADATA = service_metadata()
"""The tables of the house, joined by this service's own."""
