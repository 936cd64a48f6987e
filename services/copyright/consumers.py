"""Which neighbours are heard, and what each of their events causes here."""

from collections.abc import Mapping

from services.copyright.application.duplicates import Likenesses, keep_likeness
from services.copyright.application.intake import Intake
from shared.database import UnitOfWork
from shared.events import Envelope
from shared.inbox import Handlers

HEARS: Mapping[str, Handlers] = {
    "identity": {},
    "catalog": {},
    "learning": {},
}


def hears(intake: Intake, likenesses: Likenesses) -> Mapping[str, Handlers]:
    """What is heard, and what `intake` makes of it; `likenesses` keep what it is compared by."""

    async def published(uow: UnitOfWork, envelope: Envelope) -> None:
        await intake.register_published(uow, envelope.data, envelope.time)
        await keep_likeness(likenesses(uow.connection), envelope.data)

    async def erased(uow: UnitOfWork, envelope: Envelope) -> None:
        await intake.forget(uow, envelope.data["person_id"])

    return {
        **HEARS,
        "identity": {"identity.person.erased.v1": erased},
        "catalog": {"catalog.resource.published.v1": published},
    }
