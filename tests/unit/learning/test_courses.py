from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from services.learning.domain.courses import (
    TRANSITIONS,
    Achievement,
    Action,
    ActionRefused,
    CompletionRule,
    Course,
    DatesRefused,
    EmptyCourse,
    Plan,
    Section,
    State,
    completion,
)
from shared.ids import uuid7

NOW = datetime(2026, 11, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)
COURSE = Course(uuid7(), "o", "P0", State.DRAFT, Plan("课"), 1, None, 1, NOW, NOW)
DONE = Achievement(completed=True, passed=False, progress=100)
PASSED = Achievement(completed=False, passed=True, progress=None)
BEGUN = Achievement(completed=False, passed=False, progress=50)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("action", Action)
def test_an_action_leads_where_the_table_says_or_is_refused(state: State, action: Action) -> None:
    before = replace(COURSE, state=state)
    assert (action in before.actions) == ((state, action) in TRANSITIONS)
    if action in before.actions:
        after = before.after(action, NOW)
        assert (after.state, after.version) == (TRANSITIONS[state, action], 2)
    else:
        with pytest.raises(ActionRefused):
            before.after(action, NOW)


def test_an_empty_course_is_not_published_but_may_be_emptied_later() -> None:
    with pytest.raises(EmptyCourse):
        replace(COURSE, items=0).after(Action.PUBLISH, NOW)
    published = COURSE.after(Action.PUBLISH, NOW)
    assert published.after(Action.CHANGE, NOW, items=0).items == 0


def test_a_course_ends_on_the_day_it_starts_or_later() -> None:
    day = date(2026, 11, 23)
    assert Plan("课", starts_on=day, ends_on=day).ends_on == day
    with pytest.raises(DatesRefused):
        Plan("课", starts_on=day, ends_on=day - timedelta(days=1))


@pytest.mark.parametrize(
    ("opens", "closes", "is_open"),
    [
        (None, None, True),
        (NOW, None, True),
        (NOW + HOUR, None, False),
        (None, NOW, False),
        (NOW - HOUR, NOW + HOUR, True),
    ],
)
def test_a_section_is_open_from_its_opening_until_its_closing(
    opens: datetime | None, closes: datetime | None, is_open: bool
) -> None:
    assert Section("一", opens, closes, []).open(NOW) is is_open


def test_a_course_is_completed_when_the_share_of_its_required_resources_is_done() -> None:
    a, b, c = uuid7(), uuid7(), uuid7()
    required = [a, b, c]
    assert completion(CompletionRule(), required, {a: DONE, b: PASSED}) == (3, 2, False)
    assert completion(CompletionRule(66), required, {a: DONE, b: PASSED}) == (3, 2, True)
    assert completion(CompletionRule(67), required, {a: DONE, b: PASSED}) == (3, 2, False)
    assert completion(CompletionRule(), required, {a: DONE, b: PASSED, c: BEGUN}).done == 2
    assert completion(CompletionRule(), required, {a: DONE, b: DONE, c: DONE}).completed


def test_where_done_means_passed_completing_is_not_enough() -> None:
    a = uuid7()
    rule = CompletionRule(passing=True)
    assert not completion(rule, [a], {a: DONE}).completed
    assert completion(rule, [a], {a: PASSED}).completed


def test_a_course_that_requires_nothing_is_never_completed() -> None:
    assert not completion(CompletionRule(1), [], {}).completed


def test_what_was_taken_down_counts_for_those_alone_who_did_it_before() -> None:
    a, b, c = (uuid7() for _ in range(3))
    assert completion(CompletionRule(), [a, b, c], {a: DONE, b: DONE}, [c]) == (2, 2, True)
    assert completion(CompletionRule(), [a, b, c], {a: DONE, b: DONE}, [a]) == (3, 2, False)
    assert completion(CompletionRule(), [a, b], {}, [a, b]) == (0, 0, False)
