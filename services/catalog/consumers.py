"""Which neighbours are heard, and what each of their events causes here."""

from collections.abc import Callable, Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.organisations import OrganisationStore
from shared.database import UnitOfWork
from shared.events import Envelope
from shared.inbox import Handlers


def hears(
    organisations: Callable[[AsyncConnection], OrganisationStore],
) -> Mapping[str, Handlers]:
    """What is heard, with what is kept of it in `organisations`."""

    async def put(uow: UnitOfWork, envelope: Envelope) -> None:
        await organisations(uow.connection).put(envelope.data)

    async def move(uow: UnitOfWork, envelope: Envelope) -> None:
        told = envelope.data
        await organisations(uow.connection).move(told["old_path"], told["path"])

    async def close(uow: UnitOfWork, envelope: Envelope) -> None:
        await organisations(uow.connection).close(envelope.data["path"])

    tree = {
        "identity.organisation.created.v1": put,
        "identity.organisation.renamed.v1": put,
        "identity.organisation.moved.v1": move,
        "identity.organisation.closed.v1": close,
    }
    return {"identity": tree, "learning": {}, "copyright": {}}
