"""Which neighbours are heard, and what each of their events causes here."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.changes import ChangeLog
from services.catalog.application.feedback import FeedbackStore
from services.catalog.application.impact import CourseReferences
from services.catalog.application.notices import Notices
from services.catalog.application.organisations import OrganisationStore
from services.catalog.application.policies import JUDGES, Roster
from services.catalog.application.reviews_levels import follow, relieve
from services.catalog.application.reviews_ports import ReviewStore
from services.catalog.domain.notices import Ground, RemovalReason, RestorationReason
from shared.database import UnitOfWork
from shared.events import Envelope
from shared.inbox import Handlers


def hears(
    organisations: Callable[[AsyncConnection], OrganisationStore],
    changes: Callable[[AsyncConnection], ChangeLog],
    courses: Callable[[AsyncConnection], CourseReferences],
    roster: Callable[[AsyncConnection], Roster],
    reviews: Callable[[AsyncConnection], ReviewStore],
    feedback: Callable[[AsyncConnection], FeedbackStore],
) -> Mapping[str, Handlers]:
    """What is heard, with what is kept of it in `organisations`, `courses`, `roster`,
    `reviews` and `feedback`."""

    async def put(uow: UnitOfWork, envelope: Envelope) -> None:
        await organisations(uow.connection).put(envelope.data)

    async def move(uow: UnitOfWork, envelope: Envelope) -> None:
        told = envelope.data
        await organisations(uow.connection).move(told["old_path"], told["path"])
        await changes(uow.connection).append_moved(told["path"], envelope.time)
        await follow(reviews(uow.connection), uow, told["path"], envelope.time)

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
        person = await roster(uow.connection).strike(UUID(envelope.data["grant_id"]))
        if person is not None:
            await relieve(reviews(uow.connection), person, envelope.time)

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
    return {"identity": tree, "learning": references}


def hears_of_rights(notices: Callable[[], Notices]) -> Handlers:
    """What is heard of the rights in resources. `notices` is asked for when an event is there: it
    is built after what hears them."""

    async def remove(uow: UnitOfWork, envelope: Envelope) -> None:
        told = envelope.data
        if _is_of_a_publication(told):
            words = (
                f"版权登记 {told['code']} 经投诉处理被撤下。"
                f" A complaint about registration {told['code']} was upheld."
            )
            ground = Ground(_registration(told), RemovalReason.RIGHTS_NOTICE, words)
            await notices().suspend_for(uow, ground, UUID(told["resource_id"]))

    async def stand_again(uow: UnitOfWork, envelope: Envelope) -> None:
        told = envelope.data
        if _is_of_a_publication(told):
            words = f"版权登记 {told['code']} 已恢复。 Registration {told['code']} stands again."
            ground = Ground(_registration(told), RestorationReason.CLEARED, words)
            await notices().restore_for(uow, ground, UUID(told["resource_id"]))

    async def end(uow: UnitOfWork, envelope: Envelope) -> None:
        told = envelope.data
        if told["used_in"] is not None:
            words = (
                f"所使用作品（版权登记 {told['code']}）的授权已终止。"
                f" The licence to use the work registered as {told['code']} has ended."
            )
            ground = Ground(_agreement(told), RemovalReason.RIGHTS_EXPIRED, words)
            await notices().suspend_for(uow, ground, UUID(told["used_in"]))

    async def resume(uow: UnitOfWork, envelope: Envelope) -> None:
        told = envelope.data
        if told["used_in"] is not None:
            words = (
                f"所使用作品（版权登记 {told['code']}）的授权已恢复。"
                f" The licence to use the work registered as {told['code']} holds again."
            )
            ground = Ground(_agreement(told), RestorationReason.RIGHTS_RENEWED, words)
            await notices().restore_for(uow, ground, UUID(told["used_in"]))

    return {
        "copyright.registration.removed.v1": remove,
        "copyright.registration.restored.v1": stand_again,
        "copyright.reuse.ended.v1": end,
        "copyright.reuse.resumed.v1": resume,
    }


def _is_of_a_publication(told: Mapping[str, Any]) -> bool:
    """Whether the registration was made of what was published here, which has a version. By hand
    anybody registers a work as being any resource: what becomes of that is none of its readers'."""
    return told["resource_version"] is not None


def _registration(told: Mapping[str, Any]) -> str:
    return f"registration:{told['registration_id']}"


def _agreement(told: Mapping[str, Any]) -> str:
    return f"agreement:{told['agreement']}"
