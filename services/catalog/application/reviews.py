"""What reviewers do: claim a case, speak about it, judge it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.resources import ResourceStore
from services.catalog.application.reviews_access import at_level, people_of, seen, situation_of
from services.catalog.application.reviews_levels import (
    chain_for,
    moved,
    note,
    open_level,
    passed_on,
)
from services.catalog.application.reviews_places import Place, checked_places
from services.catalog.application.reviews_ports import PolicyRows, Publishing, ReviewStore
from services.catalog.domain.lifecycle import Action, Situation, State, step
from services.catalog.domain.policies import heightened
from services.catalog.domain.reviews import (
    AssigneeRefused,
    Case,
    Claim,
    ContentMoved,
    Criterion,
    Decision,
    EventKind,
    Importance,
    Judgement,
    ReasonCode,
    Verdict,
    check_verdict,
    outcome,
)
from services.catalog.domain.reviews_events import ReviewAssigned, ReviewDecided
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import PreconditionMissing, StaleVersion
from shared.principal import Principal


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a reviewer says. ``digest`` is of the content seen, ``version`` that of the case as it
    was read; one of them is given. ``items`` tell what to change where."""

    decision: Decision
    criteria: Mapping[Criterion, Judgement]
    reason_code: ReasonCode | None
    comment: str
    items: Sequence[tuple[Place, str]]
    digest: bytes | None
    version: int | None


@dataclass(frozen=True, slots=True)
class Handled:
    """A case as the caller left it."""

    case: Case
    situation: Situation
    claims: Sequence[Claim]


