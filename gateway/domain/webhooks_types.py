"""Which events leave the house, and what a subscriber must hold for it: whatever is not listed here
nobody is told. None may say who somebody is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.events import Envelope


@dataclass(frozen=True, slots=True)
class EventType:
    """``withheld`` are the members of its data that stay here."""

    scope: str
    withheld: frozenset[str] = frozenset()

    def outside(self, envelope: Envelope) -> Envelope:
        """The event as subscribers get it."""
        return replace(envelope, data=self._without(envelope.data), traceparent=None)

    def schema_outside(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON Schema of the data, as subscribers get them."""
        required = [each for each in schema.get("required", ()) if each not in self.withheld]
        properties = self._without(schema["properties"])
        return {**schema, "properties": properties, "required": required}

    def _without(self, members: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in members.items() if name not in self.withheld}


_RESOURCE = EventType("catalog.read", frozenset({"owner"}))
_REGISTRATION = EventType("copyright.read")
_ORGANISATION = EventType("identity.read")

TYPES: Mapping[str, EventType] = {
    "catalog.resource.published.v1": _RESOURCE,
    "catalog.resource.suspended.v1": _RESOURCE,
    "catalog.resource.retired.v1": _RESOURCE,
    "catalog.resource.restored.v1": _RESOURCE,
    "copyright.registration.changed.v1": _REGISTRATION,
    "copyright.registration.removed.v1": _REGISTRATION,
    "copyright.registration.restored.v1": _REGISTRATION,
    "identity.organisation.created.v1": _ORGANISATION,
    "identity.organisation.renamed.v1": _ORGANISATION,
    "identity.organisation.moved.v1": _ORGANISATION,
    "identity.organisation.closed.v1": _ORGANISATION,
}

SCOPES = frozenset(each.scope for each in TYPES.values())

PING = "gateway.webhook.pinged.v1"
"""What a test sends. It is subscribed to by nobody and never replayed."""
