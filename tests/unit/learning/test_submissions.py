from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.learning.domain.assignments import (
    Answer,
    Assignment,
    Choice,
    Item,
    Plan,
    Taker,
    Text,
)
from services.learning.domain.assignments import State as AssignmentState
from services.learning.domain.marking import Mark
from services.learning.domain.submissions import (
    TRANSITIONS,
    Action,
    AttemptsSpent,
    MarksMissing,
    State,
    Submission,
    SubmissionActionRefused,
    TooLate,
    flaws,
)
from shared.errors import DomainError
from shared.ids import uuid7

NOW = datetime(2026, 11, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)
ITEMS: list[Item] = [Choice("?", 2, ["a", "b"], [0]), Text("?", 4, "", [])]
PLAN = Plan(title="题", subject="14", minutes=20, due_at=NOW, attempts=2)
GIVEN = Assignment(uuid7(), "o", "P0", AssignmentState.ASSIGNED, PLAN, ITEMS, 1, NOW, NOW, NOW)
SOFT = replace(GIVEN, plan=replace(PLAN, late_until=NOW + HOUR, late_deduction=20))
ANSWERS = [Answer(0, choices=(0,)), Answer(1, text="因为")]
MARKS = [Mark(2), Mark(3.5)]
NEW = Submission.new(uuid7(), GIVEN, Taker("p", uuid7(), "P0.K1"), NOW)


def acted(submission: Submission, action: Action, now: datetime = NOW) -> Submission:
    match action:
        case Action.HAND_IN:
            return submission.handed_in(SOFT, ANSWERS, now)
        case Action.MARK:
            return submission.marked(SOFT, MARKS, "好", "t", now)
        case Action.PUBLISH:
            return submission.published(now)
        case Action.RETURN:
            return submission.returned("订正", NOW + 9 * HOUR, now)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("action", Action)
def test_an_action_leads_where_the_table_says_or_is_refused(state: State, action: Action) -> None:
    before = replace(NEW, state=state, score=1.0)
    assert (action in before.actions) == ((state, action) in TRANSITIONS)
    if action in before.actions:
        after = acted(before, action)
        assert (after.state, after.version) == (TRANSITIONS[state, action], 1)
    else:
        with pytest.raises(SubmissionActionRefused):
            acted(before, action)


STEPS = st.tuples(st.sampled_from(Action), st.integers(0, 90))


@given(st.lists(STEPS, max_size=25))
def test_whatever_happens_attempts_only_grow_and_only_whole_marks_are_told(
    steps: list[tuple[Action, int]],
) -> None:
    submission, now = NEW, NOW - HOUR
    for action, minutes in steps:
        now += timedelta(minutes=minutes)
        before = submission
        try:
            submission = acted(before, action, now)
        except DomainError:
            assert submission is before
            continue
        assert submission.version == before.version + 1
        assert submission.attempt - before.attempt == (action is Action.HAND_IN)
        assert submission.state is not State.NEW
        if submission.state in (State.MARKED, State.PUBLISHED):
            assert None not in submission.marks
            assert submission.score is not None
        if action is Action.HAND_IN:
            assert before.open(SOFT, now)
            invited = before.again_until is not None and now <= before.again_until
            assert invited or (
                now <= NOW + HOUR
                and submission.attempt <= PLAN.attempts
                and submission.late == (now > NOW)
            )


def test_a_pupil_has_all_attempts_however_early_one_is_marked() -> None:
    marked = NEW.handed_in(GIVEN, ANSWERS, NOW).marked(GIVEN, MARKS, "", "t", NOW)
    for before in (marked, marked.published(NOW)):
        assert before.open(GIVEN, NOW)
        again = before.handed_in(GIVEN, [], NOW)
        assert (again.state, again.attempt, again.open(GIVEN, NOW)) == (State.HANDED_IN, 2, False)
    withdrawn = replace(GIVEN, state=AssignmentState.WITHDRAWN)
    assert not marked.open(withdrawn, NOW)
    assert not marked.open(GIVEN, NOW + TICK)


@pytest.mark.parametrize(
    ("at", "late"), [(NOW - TICK, False), (NOW, False), (NOW + TICK, True), (NOW + HOUR, True)]
)
def test_the_deadline_is_the_last_instant_in_time(at: datetime, late: bool) -> None:
    assert NEW.handed_in(SOFT, ANSWERS, at).late is late


def test_nothing_is_taken_in_after_the_end() -> None:
    with pytest.raises(TooLate):
        NEW.handed_in(SOFT, ANSWERS, NOW + HOUR + TICK)
    with pytest.raises(TooLate):
        NEW.handed_in(GIVEN, ANSWERS, NOW + TICK)
    assert NEW.handed_in(GIVEN, ANSWERS, NOW).state is State.HANDED_IN


def test_one_hands_in_as_often_as_one_may_and_once_more_when_invited() -> None:
    twice = NEW.handed_in(GIVEN, ANSWERS, NOW).handed_in(GIVEN, [], NOW)
    with pytest.raises(AttemptsSpent):
        twice.handed_in(GIVEN, ANSWERS, NOW)
    invited = twice.returned("", NOW + HOUR, NOW)
    again = invited.handed_in(GIVEN, ANSWERS, NOW + HOUR)
    assert (again.attempt, again.late, again.again_until) == (3, False, None)
    with pytest.raises(TooLate):
        invited.handed_in(GIVEN, ANSWERS, NOW + HOUR + TICK)


def test_the_same_answers_are_the_same_hand_in_until_it_is_returned() -> None:
    made = NEW.handed_in(GIVEN, ANSWERS, NOW)
    assert not NEW.repeats([])
    assert made.repeats(ANSWERS)
    assert not made.repeats(ANSWERS[:1])
    assert made.marked(GIVEN, MARKS, "", "t", NOW).repeats(ANSWERS)
    assert not made.returned("", None, NOW).repeats(ANSWERS)


def test_late_work_loses_its_share_of_points() -> None:
    made = NEW.handed_in(SOFT, ANSWERS, NOW + TICK)
    assert made.marked(SOFT, MARKS, "", "t", NOW).score == 4.0
    assert NEW.handed_in(SOFT, ANSWERS, NOW).marked(SOFT, MARKS, "", "t", NOW).score == 5.5


def test_what_is_not_marked_whole_is_not_published() -> None:
    made = NEW.handed_in(GIVEN, ANSWERS, NOW)
    assert made.marks == [Mark(2), None]
    with pytest.raises(MarksMissing):
        made.published(NOW)


def test_an_answer_fits_its_item_by_the_member_of_its_kind() -> None:
    assert flaws(ITEMS, ANSWERS, {}) == []
    wrong = [
        Answer(0, choices=(0, 0)),
        Answer(1, text="", files=()),
        Answer(1, text=""),
        Answer(2, text=""),
    ]
    found = [each.pointer for each in flaws(ITEMS, wrong, {})]
    assert found == ["#/answers/0/choices", "#/answers/1", "#/answers/2/item", "#/answers/3/item"]
