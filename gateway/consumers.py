"""Which neighbours are heard, and what each of their events causes here."""

from collections.abc import Callable, Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.application.usage import ApplicationStore
from gateway.application.webhooks_events import EventStore, tell
from gateway.domain.webhooks_types import TYPES
from shared.database import UnitOfWork
from shared.events import Envelope
from shared.inbox import Handler, Handlers


def hears(
    webhooks: Callable[[AsyncConnection], EventStore],
    applications: Callable[[AsyncConnection], ApplicationStore],
) -> Mapping[str, Handlers]:
    """What is heard, with what is kept of it."""

    async def record(uow: UnitOfWork, envelope: Envelope) -> None:
        await tell(webhooks(uow.connection), envelope)

    async def move(uow: UnitOfWork, envelope: Envelope) -> None:
        store, moved = webhooks(uow.connection), envelope.data
        await store.move(moved["old_path"], moved["path"])
        await applications(uow.connection).move(moved["old_path"], moved["path"])
        await tell(store, envelope)

    async def suspend(uow: UnitOfWork, envelope: Envelope) -> None:
        await webhooks(uow.connection).suspend(envelope.data["client_id"], suspended=True)
        await applications(uow.connection).note(envelope.data)

    async def approve(uow: UnitOfWork, envelope: Envelope) -> None:
        store, client = webhooks(uow.connection), envelope.data
        await store.suspend(client["client_id"], suspended=False)
        await store.narrow(client["client_id"], client["scopes"])
        await applications(uow.connection).note(client)

    async def change(uow: UnitOfWork, envelope: Envelope) -> None:
        client = envelope.data
        await webhooks(uow.connection).narrow(client["client_id"], client["scopes"])
        await applications(uow.connection).note(client)

    heard: dict[str, dict[str, Handler]] = {
        "identity": {
            "identity.client.suspended.v1": suspend,
            "identity.client.approved.v1": approve,
            "identity.client.changed.v1": change,
        },
        "catalog": {},
        "learning": {},
        "copyright": {},
    }
    for event_type in TYPES:
        heard[event_type.partition(".")[0]][event_type] = record
    heard["identity"]["identity.organisation.moved.v1"] = move
    return heard
