"""The checker itself: what it must not miss."""

import copy
from collections.abc import Callable

import pytest

from tests.faults.checker import Facts, violations


def sound() -> Facts:
    """Two counters, three increments, everything as it should be."""
    steps = [("a", 1), ("b", 1), ("a", 2)]
    keyed = [(f"key-{name}{value}", (name, value)) for name, value in steps]
    events = [(f"event-{name}{value}", (name, value)) for name, value in steps]
    return Facts(
        tried={key for key, _ in keyed} | {"key-given-up"},
        acknowledged=list(keyed),
        counters={"a": 2, "b": 1},
        answers=dict(keyed),
        recorded=list(events),
        heard=list(events),
        audited=["a", "b", "a"],
    )


def test_what_is_sound_is_found_so() -> None:
    assert violations(sound()) == []


def test_an_effect_whose_client_gave_up_is_sound() -> None:
    facts = sound()
    facts.acknowledged.pop()
    assert violations(facts) == []


def test_other_aggregates_may_be_heard_in_another_order() -> None:
    facts = sound()
    facts.heard[0], facts.heard[1] = facts.heard[1], facts.heard[0]
    assert violations(facts) == []


def lose_a_write(facts: Facts) -> None:
    facts.counters["b"] = 0
    del facts.answers["key-b1"], facts.recorded[1], facts.heard[1], facts.audited[1]


def lose_a_counter(facts: Facts) -> None:
    del facts.counters["b"]


def double_a_write(facts: Facts) -> None:
    facts.counters["b"] = 2
    facts.recorded.append(("event-b2", ("b", 2)))
    facts.heard.append(("event-b2", ("b", 2)))
    facts.audited.append("b")


def tell_two_keys_the_same(facts: Facts) -> None:
    facts.acknowledged[2] = ("key-a2", ("a", 1))


def tell_a_repeat_something_else(facts: Facts) -> None:
    facts.acknowledged.append(("key-a1", ("a", 2)))


def keep_an_answer_that_nobody_asked_for(facts: Facts) -> None:
    facts.tried.discard("key-b1")


def record_an_event_twice(facts: Facts) -> None:
    facts.recorded.append(("event-again", ("b", 1)))


def record_no_event(facts: Facts) -> None:
    del facts.recorded[2]


def record_out_of_order(facts: Facts) -> None:
    facts.recorded[0], facts.recorded[2] = facts.recorded[2], facts.recorded[0]


def hear_an_event_twice(facts: Facts) -> None:
    facts.heard.append(facts.heard[1])


def miss_an_event(facts: Facts) -> None:
    del facts.heard[0]


def hear_out_of_order(facts: Facts) -> None:
    facts.heard[0], facts.heard[2] = facts.heard[2], facts.heard[0]


def hear_what_was_never_recorded(facts: Facts) -> None:
    facts.heard[1] = ("event-of-a-ghost", ("b", 1))


def park_an_event(facts: Facts) -> None:
    facts.parked = 1


def keep_an_event_back(facts: Facts) -> None:
    facts.unpublished = 1


def forget_an_audit_entry(facts: Facts) -> None:
    del facts.audited[0]


def audit_what_never_happened(facts: Facts) -> None:
    facts.audited.append("c")


def leave_an_entry_unchained(facts: Facts) -> None:
    facts.unchained = 1


@pytest.mark.parametrize(
    "harm",
    [
        lose_a_write,
        lose_a_counter,
        double_a_write,
        tell_two_keys_the_same,
        tell_a_repeat_something_else,
        keep_an_answer_that_nobody_asked_for,
        record_an_event_twice,
        record_no_event,
        record_out_of_order,
        hear_an_event_twice,
        miss_an_event,
        hear_out_of_order,
        hear_what_was_never_recorded,
        park_an_event,
        keep_an_event_back,
        forget_an_audit_entry,
        audit_what_never_happened,
        leave_an_entry_unchained,
    ],
)
def test_no_broken_promise_is_missed(harm: Callable[[Facts], None]) -> None:
    facts = copy.deepcopy(sound())
    harm(facts)
    assert violations(facts) != []
