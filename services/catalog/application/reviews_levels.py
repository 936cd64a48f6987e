"""How a case goes on: from level to level, and to its end."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from services.catalog.application.reviews_ports import PolicyRows, ReviewStore, TaskKind
from services.catalog.domain.lifecycle import Action, Actor, Situation, State, step
from services.catalog.domain.policies import Kind, chain_of, place_of, prevailing
from services.catalog.domain.reviews import Case, EventKind, Importance, Level
from services.catalog.domain.reviews_events import ReviewLevelOpened
from shared.database import UnitOfWork

SYSTEM = frozenset({Actor.SYSTEM})
_REMINDED_BEFORE = 4
"""The reminder comes when a quarter of the time is left."""


def moved(case: Case, action: Action, now: datetime, **fields: Any) -> Case:
    """The case after the catalogue itself took `action`, by the table; its ``resource_state`` is
    then that of its resource. Raises `ActionRefused`."""
    situation = Situation(state=case.resource_state, actors=SYSTEM, case_state=case.state)
    row = step(action, situation)
    return case.changed(
        now,
        state=row.case or case.state,
        resource_state=row.target or case.resource_state,
        **fields,
    )


async def chain_for(
    rows: PolicyRows,
    path: str,
    types: Sequence[str],
    importance: Importance,
    makers: Collection[str],
) -> Sequence[Level]:
    """The levels that judge what `makers` made at `path`, lowest first."""
    policies, of_others = await rows.above(path), await rows.above(path, makers)
    return chain_of(prevailing(policies, path, types, importance, of_others), path)


async def open_level(
    store: ReviewStore, uow: UnitOfWork, case: Case, level: int, now: datetime
) -> Case:
    """Give the case to `level`, or to the first one above that is not passed over.

    A skippable level is, where nobody is known who may judge there; the last level never.
    """
    for place in range(level, len(case.chain)):
        at = _placed(case.chain[place], case.organisation_path)
        routed = await store.route(case, at, now)
        if at.skippable and not routed.known and place < len(case.chain) - 1:
            await store.tell(case, EventKind.LEVEL_SKIPPED, None, {"level": at.kind})
            continue
        break
    due_at = now + timedelta(hours=at.hours)
    case = moved(
        case,
        Action.OPEN_LEVEL,
        now,
        chain=[*case.chain[:place], at, *case.chain[place + 1 :]],
        level=place,
        group_id=routed.group_id,
        assignee=routed.assignee,
        escalated=False,
        due_at=due_at,
    )
    await store.clear(case.id)
    await store.save(case)
    told = {"level": at.kind, "path": at.path, "due_at": due_at.isoformat()}
    await store.tell(case, EventKind.LEVEL_OPENED, None, told)
    if routed.assignee is not None:
        group = routed.group_id and str(routed.group_id)
        assigned = {"assignee": routed.assignee, "group_id": group}
        await store.tell(case, EventKind.ASSIGNED, None, assigned)
    await store.plan(case, TaskKind.REMIND, due_at - (due_at - now) / _REMINDED_BEFORE)
    await store.plan(case, TaskKind.ESCALATE, due_at)
    uow.outbox.append(ReviewLevelOpened.of(case))
    return case


async def passed_on(store: ReviewStore, case: Case, now: datetime) -> Case:
    """The case with somebody else to judge it, where whoever it went to has judged, is away by
    now, has a conflict of interest, or judges there no more."""
    person = case.assignee
    if person is None or (
        person not in {reviewer for _, reviewer in await store.opinions(case.id, case.round)}
        and not await store.is_away(person, now)
        and not await store.is_excluded(case, {person})
        and await store.may_judge(case, person, now)
    ):
        return case
    routed = await store.route(case, case.at, now)
    case = case.changed(now, group_id=routed.group_id, assignee=routed.assignee)
    await store.save(case)
    group = routed.group_id and str(routed.group_id)
    told = {"assignee": routed.assignee, "group_id": group}
    await store.tell(case, EventKind.ASSIGNED, None, told)
    return case


async def relieve(store: ReviewStore, person: str, now: datetime) -> None:
    """Take from the person whatever they claimed or were assigned where they judge no more."""
    for case_id in await store.held_by(person):
        case = await store.locked(case_id)
        if case is None or case.state is not State.IN_REVIEW:
            continue
        if await store.may_judge(case, person, now):
            continue
        case = case.changed(now)
        await store.save(case)
        if any(each.reviewer == person for each in await store.claims(case.id)):
            await store.release(case.id, person)
            await store.tell(case, EventKind.RELEASED, None, {"reviewer": person})
        await passed_on(store, case, now)


async def follow(store: ReviewStore, uow: UnitOfWork, path: str, now: datetime) -> None:
    """Give the cases of the organisations that were moved to `path` to whoever judges there now;
    who had claimed them elsewhere lets go."""
    for case_id in await store.astray(path):
        case = await store.locked(case_id)
        if case is not None and case.state is State.IN_REVIEW:
            await open_level(store, uow, case, case.level, now)


def _placed(level: Level, path: str) -> Level:
    """The level where its organisation stands now, should it have been moved; with whoever judges
    there now, should what is judged have been moved away from it."""
    labels = path.split(".")
    if level.path.rpartition(".")[2] in labels:
        return level.among(path)
    return level.at(place_of(labels, Kind(level.kind)) or level.path)


def note(uow: UnitOfWork, what: str, case: Case, before: State | None = None, **facts: Any) -> None:
    """Audit what happened to a case."""
    uow.audit.record(
        f"review.{what}",
        str(case.id),
        organisation=case.organisation_path,
        before=before and {"state": before},
        after={"state": case.state, "round": case.round, "level": case.level},
        resource=str(case.resource_id),
        number=case.number,
        digest=case.digest.hex(),
        **facts,
    )
