"""Who may do what with a work on which day, answered from its events and its licences' policies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from services.copyright.application.intake import Stores
from services.copyright.application.registrations_ports import RegistrationStore
from services.copyright.domain.odrl import Policy, Reason, Use, Verdict, decide
from services.copyright.domain.registrations import Record
from services.copyright.verify.events import Registration, Standing, fold
from services.copyright.verify.leaf import Leaf, event_hash
from shared.access import grants_of
from shared.database import UnitOfWork
from shared.errors import NotFound
from shared.principal import Principal

_REMOVED = Reason("removed", "It was taken down.", "作品已下架。")
_HOLDER = Reason("holder", "You hold it.", "您是权利人。")
_UNLICENSED = Reason("unlicensed", "No licence to you stands.", "没有对您有效的许可。")


@dataclass(frozen=True)
class Offered:
    """A licence that an event offers, with its policy as it was read and as it is written."""

    event: str
    policy: Policy
    document: bytes
    open: bool
    revoked: bool
    agreed: int


class Permissions:
    def __init__(self, new_uow: Callable[[], UnitOfWork], store: Stores) -> None:
        self._new_uow = new_uow
        self._store = store

    async def offers(self, registration_id: UUID) -> Sequence[Offered]:
        """Every licence that was offered, the oldest first. Raises `NotFound`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            await _found(store, registration_id)
            entries = await store.events(registration_id)
            return await _offers(store, fold(entries), entries)

    async def may(
        self, caller: Principal | None, registration_id: UUID, use: Use
    ) -> tuple[Verdict, str | None]:
        """Whether `use` is permitted, and by which offer, where it needs one.

        Of a use that names no organisation, the caller's own are tried, each with the role held
        there. A licence stands for whoever its terms name while it is open; later for those who
        agreed to it in time, unless it was revocable and revoked. Raises `NotFound`.
        """
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            await _found(store, registration_id)
            entries = await store.events(registration_id)
            state = fold(entries)
            if state.standing is Standing.REMOVED:
                return Verdict(False, (_REMOVED,)), None
            parties = await store.parties(registration_id)
            offers = await _offers(store, state, entries)
        asker = caller.subject if caller else None
        subject = next((each.commitment for each in parties if each.person == asker), None)
        if subject is not None and subject == state.holder:
            return Verdict(True, (_HOLDER,)), None
        standing = [each for each in offers if _stands_for(each, state, subject)]
        refused: list[Reason] = []
        for each in standing:
            for tried in _as_whom(use, caller):
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


async def _offers(
    store: RegistrationStore, state: Registration, entries: Sequence[bytes]
) -> list[Offered]:
    found = []
    for entry in entries:
        event, digest = event_hash(entry), Leaf.parse(entry).rights_policy_sha256
        document = await store.policy(digest) if digest and event in state.offers else None
        if document is not None:
            open_, revoked = event in state.open_offers, event in state.revoked_offers
            agreed = len(state.offers[event])
            policy = Policy.parse(document)
            found.append(Offered(event, policy, document, open_, revoked, agreed))
    return found


def _stands_for(offered: Offered, state: Registration, subject: str | None) -> bool:
    if offered.open:
        return True
    return subject in state.offers[offered.event] and not (
        offered.revoked and offered.policy.revocable
    )


def _as_whom(use: Use, caller: Principal | None) -> Sequence[Use]:
    """`use` as it was asked, or as each of the caller's roles would make it."""
    if caller is None or use.organisation is not None or use.role is not None:
        return [use]
    held = [replace(use, organisation=grant.path, role=grant.role) for grant in grants_of(caller)]
    return held or [use]
