"""Who may do what with a work on which day, answered from its events and its licences' policies."""

from collections.abc import Callable, Sequence
from uuid import UUID

from services.copyright.application.intake import Stores
from services.copyright.application.offers import Offered, as_whom, offers_of
from services.copyright.application.registrations_ports import RegistrationStore
from services.copyright.domain.odrl import Reason, Use, Verdict, decide
from services.copyright.domain.registrations import Record
from services.copyright.verify.events import Registration, Standing, fold
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import NotFound
from shared.principal import Principal

_REMOVED = Reason("removed", "It was taken down.", "作品已下架。")
_HOLDER = Reason("holder", "You hold it.", "您是权利人。")
_UNLICENSED = Reason("unlicensed", "No licence to you stands.", "没有对您有效的许可。")


class Permissions:
    def __init__(self, new_uow: Callable[[], UnitOfWork], store: Stores, clock: Clock) -> None:
        self._new_uow = new_uow
        self._store = store
        self._clock = clock

    async def offers(self, registration_id: UUID) -> Sequence[Offered]:
        """Every licence that was offered, the oldest first. Raises `NotFound`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            await _found(store, registration_id)
            entries = await store.events(registration_id)
            return await offers_of(store, entries, self._clock())

    async def may(
        self, caller: Principal | None, registration_id: UUID, use: Use
    ) -> tuple[Verdict, str | None]:
        """Whether `use` is permitted, and by which offer, where it needs one.

        Of a use that names no organisation, the caller's own are tried, each with the role held
        there. A licence stands, since it was offered, for whoever its terms name until it is
        withdrawn or another holds the work; later for those who agreed to it in time, unless it was
        revocable and revoked. One that is not revocable stands for good, of the work as it is: a
        later version may come with another.
        Raises `NotFound`.
        """
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            await _found(store, registration_id)
            entries = await store.events(registration_id)
            state = fold(entries)
            if state.standing is Standing.REMOVED:
                return Verdict(False, (_REMOVED,)), None
            parties = await store.parties(registration_id)
            offers = await offers_of(store, entries, self._clock())
        asker = caller.subject if caller else None
        subject = next((each.commitment for each in parties if each.person == asker), None)
        if subject is not None and subject == state.holder:
            return Verdict(True, (_HOLDER,)), None
        offers = [each for each in offers if each.since <= use.at]
        standing = [each for each in offers if _stands_for(each, state, subject)]
        refused: list[Reason] = []
        for each in standing:
            for tried in as_whom(use, caller):
                verdict = decide(each.policy, tried)
                if verdict.permitted:
                    return verdict, each.event
                refused += verdict.reasons
        return Verdict(False, tuple(dict.fromkeys(refused)) or (_UNLICENSED,)), None


async def _found(store: RegistrationStore, registration_id: UUID) -> Record:
    record = await store.get(registration_id)
    if record is None:
        raise NotFound("There is no such registration.", zh="没有这项登记。")
    return record


def _stands_for(offered: Offered, state: Registration, subject: str | None) -> bool:
    for_good = not offered.policy.revocable and offered.event not in state.replaced_offers
    if offered.standing or for_good:
        return True
    return subject in state.offers[offered.event] and not (
        offered.revoked and offered.policy.revocable
    )
