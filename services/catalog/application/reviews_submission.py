"""Submitting a resource for review, and taking it back."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.checks import Checks
from services.catalog.application.resources import (
    OWNER,
    CodeTaken,
    ResourceStore,
    known,
    situation_of,
    viewer_of_writer,
    writes_at,
)
from services.catalog.application.resources_prospects import was_judged
from services.catalog.application.reviews_access import people_of
from services.catalog.application.reviews_levels import chain_for, note
from services.catalog.application.reviews_ports import PolicyRows, ReviewStore, Round, TaskKind
from services.catalog.application.versions import VersionStore, frozen_of, without_errors
from services.catalog.domain.lifecycle import Action, State, Transition, step
from services.catalog.domain.resources import Resource
from services.catalog.domain.reviews import (
    CODE_PREFIX,
    Case,
    CommitmentMissing,
    EventKind,
    Importance,
)
from services.catalog.domain.reviews_commitment import CURRENT, digest_of
from services.catalog.domain.reviews_events import ReviewSubmitted, ReviewWithdrawn
from services.catalog.domain.versions import NothingChanged, Version
from shared.clock import Clock
from shared.codes import new_code
from shared.database import UnitOfWork
from shared.errors import Forbidden, StaleVersion, Unavailable
from shared.ids import uuid7
from shared.principal import Principal

_DRAWS = 5


@dataclass(frozen=True, slots=True)
class Submitted:
    resource: Resource
    case: Case
    round: Round


class Submissions:
    """``wake`` is called once something was submitted."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        resources: Callable[[AsyncConnection], ResourceStore],
        versions: Callable[[AsyncConnection], VersionStore],
        reviews: Callable[[AsyncConnection], ReviewStore],
        policies: Callable[[AsyncConnection], PolicyRows],
        checks: Checks,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        self._new_uow = new_uow
        self._resources = resources
        self._versions = versions
        self._reviews = reviews
        self._policies = policies
        self._checks = checks
        self._clock = clock
        self._wake = wake

    async def submit(
        self,
        caller: Principal,
        resource_id: UUID,
        version: int | None,
        *,
        commitment: bool,
        importance: Importance,
    ) -> Submitted:
        """Have the draft judged: the latest version, where it is that, or a new one.

        `version` is the draft's as the caller read it, None: as it is now. The check goes before
        the transaction; what it read and what is frozen have the same version.

        Raises `NotFound`, `Forbidden`, `StaleVersion`, `ActionRefused`, `CommitmentMissing`,
        `DefectsRemain`, `NothingChanged`.
        """
        if not commitment:
            raise CommitmentMissing(
                "Read the commitment and give it.", zh="请阅读并作出书面承诺后提交。"
            )
        async with self._new_uow() as uow:
            store = self._resources(uow.connection)
            found, _ = await self._mine(store, caller, resource_id, version, Action.SUBMIT)
        await without_errors(self._checks, caller, resource_id, found.version)
        async with self._new_uow() as uow:
            store, reviews = self._resources(uow.connection), self._reviews(uow.connection)
            before, row = await self._mine(store, caller, resource_id, found.version, Action.SUBMIT)
            now = self._clock()
            frozen, judged = await frozen_of(
                uow, store, self._versions(uow.connection), before, caller.subject, "", now
            )
            await self._check_new(store, reviews, before, judged)
            case = await self._opened(uow, reviews, caller, frozen, judged, importance, row, now)
            resource = frozen.moved(row.target or frozen.state, case.id, now)
            await reviews.stand(resource)
            made = await self._signed(reviews, caller, case, now)
            told = {"number": case.number, "digest": case.digest.hex(), "by": made.commitment}
            await reviews.tell(case, EventKind.SUBMITTED, caller.subject, told)
            await reviews.plan(case, TaskKind.EXAMINE, now)
            uow.outbox.append(ReviewSubmitted.of(case))
            note(uow, "submitted", case, before.state, commitment=made.commitment_digest.hex())
            uow.committed.append(self._wake)
            return await uow.commit(Submitted(resource, case, made))

    async def withdraw(
        self, caller: Principal, resource_id: UUID, version: int | None
    ) -> Submitted:
        """Take it back; what was told and decided stays in the timeline.

        Raises `NotFound`, `Forbidden`, `StaleVersion`, `ActionRefused`.
        """
        async with self._new_uow() as uow:
            store, reviews = self._resources(uow.connection), self._reviews(uow.connection)
            before, row = await self._mine(store, caller, resource_id, version, Action.WITHDRAW)
            now = self._clock()
            resource = before.moved(row.target or before.state, None, now)
            await reviews.stand(resource)
            case = await self._ended(uow, before, EventKind.WITHDRAWN, caller.subject, now)
            last = (await reviews.rounds(case.id))[-1]
            return await uow.commit(Submitted(resource, case, last))

    async def end(self, uow: UnitOfWork, resource: Resource) -> None:
        """End the open review of a resource that is taken down, in the transaction of `uow`, which
        has locked it and says so in its state."""
        await self._ended(uow, resource, EventKind.ENDED, None, self._clock())

    async def _ended(
        self,
        uow: UnitOfWork,
        resource: Resource,
        kind: EventKind,
        actor: str | None,
        now: datetime,
    ) -> Case:
        reviews = self._reviews(uow.connection)
        before = await reviews.locked(resource.case_id) if resource.case_id else None
        if before is None:
            raise LookupError(f"resource {resource.id} has no review that is open")
        case = before.changed(now, state=State.WITHDRAWN)
        await reviews.clear(case.id)
        await reviews.save(case)
        await reviews.tell(case, kind, actor, {})
        uow.outbox.append(ReviewWithdrawn.of(case))
        note(uow, kind.lower(), case, before.state)
        return case

    async def _mine(
        self,
        store: ResourceStore,
        caller: Principal,
        resource_id: UUID,
        version: int | None,
        action: Action,
    ) -> tuple[Resource, Transition]:
        viewer = viewer_of_writer(caller)
        resource = known(await store.locked(resource_id), viewer)
        if resource.owner != caller.subject:
            raise Forbidden("Only its owner does that.", zh="只有资源的所有者可以进行此操作。")
        now = situation_of(resource, OWNER, is_affiliated=writes_at(viewer, resource))
        row = step(action, now)
        if version is not None and version != resource.version:
            raise StaleVersion
        return resource, row

    async def _check_new(
        self, store: ResourceStore, reviews: ReviewStore, before: Resource, judged: Version
    ) -> None:
        """Raises `NothingChanged` where that very content is live, or was rejected or sent back."""
        if await was_judged(store, reviews, before, judged.digest):
            raise NothingChanged(
                "This very content was judged already: change it first.",
                zh="该内容已经审核过，请先修改再提交。",
            )

    async def _opened(
        self,
        uow: UnitOfWork,
        reviews: ReviewStore,
        caller: Principal,
        resource: Resource,
        judged: Version,
        importance: Importance,
        row: Transition,
        now: datetime,
    ) -> Case:
        """The case with a round more, with all that was said in it, also where it was withdrawn
        once somebody had judged; a new one where none is like that."""
        metadata, path = judged.content.metadata, resource.organisation_path or ""
        case_id = resource.case_id or await reviews.unsettled(resource.id)
        before = await reviews.locked(case_id) if case_id else None
        if await reviews.was_important(resource.id):
            importance = Importance.IMPORTANT
        types = metadata.get("resource_types", ())
        makers = await reviews.makers(resource.id) | people_of(caller)
        policies = self._policies(uow.connection)
        chain = await chain_for(policies, path, types, importance, makers)
        case = Case(
            id=before.id if before else uuid7(),
            code=before.code if before else new_code(CODE_PREFIX),
            resource_id=resource.id,
            organisation_path=path,
            owner=resource.owner,
            makers=makers,
            title=metadata["title"],
            stage=metadata.get("stage"),
            subject=metadata.get("subject"),
            importance=importance,
            state=row.case or State.SUBMITTED,
            resource_state=row.target or resource.state,
            round=before.round + 1 if before else 1,
            number=judged.number,
            digest=judged.digest,
            chain=chain,
            level=0,
            group_id=None,
            assignee=None,
            escalated=False,
            due_at=now + timedelta(hours=chain[0].hours),
            version=before.version + 1 if before else 1,
            submitted_at=now,
            updated_at=now,
        )
        if before is not None:
            await reviews.save(case)
            return case
        for _ in range(_DRAWS):
            try:
                await reviews.add(case)
            except CodeTaken:
                case = case.recoded(new_code(CODE_PREFIX))
                continue
            return case
        raise Unavailable("No free code was found. Repeat the request.", zh="请重试。")

    async def _signed(
        self, reviews: ReviewStore, caller: Principal, case: Case, now: datetime
    ) -> Round:
        (signer,) = people_of(caller) - {caller.subject} or {caller.subject}
        made = Round(
            round=case.round,
            number=case.number,
            digest=case.digest,
            signer=signer,
            on_behalf_of=caller.subject if signer != caller.subject else None,
            commitment=CURRENT,
            commitment_digest=digest_of(CURRENT, case.digest, signer, now),
            signed_at=now,
        )
        await reviews.add_round(case.id, made)
        return made
