"""Every table of the gateway's database; migrations are checked against `METADATA`."""

from gateway.adapters.tables import portal, quotas, usage, webhooks
from gateway.adapters.tables.metadata import METADATA

__all__ = ["METADATA", "portal", "quotas", "usage", "webhooks"]
