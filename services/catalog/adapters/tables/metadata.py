from shared.tables import INSTANT, Ltree, service_metadata

__all__ = ["INSTANT", "METADATA", "Ltree"]

METADATA = service_metadata()
