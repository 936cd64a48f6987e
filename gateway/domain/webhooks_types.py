"""Which events leave the house, what of them, and what a subscriber must hold for it: whatever is
not listed here nobody is told. None may say who somebody is, or hold what somebody wrote."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class EventType:
    """``members`` are those of its data that subscribers get."""

    scope: str
    members: frozenset[str]

    def outside(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The event's data as subscribers get them."""
        return {name: value for name, value in data.items() if name in self.members}

    def schema_outside(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON Schema of what subscribers get."""
        required = [each for each in schema.get("required", ()) if each in self.members]
        return {**schema, "properties": self.outside(schema["properties"]), "required": required}


_RESOURCE = frozenset({"resource_id", "version", "code", "organisation_path"})
_PUBLISHED = EventType(
    "catalog.read", _RESOURCE | {"title_sha256", "licence", "rights_basis", "files"}
)
_TAKEN = EventType("catalog.read", _RESOURCE | {"reason_code"})
_REGISTRATION = EventType(
    "copyright.read",
    frozenset({"registration_id", "code", "resource_id", "resource_version", "event", "standing"}),
)
_AT = frozenset({"organisation_id", "code", "kind", "name", "path", "version"})
_ORGANISATION = EventType("identity.read", _AT)

TYPES: Mapping[str, EventType] = {
    "catalog.resource.published.v1": _PUBLISHED,
    "catalog.resource.suspended.v1": _TAKEN,
    "catalog.resource.retired.v1": _TAKEN,
    "catalog.resource.restored.v1": _TAKEN,
    "copyright.registration.changed.v1": _REGISTRATION,
    "copyright.registration.removed.v1": _REGISTRATION,
    "copyright.registration.restored.v1": _REGISTRATION,
    "identity.organisation.created.v1": _ORGANISATION,
    "identity.organisation.renamed.v1": _ORGANISATION,
    "identity.organisation.moved.v1": EventType("identity.read", _AT | {"old_path"}),
    "identity.organisation.closed.v1": _ORGANISATION,
}

SCOPES = frozenset(each.scope for each in TYPES.values())

PING = "gateway.webhook.pinged.v1"
"""What a test sends. It is subscribed to by nobody and never replayed."""