class Reviews:
    """Whom a review is no business of learns nothing of it. Resources are locked before cases."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        resources: Callable[[AsyncConnection], ResourceStore],
        reviews: Callable[[AsyncConnection], ReviewStore],
        policies: Callable[[AsyncConnection], PolicyRows],
        publishing: Publishing,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._resources = resources
        self._reviews = reviews
        self._policies = policies
        self._publishing = publishing
        self._clock = clock

    async def claim(self, caller: Principal, case_id: UUID) -> Handled:
        """A lease on a seat of the level; again renews it.

        Raises `NotFound`, `Forbidden`, `ActionRefused`.
        """
        async with self._new_uow() as uow:
            store, now = self._reviews(uow.connection), self._clock()
            case = seen(caller, await store.locked(case_id))
            step(Action.CLAIM, await situation_of(store, caller, case, now))
            claim = Claim(caller.subject, case.lease_from(now))
            case = case.changed(now)
            await store.claim(case.id, claim)
            await store.save(case)
            told = {"until": claim.lease_until.isoformat(), "level": case.at.kind}
            await store.tell(case, EventKind.CLAIMED, caller.subject, told)
            note(uow, "claimed", case)
            return await uow.commit(await self._handled(store, caller, case))

    async def release(self, caller: Principal, case_id: UUID) -> Handled:
        """Let others have it. Raises `NotFound`, `Forbidden`, `ActionRefused`."""
        async with self._new_uow() as uow:
            store, now = self._reviews(uow.connection), self._clock()
            case = seen(caller, await store.locked(case_id))
            step(Action.RELEASE, await situation_of(store, caller, case, now))
            case = case.changed(now)
            await store.release(case.id, caller.subject)
            await store.save(case)
            await store.tell(case, EventKind.RELEASED, caller.subject, {})
            note(uow, "released", case)
            return await uow.commit(await self._handled(store, caller, case))

    async def assign(self, caller: Principal, case_id: UUID, person: str | None) -> Handled:
        """Give it to that person, or to nobody in particular; whoever holds a claim keeps it.

        Raises `NotFound`, `Forbidden`, `ActionRefused`, `AssigneeRefused`.
        """
        async with self._new_uow() as uow:
            store, now = self._reviews(uow.connection), self._clock()
            case = seen(caller, await store.locked(case_id))
            step(Action.ASSIGN, await situation_of(store, caller, case, now))
            if person is not None and await _must_not_judge(store, case, person, now):
                raise AssigneeRefused(
                    "That person does not judge at this level, made something of it, judged it"
                    " already, or is excluded.",
                    zh="该人员不是本级审核员，或参与制作、本轮已审核、须回避，请另派他人。",
                )
            case = case.changed(now, assignee=person)
            await store.save(case)
            told = {"assignee": person, "level": case.at.kind}
            await store.tell(case, EventKind.ASSIGNED, caller.subject, told)
            uow.outbox.append(ReviewAssigned.of(case))
            note(uow, "assigned", case, assignee=person)
            return await uow.commit(await self._handled(store, caller, case))

    async def raise_importance(self, caller: Principal, case_id: UUID, words: str) -> Handled:
        """Have it judged as important: also by those levels above that judge what is.

        Raises `NotFound`, `Forbidden`, `ActionRefused`.
        """
        async with self._new_uow() as uow:
            store, now = self._reviews(uow.connection), self._clock()
            case = seen(caller, await store.locked(case_id))
            step(Action.RAISE, await situation_of(store, caller, case, now))
            version = await self._resources(uow.connection).version(case.resource_id, case.number)
            types = version.content.metadata.get("resource_types", ()) if version else ()
            path, important = case.organisation_path, Importance.IMPORTANT
            policies = self._policies(uow.connection)
            above = await chain_for(policies, path, types, important, case.makers)
            chain = heightened(case.chain, above)
            case = case.changed(now, importance=important, chain=chain)
            await store.save(case)
            told = {"comment": words, "levels": [each.kind for each in chain]}
            await store.tell(case, EventKind.RAISED, caller.subject, told)
            note(uow, "raised", case)
            return await uow.commit(await self._handled(store, caller, case))

    async def comment(
        self,
        caller: Principal,
        case_id: UUID,
        words: str,
        place: Place | None,
        attachments: Sequence[UUID],
    ) -> Handled:
        """Words in the timeline, about a place of what is judged unless None, with uploads of the
        caller's.

        Raises `NotFound`, `Forbidden`, `ActionRefused`, `PlacesRefused`.
        """
        async with self._new_uow() as uow:
            store, now = self._reviews(uow.connection), self._clock()
            case = seen(caller, await store.locked(case_id))
            step(Action.COMMENT, await situation_of(store, caller, case, now))
            resources = self._resources(uow.connection)
            told: dict[str, Any] = {"comment": words}
            places = [("#/place", place)] if place else []
            found, files = await checked_places(resources, caller, case, places, attachments)
            if found:
                told["place"] = found[0]
            if files:
                told["attachments"] = files
            for each in files:
                await store.attach(case.id, UUID(each["upload_id"]), each["filename"])
            case = case.changed(now)
            await store.save(case)
            await store.tell(case, EventKind.COMMENTED, caller.subject, told)
            note(uow, "commented", case)
            return await uow.commit(await self._handled(store, caller, case))

    async def decide(self, caller: Principal, case_id: UUID, opinion: Opinion) -> Handled:
        """Judge what was seen. The opinion that settles the level moves the case on, and the last
        approval publishes, in one transaction.

        Raises `NotFound`, `Forbidden`, `ActionRefused`, `PreconditionMissing`, `StaleVersion`,
        `ContentMoved`, `VerdictRefused`, `PlacesRefused`.
        """
        if opinion.digest is None and opinion.version is None:
            raise PreconditionMissing(
                "Say what you judge: its digest, or the ETag of the review as If-Match.",
                zh="请注明所审内容：其 digest，或以 If-Match 附上审核的 ETag。",
            )
        async with self._new_uow() as uow:
            store, now = self._reviews(uow.connection), self._clock()
            found = seen(caller, await store.get(case_id))
            await self._resources(uow.connection).locked(found.resource_id)
            case = seen(caller, await store.locked(case_id))
            step(Action.DECIDE, await situation_of(store, caller, case, now))
            _check_seen(case, opinion)
            verdict = await self._verdict(uow, caller, case, opinion)
            await store.add_verdict(verdict)
            await store.release(case.id, caller.subject)
            told = {
                "level": case.at.kind,
                "decision": verdict.decision,
                "criteria": dict(verdict.criteria),
                "reason_code": verdict.reason_code,
                "comment": verdict.comment,
                "items": list(verdict.items),
                "digest": case.digest.hex(),
            }
            await store.tell(case, EventKind.DECIDED, caller.subject, told)
            note(uow, "decided", case, decision=verdict.decision, level=case.at.kind)
            after = await self._settled(uow, store, case, verdict)
            return await uow.commit(await self._handled(store, caller, after))

    async def _verdict(
        self, uow: UnitOfWork, caller: Principal, case: Case, opinion: Opinion
    ) -> Verdict:
        places = [
            (f"#/items/{index}/place", place) for index, (place, _) in enumerate(opinion.items)
        ]
        found, _ = await checked_places(self._resources(uow.connection), caller, case, places, ())
        words = [words for _, words in opinion.items]
        items = [{**at, "change": said} for at, said in zip(found, words, strict=True)]
        check_verdict(
            opinion.decision,
            opinion.criteria,
            opinion.reason_code,
            opinion.comment,
            len(items),
            is_named=await self._reviews(uow.connection).is_named(case, people_of(caller)),
        )
        return Verdict(
            case_id=case.id,
            round=case.round,
            level=case.level,
            reviewer=caller.subject,
            decision=opinion.decision,
            criteria=opinion.criteria,
            reason_code=opinion.reason_code,
            comment=opinion.comment,
            items=items,
            digest=case.digest,
        )

    async def _settled(
        self, uow: UnitOfWork, store: ReviewStore, case: Case, last: Verdict
    ) -> Case:
        """The case after its level came to an end by the `last` verdict, or went on."""
        now = self._clock()
        opinions = await store.opinions(case.id, case.round)
        result = outcome(case.at, at_level(case, opinions))
        if result is None:
            after = case.changed(now)
            await store.save(after)
            return await passed_on(store, after, now)
        if result is Decision.APPROVE and not case.is_last_level:
            await store.tell(case, EventKind.LEVEL_PASSED, None, {"level": case.at.kind})
            return await open_level(store, uow, case, case.level + 1, now)
        return await self._concluded(uow, store, case, result, last)

    async def _concluded(
        self,
        uow: UnitOfWork,
        store: ReviewStore,
        case: Case,
        result: Decision,
        last: Verdict,
    ) -> Case:
        now, resources = self._clock(), self._resources(uow.connection)
        action, kind = _ENDS[result]
        after = moved(case, action, now)
        await store.clear(after.id)
        await store.save(after)
        await store.tell(after, kind, None, {"level": case.at.kind})
        uow.outbox.append(ReviewDecided.told(after, result, last.reason_code))
        note(uow, kind.lower(), after, case.state)
        resource = await resources.get(after.resource_id)
        version = await resources.version(after.resource_id, after.number)
        if resource is None or version is None:
            raise LookupError(f"review {case.id} is about nothing")
        open_case = after.id if after.is_open else None
        resource = resource.moved(after.resource_state, open_case, now)
        await store.stand(resource)
        if after.state is State.APPROVED:
            published = await self._publishing.publish(uow, resource, version, after.id)
            return after.standing(published.state)
        return after

    async def _handled(self, store: ReviewStore, caller: Principal, case: Case) -> Handled:
        situation = await situation_of(store, caller, case, self._clock())
        return Handled(case, situation, await store.claims(case.id))


_ENDS: Mapping[Decision, tuple[Action, EventKind]] = {
    Decision.APPROVE: (Action.ACCEPT, EventKind.APPROVED),
    Decision.REQUEST_CHANGES: (Action.SEND_BACK, EventKind.CHANGES_REQUESTED),
    Decision.REJECT: (Action.TURN_DOWN, EventKind.REJECTED),
}


async def _must_not_judge(store: ReviewStore, case: Case, person: str, now: datetime) -> bool:
    opinions = await store.opinions(case.id, case.round)
    judged = {reviewer for _, reviewer in opinions}
    return (
        person in case.makers | judged
        or await store.is_excluded(case, {person})
        or not await store.may_judge(case, person, now)
    )


def _check_seen(case: Case, opinion: Opinion) -> None:
    if opinion.version is not None and opinion.version != case.version:
        raise StaleVersion
    if opinion.digest is not None and opinion.digest != case.digest:
        raise ContentMoved(
            "Another content is judged now: read it, then judge that.",
            zh="审核的内容已经变化，请重新查看后再审核。",
            digest=case.digest.hex(),
        )
