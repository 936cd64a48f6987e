"""The table of the life of a resource, and what is told from it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest

from services.catalog.application.resources_content import ADDRESS_LIFE
from services.catalog.domain.lifecycle import (
    ACTORS,
    GUARDS,
    ON_RESOURCE,
    ON_REVIEW,
    OPEN,
    TRANSITIONS,
    Action,
    ActionRefused,
    Actor,
    Guard,
    Situation,
    State,
    allowed,
    refusal,
    step,
)
from services.catalog.domain.lifecycle_drawing import document
from shared.access import Role
from shared.errors import Forbidden

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "lifecycle.md"
OWNER = frozenset({Actor.OWNER})
REVIEWER = frozenset({Actor.REVIEWER})


def _situations() -> Iterator[Situation]:
    yes_or_no = (False, True)
    for state, actor, case in product(State, Actor, (None, *OPEN)):
        for maker, held in product(yes_or_no, yes_or_no):
            yield Situation(
                state=state,
                actors=frozenset({actor}),
                case_state=case,
                is_maker=maker,
                holds_claim=held,
            )


def test_the_document_is_drawn_from_the_table_as_it_is() -> None:
    cure = ".venv/bin/python -m services.catalog.domain.lifecycle_drawing > docs/lifecycle.md"
    assert DOCUMENT.read_text() == document(), f"run: {cure}"


def test_the_document_tells_how_long_an_address_outlives_a_suspension() -> None:
    assert f"{ADDRESS_LIFE // timedelta(minutes=1)} minutes after it was given" in document()


def test_every_action_guard_and_actor_is_told() -> None:
    assert {each.action for each in TRANSITIONS} == set(Action)
    assert set(GUARDS) == set(Guard)
    assert {guard for each in TRANSITIONS for guard in each.guards} == set(Guard)
    assert set(ACTORS) == set(Actor)
    assert all(Role(role) for each in ACTORS.values() for role in each.roles)


def test_no_action_has_two_rows_for_one_state() -> None:
    for action in Action:
        sources = [s for each in TRANSITIONS if each.action is action for s in each.sources]
        assert len(sources) == len(set(sources)), action


def test_every_state_is_reached_from_a_draft() -> None:
    reached = {State.DRAFT}
    for _ in State:
        reached |= {each.target for each in TRANSITIONS if each.target and each.sources & reached}
    assert reached == set(State)


def test_nothing_is_published_but_by_the_catalogue_after_the_last_level() -> None:
    to_readers = [
        each
        for each in TRANSITIONS
        if each.target is State.PUBLISHED
        and not each.sources <= {State.PUBLISHED, State.UPDATE_IN_REVIEW, State.SUSPENDED}
    ]
    assert [(each.action, each.by) for each in to_readers] == [
        (Action.PUBLISH, frozenset({Actor.SYSTEM}))
    ]
    assert Guard.CASE_ACCEPTED in to_readers[0].guards


def test_the_content_stands_still_while_it_is_judged() -> None:
    judged = {State.SUBMITTED, State.MACHINE_REVIEW, State.IN_REVIEW, State.UPDATE_IN_REVIEW}
    for action in (Action.CHANGE, Action.FREEZE, Action.RESTORE_VERSION, Action.DELETE):
        rows = [each for each in TRANSITIONS if each.action is action]
        assert not any(each.sources & judged for each in rows), action


@pytest.mark.parametrize("state", [State.REJECTED, State.RETIRED])
def test_an_end_is_an_end(state: State) -> None:
    assert {each.action for each in TRANSITIONS if state in each.sources} == {Action.COMMENT}


def test_whoever_made_it_judges_it_in_no_situation() -> None:
    for now in _situations():
        if now.is_maker:
            assert refusal(Action.CLAIM, now) is not None
            assert refusal(Action.DECIDE, now) is not None


def test_no_maker_says_who_judges_or_restores_and_nobody_below_whoever_suspended_it_does() -> None:
    for now in _situations():
        if now.is_maker:
            assert refusal(Action.ASSIGN, now) is not None
            assert refusal(Action.RESTORE, now) is not None
        below = replace(now, has_authority=False)
        for action in (Action.RESTORE, Action.RETIRE):
            assert refusal(action, below) is not None


def test_whoever_let_a_deadline_pass_leaves_it_to_others() -> None:
    at_level = Situation(state=State.IN_REVIEW, actors=REVIEWER, case_state=State.IN_REVIEW)
    assert refusal(Action.CLAIM, at_level) is None
    late = refusal(Action.CLAIM, replace(at_level, let_it_lapse=True))
    assert late is not None
    assert late.guard is Guard.IN_TIME


def test_what_is_allowed_is_what_a_step_takes() -> None:
    for now in _situations():
        actions, refusals = allowed(now, list(Action))
        for action in actions:
            assert now.state in step(action, now).sources
        for each in refusals:
            with pytest.raises((ActionRefused, Forbidden)):
                step(each.action, now)
        assert {*actions, *(each.action for each in refusals)} == set(Action)


def test_a_refusal_names_the_guard_that_stands_in_the_way() -> None:
    now = Situation(state=State.DRAFT, actors=OWNER, has_organisation=False)
    with pytest.raises(ActionRefused) as refused:
        step(Action.SUBMIT, now)
    assert refused.value.members == {
        "action": "submit",
        "state": "DRAFT",
        "guard": "at_an_organisation",
    }
    assert "机构" in refused.value.detail_zh


def test_a_refusal_names_the_states_in_which_it_would_be_done() -> None:
    now = Situation(state=State.RETIRED, actors=OWNER)
    with pytest.raises(ActionRefused, match="DRAFT, CHANGES_REQUESTED, PUBLISHED, WITHDRAWN"):
        step(Action.SUBMIT, now)


def test_the_owner_of_a_new_draft_may_change_freeze_delete_and_submit_it() -> None:
    actions, _ = allowed(Situation(state=State.DRAFT, actors=OWNER), ON_RESOURCE)
    assert actions == [Action.CHANGE, Action.FREEZE, Action.DELETE, Action.SUBMIT]


def test_a_reviewer_of_the_level_claims_first_and_decides_then() -> None:
    at_level = Situation(state=State.IN_REVIEW, actors=REVIEWER, case_state=State.IN_REVIEW)
    assert allowed(at_level, ON_REVIEW)[0] == [Action.CLAIM, Action.COMMENT, Action.RAISE]
    holding = Situation(
        state=State.UPDATE_IN_REVIEW,
        actors=REVIEWER,
        case_state=State.IN_REVIEW,
        holds_claim=True,
    )
    assert Action.DECIDE in allowed(holding, ON_REVIEW)[0]
