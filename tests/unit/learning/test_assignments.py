from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.learning.domain.assignments import (
    TRANSITIONS,
    Action,
    Assignment,
    AssignmentActionRefused,
    DeadlinesRefused,
    NothingToDo,
    Plan,
    State,
    Text,
)
from services.learning.domain.assignments_load import DayLoad, LoadLevel, SubjectLoad, by_day
from shared.ids import uuid7

NOW = datetime(2026, 11, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)
PLAN = Plan(title="题", subject="14", minutes=20, due_at=NOW + HOUR)
ITEM = Text("?", 4, "", [])
DRAFT = Assignment(uuid7(), "o", "P0", State.DRAFT, PLAN, [ITEM], 1, NOW, None, NOW)
ASSIGNED = DRAFT.assigned(NOW)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("action", Action)
def test_an_action_leads_where_the_table_says_or_is_refused(state: State, action: Action) -> None:
    before = replace(DRAFT, state=state)
    assert (action in before.actions) == ((state, action) in TRANSITIONS)
    if action in before.actions:
        after = before.after(action, NOW)
        assert (after.state, after.version) == (TRANSITIONS[state, action], 2)
    else:
        with pytest.raises(AssignmentActionRefused):
            before.after(action, NOW)


@given(st.lists(st.sampled_from(Action), max_size=12))
def test_whatever_is_done_what_pupils_saw_never_becomes_a_draft_or_vanishes(
    actions: list[Action],
) -> None:
    assignment = DRAFT
    for action in actions:
        seen = assignment.state in (State.ASSIGNED, State.WITHDRAWN)
        version = assignment.version
        try:
            assignment = assignment.after(action, NOW)
        except AssignmentActionRefused:
            assert assignment.version == version
        else:
            assert assignment.version == version + 1
        assert not seen or assignment.state in (State.ASSIGNED, State.WITHDRAWN)


def test_empty_or_overdue_homework_is_not_assigned() -> None:
    with pytest.raises(NothingToDo):
        replace(DRAFT, items=[]).assigned(NOW)
    with pytest.raises(DeadlinesRefused):
        DRAFT.assigned(PLAN.due_at)
    assert DRAFT.assigned(PLAN.due_at - timedelta(microseconds=1)).state is State.ASSIGNED


def test_further_classes_leave_the_instant_of_the_first_assignment() -> None:
    assert ASSIGNED.assigned(NOW + timedelta(minutes=5)).assigned_at == NOW


def test_late_work_is_taken_in_after_the_deadline_only() -> None:
    with pytest.raises(DeadlinesRefused):
        replace(PLAN, late_until=PLAN.due_at)


def test_of_assigned_homework_deadlines_alone_change_and_move_away() -> None:
    later = replace(PLAN, due_at=PLAN.due_at + HOUR)
    assert ASSIGNED.changed(later, [ITEM], NOW).plan == later
    with pytest.raises(DeadlinesRefused):
        ASSIGNED.changed(replace(PLAN, due_at=PLAN.due_at - HOUR / 2), [ITEM], NOW)
    for plan, items in ((replace(later, minutes=5), [ITEM]), (later, [ITEM, ITEM])):
        with pytest.raises(AssignmentActionRefused):
            ASSIGNED.changed(plan, items, NOW)
        assert DRAFT.changed(plan, items, NOW).plan == plan


def test_the_end_of_late_work_never_comes_earlier() -> None:
    soft = replace(ASSIGNED, plan=replace(PLAN, late_until=PLAN.due_at + 3 * HOUR))
    with pytest.raises(DeadlinesRefused):
        soft.changed(replace(soft.plan, due_at=PLAN.due_at + HOUR, late_until=None), [ITEM], NOW)


@pytest.mark.parametrize(
    ("minutes", "level"),
    [(60, LoadLevel.NORMAL), (61, LoadLevel.HIGH), (90, LoadLevel.HIGH), (91, LoadLevel.EXCESSIVE)],
)
def test_levels_follow_the_limits_of_the_state(minutes: int, level: LoadLevel) -> None:
    day = date(2026, 11, 23)
    assert DayLoad(day, [SubjectLoad(day, "14", 1, minutes)]).level is level


def test_a_day_adds_up_all_subjects() -> None:
    first, second = date(2026, 11, 23), date(2026, 11, 24)
    loads = [
        SubjectLoad(first, "13", 1, 30),
        SubjectLoad(first, "14", 2, 40),
        SubjectLoad(second, "14", 1, 10),
    ]
    assert [(each.day, each.minutes) for each in by_day(loads)] == [(first, 70), (second, 10)]
