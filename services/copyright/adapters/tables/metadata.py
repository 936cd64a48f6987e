from shared.tables import INSTANT, service_metadata

METADATA = service_metadata()

__all__ = ["INSTANT", "METADATA"]
