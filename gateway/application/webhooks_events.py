"""What is kept for webhooks of what is heard: the events to tell, and what becomes of
applications and organisations."""

from dataclasses import replace
from typing import Protocol

from gateway.domain.webhooks_types import TYPES
from shared.events import Envelope


class EventStore(Protocol):
    """Each leaves the commit to the transaction in which the event is heard."""

    async def record(self, event: Envelope, scope: str) -> None:
        """Keep `event` for replays and queue it for each webhook that is told of its type; at the
        next position, once, whatever is recorded at the same time."""
        ...

    async def suspend(self, client: str, *, suspended: bool) -> None:
        """Whether the webhooks of an application stay silent."""
        ...

    async def narrow(self, client: str, scopes: list[str]) -> None:
        """Take from its webhooks the scopes that the application has no more."""
        ...

    async def move(self, old_path: str, path: str) -> None:
        """Put the webhooks of an organisation, and of those below it, to the new place."""
        ...


async def tell(store: EventStore, heard: Envelope) -> None:
    """Record an event of one of the `TYPES` as far as it is told outside."""
    kind = TYPES[heard.type]
    told = replace(heard, data=kind.outside(heard.data), traceparent=None)
    await store.record(told, kind.scope)
