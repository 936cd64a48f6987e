"""Which neighbours are heard, and what each of their events causes here."""

from collections.abc import Callable, Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.changes import ChangeLog
from services.catalog.application.feedback import FeedbackStore
from services.catalog.application.impact import CourseReferences
from services.catalog.application.organisations import OrganisationStore
from services.catalog.application.policies import JUDGES, Roster
from shared.database import UnitOfWork
from shared.events import Envelope
from shared.inbox import Handlers


def hears(
    organisations: Callable[[AsyncConnection], OrganisationStore],
    changes: Callable[[AsyncConnection], ChangeLog],
    courses: Callable[[AsyncConnection], CourseReferences],
    roster: Callable[[AsyncConnection], Roster],
    feedback: Callable[[AsyncConnection], FeedbackStore],
) -> Mapping[str, Handlers]:
    """What is heard, with what is kept of it in `organisations`, `courses`, `roster` and
    `feedback`."""

    async def put(uow: UnitOfWork, envelope: Envelope) -> None:
        await organisations(uow.connection).put(envelope.data)

    async def move(uow: UnitOfWork, envelope: Envelope) -> None:
        told = envelope.data
        await organisations(uow.connection).move(told["old_path"], told["path"])
        await changes(uow.connection).append_moved(told["path"], envelope.time)

    async def close(uow: UnitOfWork, envelope: Envelope) -> None:
        await organisations(uow.connection).close(envelope.data["path"])

    async def refer(uow: UnitOfWork, envelope: Envelope) -> None:
        await courses(uow.connection).add(envelope.data)

    async def let_go(uow: UnitOfWork, envelope: Envelope) -> None:
        await courses(uow.connection).remove(envelope.data)

    async def enrol(uow: UnitOfWork, envelope: Envelope) -> None:
        if envelope.data["role"] in JUDGES:
            await roster(uow.connection).enrol(envelope.data)

    async def strike(uow: UnitOfWork, envelope: Envelope) -> None:
        await roster(uow.connection).strike(UUID(envelope.data["grant_id"]))

    async def forget(uow: UnitOfWork, envelope: Envelope) -> None:
        await feedback(uow.connection).forget(envelope.data["person_id"])

    tree = {
        "identity.organisation.created.v1": put,
        "identity.organisation.renamed.v1": put,
        "identity.organisation.moved.v1": move,
        "identity.organisation.closed.v1": close,
        "identity.person.erased.v1": forget,
        "identity.role.granted.v1": enrol,
        "identity.role.revoked.v1": strike,
    }
    references = {
        "learning.reference.added.v1": refer,
        "learning.reference.removed.v1": let_go,
    }
    return {"identity": tree, "learning": references, "copyright": {}}
