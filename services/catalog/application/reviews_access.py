"""Who is what to a review, and what guards ask about its case and its caller."""

from collections.abc import Mapping
from datetime import datetime

from services.catalog.application.policies import JUDGES
from services.catalog.application.reviews_ports import ReviewStore
from services.catalog.domain.lifecycle import Actor, Situation
from services.catalog.domain.policies import Kind
from services.catalog.domain.reviews import Case, Decision, Importance, Level
from shared.access import Grant, Role, Rule, grants_of
from shared.errors import NotFound
from shared.principal import Principal

LIST = Rule("catalog.read", own=True)
READ = Rule("catalog.read", JUDGES | {Role.ADMINISTRATOR}, own=True)
COMMENT = Rule("catalog.write", JUDGES | {Role.ADMINISTRATOR}, own=True)
JUDGE = Rule("catalog.review", JUDGES)
RAISE = Rule("catalog.write", JUDGES | {Role.ADMINISTRATOR})
ASSIGN = Rule("catalog.write", frozenset({Role.ADMINISTRATOR}))


def people_of(caller: Principal) -> frozenset[str]:
    """The person who is acted for, and whoever acts for them."""
    act = caller.claims.get("act")
    acting = {str(act["sub"])} if isinstance(act, Mapping) and "sub" in act else set()
    return frozenset({caller.subject, *acting})


def judging(caller: Principal) -> list[Grant]:
    """The caller's grants to judge."""
    return [each for each in grants_of(caller) if each.role in JUDGES]


def actors_of(caller: Principal, case: Case) -> frozenset[Actor]:
    """What the caller is to the case as it stands."""
    found = {Actor.OWNER} if caller.subject == case.owner else set()
    if any(
        each.role is Role.ADMINISTRATOR and each.covers(case.organisation_path)
        for each in grants_of(caller)
    ):
        found.add(Actor.ADMINISTRATOR)
    if any(_judges(each, case) for each in judging(caller)):
        found.add(Actor.REVIEWER)
    return frozenset(found)


def _judges(grant: Grant, case: Case) -> bool:
    at = case.at.path
    reaches = grant.path == at or (case.escalated and grant.covers(at))
    return reaches and _is_of_the_subject(grant, case, case.at)


def _is_of_the_subject(grant: Grant, case: Case, level: Level) -> bool:
    """A committee is of all subjects."""
    return grant.subject in (None, case.subject) or level.kind == Kind.COMMITTEE


def seen(caller: Principal, case: Case | None) -> Case:
    """Raises `NotFound` for what is not, or is none of the caller's business: it is its owner's,
    the administrators' above, and that of whoever judges or judged at one of its levels."""
    if case is not None:
        levels = case.chain[: case.level + 1]
        if actors_of(caller, case) or any(
            grant.path == level.path and _is_of_the_subject(grant, case, level)
            for grant in judging(caller)
            for level in levels
        ):
            return case
    raise NotFound("There is no such review.", zh="没有该审核。")


async def situation_of(
    store: ReviewStore, caller: Principal, case: Case, now: datetime
) -> Situation:
    """What the table asks about the caller and the case."""
    people = people_of(caller)
    opinions = await store.opinions(case.id, case.round)
    claims = [each for each in await store.claims(case.id) if each.lease_until > now]
    others = sum(each.reviewer != caller.subject for each in claims)
    late = case.escalated and case.assignee != caller.subject and not _from_above(caller, case)
    judged = sum(level == case.level for level, _ in opinions)
    return Situation(
        state=case.resource_state,
        actors=actors_of(caller, case),
        case_state=case.state,
        seat_free=others < case.at.seats - judged,
        holds_claim=any(each.reviewer == caller.subject for each in claims),
        in_person=people == {caller.subject},
        is_maker=not people.isdisjoint(case.makers),
        has_judged=not people.isdisjoint({reviewer for _, reviewer in opinions}),
        is_important=case.importance is Importance.IMPORTANT,
        is_excluded=await store.is_excluded(case, people),
        let_it_lapse=late and await store.had_claimed(case, people),
        oversees=ASSIGN.holds(caller, case.at.path),
    )


def _from_above(caller: Principal, case: Case) -> bool:
    """Whether the caller judges at an organisation above that of the level."""
    return any(_judges(each, case) and each.path != case.at.path for each in judging(caller))


def at_level(case: Case, opinions: Mapping[tuple[int, str], Decision]) -> list[Decision]:
    """The opinions of the level under review."""
    return [decision for (level, _), decision in opinions.items() if level == case.level]
