"""Which neighbours are heard, and what each of their events causes here."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.application.directory import DirectoryStore
from services.learning.domain.directory import Standing
from shared.database import UnitOfWork
from shared.events import Envelope
from shared.inbox import Handler, Handlers

Forget = Callable[[UnitOfWork, str], Awaitable[None]]
"""Takes away what a part keeps of a person who is erased, by id."""


def hears(
    directory: Callable[[AsyncConnection], DirectoryStore], forget: Sequence[Forget] = ()
) -> Mapping[str, Handlers]:
    """What is heard, with what is kept of it in `directory`; `forget` is what each part does when a
    person is erased."""

    async def put(uow: UnitOfWork, envelope: Envelope) -> None:
        await directory(uow.connection).put_organisation(envelope.data)

    async def move(uow: UnitOfWork, envelope: Envelope) -> None:
        await directory(uow.connection).move(envelope.data["old_path"], envelope.data["path"])

    async def close(uow: UnitOfWork, envelope: Envelope) -> None:
        await directory(uow.connection).close(envelope.data["path"])

    async def belong(uow: UnitOfWork, envelope: Envelope) -> None:
        await directory(uow.connection).put_member(envelope.data)

    async def appoint(uow: UnitOfWork, envelope: Envelope) -> None:
        await directory(uow.connection).put_role(envelope.data)

    async def guard(uow: UnitOfWork, envelope: Envelope) -> None:
        await directory(uow.connection).put_guardianship(envelope.data)

    async def part(uow: UnitOfWork, envelope: Envelope) -> None:
        await directory(uow.connection).drop_guardianship(envelope.data)

    async def consent(uow: UnitOfWork, envelope: Envelope) -> None:
        await directory(uow.connection).put_consent(envelope.data)

    async def withdraw(uow: UnitOfWork, envelope: Envelope) -> None:
        await directory(uow.connection).drop_consent(UUID(envelope.data["consent_id"]))

    async def erase(uow: UnitOfWork, envelope: Envelope) -> None:
        person = envelope.data["person_id"]
        await directory(uow.connection).forget(person)
        for each in forget:
            await each(uow, person)

    async def publish(uow: UnitOfWork, envelope: Envelope) -> None:
        await directory(uow.connection).publish(envelope.data)

    def judge(standing: Standing) -> Handler:
        async def judged(uow: UnitOfWork, envelope: Envelope) -> None:
            await directory(uow.connection).judge(envelope.data, standing)

        return judged

    people = {
        "identity.organisation.created.v1": put,
        "identity.organisation.renamed.v1": put,
        "identity.organisation.moved.v1": move,
        "identity.organisation.closed.v1": close,
        "identity.membership.started.v1": belong,
        "identity.membership.ended.v1": belong,
        "identity.role.granted.v1": appoint,
        "identity.role.revoked.v1": appoint,
        "identity.guardianship.verified.v1": guard,
        "identity.guardianship.ended.v1": part,
        "identity.consent.given.v1": consent,
        "identity.consent.withdrawn.v1": withdraw,
        "identity.person.erased.v1": erase,
    }
    resources = {
        "catalog.resource.published.v1": publish,
        "catalog.resource.suspended.v1": judge(Standing.SUSPENDED),
        "catalog.resource.retired.v1": judge(Standing.RETIRED),
        "catalog.resource.restored.v1": judge(Standing.LIVE),
    }
    return {"identity": people, "catalog": resources, "copyright": {}}
