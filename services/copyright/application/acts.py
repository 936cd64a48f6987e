"""Licences and transfers: what holders and those they deal with do after the first event."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from uuid import UUID

from services.copyright.application.holders import is_anothers
from services.copyright.application.intake import Intake
from services.copyright.application.journal import Act, authenticated
from services.copyright.application.offers import offers_of
from services.copyright.domain.licences import TEMPLATES, Terms
from services.copyright.domain.registrations import (
    NotAllowedNow,
    NotTheirs,
    Record,
    TermsUnfit,
)
from services.copyright.verify.events import fold
from shared.access import Rule, grants_of
from shared.civil import civil_time
from shared.database import UnitOfWork
from shared.errors import NotFound
from shared.principal import Principal

ACT = Rule("copyright.write")


class Acts:
    """Each use case adds one event to a registration. `head` is the event that the caller took for
    the last one. All raise `NotFound`, `HeadMoved`, `NotAllowedNow`, `NotTheirs`."""

    def __init__(self, new_uow: Callable[[], UnitOfWork], intake: Intake) -> None:
        self._new_uow = new_uow
        self._intake = intake

    async def offer(
        self,
        caller: Principal,
        registration_id: UUID,
        template: str,
        terms: Terms | None,
        head: str | None,
    ) -> Record:
        """Offer the licence of a template, where it is for teaching on `terms`, to whoever agrees.
        Raises `TermsUnfit` too."""
        async with self._new_uow() as uow:
            store = self._intake.store(uow.connection)
            record = await self._locked(uow, registration_id)
            offered = TEMPLATES[template]
            if offered.teaching:
                terms = terms or Terms()
                organisation = terms.organisation or record.organisation_path
                terms = replace(terms, organisation=organisation)
                self._require_ahead(terms)
                _require_within_reach(caller, record, terms)
            fields = {
                "rights_policy_sha256": await self._intake.kept(store, record, offered, terms)
            }
            act = Act(
                "licence.offer", caller.subject, authenticated(caller), head=head, fields=fields
            )
            return await self._append(uow, record, act)

    async def agree(
        self,
        caller: Principal,
        registration_id: UUID,
        offer: str,
        used_in: UUID | None,
        head: str | None,
    ) -> Record:
        """Agree to a licence, for a resource of the caller's that reuses the work where one is
        named."""
        async with self._new_uow() as uow:
            store = self._intake.store(uow.connection)
            if used_in is not None and await is_anothers(store, used_in, caller.subject):
                raise NotTheirs(
                    "The resource that reuses the work is another holder's.",
                    zh="使用该作品的资源属于他人。",
                )
            record = await self._locked(uow, registration_id)
            await self._require_open(uow, caller, record, offer, used_in)
            act = Act(
                "licence.agree",
                caller.subject,
                authenticated(caller),
                {"offer": offer},
                head,
                used_in=used_in,
            )
            return await self._append(uow, record, act)

    async def revoke(
        self, caller: Principal, registration_id: UUID, offer: str, head: str | None
    ) -> Record:
        """Withdraw an offer. A licence for teaching ends for who agreed to it; a public one stands
        for good, though nobody is told any more to agree to it."""
        return await self._simply(caller, registration_id, "licence.revoke", {"offer": offer}, head)

    async def accept(
        self, caller: Principal, registration_id: UUID, proposal: str, head: str | None
    ) -> Record:
        """Accept a transfer that was proposed to the caller."""
        detail = {"proposal": proposal}
        return await self._simply(caller, registration_id, "transfer.accept", detail, head)

    async def propose(
        self, caller: Principal, registration_id: UUID, recipient: str, head: str | None
    ) -> Record:
        """Propose to transfer what the caller holds; it passes when the recipient accepts."""
        async with self._new_uow() as uow:
            record = await self._locked(uow, registration_id)
            to = await self._intake.journal(uow).party(record, recipient)
            auth, detail = authenticated(caller), {"to": to.commitment}
            act = Act("transfer.propose", caller.subject, auth, detail, head)
            return await self._append(uow, record, act)

    async def _simply(
        self,
        caller: Principal,
        registration_id: UUID,
        kind: str,
        detail: Mapping[str, str],
        head: str | None,
    ) -> Record:
        async with self._new_uow() as uow:
            record = await self._locked(uow, registration_id)
            act = Act(kind, caller.subject, authenticated(caller), detail, head)
            return await self._append(uow, record, act)

    async def _append(self, uow: UnitOfWork, record: Record, act: Act) -> Record:
        return await uow.commit(await self._intake.journal(uow).append(record, act))

    async def _require_open(
        self, uow: UnitOfWork, caller: Principal, record: Record, offer: str, used_in: UUID | None
    ) -> None:
        """What the events do not say of an offer. Those they do not know are for them to refuse."""
        store, now = self._intake.store(uow.connection), self._intake.clock()
        entries = await store.events(record.id)
        found = {each.event: each for each in await offers_of(store, entries, now)}.get(offer)
        if found is None:
            if offer in fold(entries).offers:
                raise NotAllowedNow(
                    "The terms of this offer were lost: ask the holder to offer it anew.",
                    zh="该许可的条款已丢失，请联系权利人重新发出。",
                )
            return
        until = found.policy.until
        if until is not None and until <= now:
            raise NotAllowedNow(
                f"The offer expired at {until:%Y-%m-%dT%H:%M:%SZ}: ask the holder for another.",
                zh=f"该许可已于北京时间 {civil_time(until)} 到期，请联系权利人重新发出。",
            )
        if (refused := found.refuses(caller, now)) is not None:
            raise NotTheirs(
                f"The licence is not for you: {refused.en}", zh=f"该许可不面向您：{refused.zh}"
            )
        if await self._intake.consequences(uow).has_agreed(record, offer, caller.subject, used_in):
            raise NotAllowedNow(
                "You agreed to it already, and that stands: there is nothing more to do.",
                zh="您已接受该许可，且仍然有效，无须重复接受。",
            )

    def _require_ahead(self, terms: Terms) -> None:
        if terms.until is not None and terms.until <= self._intake.clock():
            raise TermsUnfit("It would have expired already.", zh="到期时间须在将来。")

    async def _locked(self, uow: UnitOfWork, registration_id: UUID) -> Record:
        record = await self._intake.store(uow.connection).locked(registration_id)
        if record is None:
            raise NotFound("There is no such registration.", zh="没有这项登记。")
        return record


def _require_within_reach(caller: Principal, record: Record, terms: Terms) -> None:
    """A typing error would be logged for ever, as a licence that nobody can ever have."""
    known = [record.organisation_path or "", *(grant.path for grant in grants_of(caller))]
    provinces = {each.partition(".")[0] for each in known if each}
    named = (terms.organisation or "").partition(".")[0]
    if provinces and named and named not in provinces:
        raise TermsUnfit(
            f"{terms.organisation} is in none of the provinces where you have a role.",
            zh=f"机构 {terms.organisation} 不在您任职的省份内。",
        )
