from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.application.throttling import folded_login
from services.identity.application.turns import TURN
from services.identity.domain.passwords import PROFILES
from services.identity.domain.throttle import (
    Counts,
    Limit,
    Limits,
    TooManyAttempts,
    admit,
    is_crowded,
)

NOW = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NIST, DJBH3 = PROFILES["nist"].limits, PROFILES["djbh3"].limits

limits = st.builds(
    Limit,
    burst=st.integers(1, 20),
    interval=st.integers(1, 600).map(lambda seconds: timedelta(seconds=seconds)),
    lock=st.sampled_from([timedelta(0), timedelta(minutes=10)]),
)
pauses = st.lists(st.integers(0, 900).map(lambda seconds: timedelta(seconds=seconds)), max_size=80)


def guesses(limit: Limit, waits: list[timedelta]) -> list[datetime]:
    """When guesses were admitted, of those tried after each pause."""
    now, tat, admitted = NOW, None, []
    for pause in waits:
        now += pause
        if not limit.wait(tat, now):
            tat = limit.charged(tat, now)
            admitted.append(now)
    return admitted


@given(limits)
def test_a_burst_of_failures_is_admitted_and_no_more(limit: Limit) -> None:
    assert len(guesses(limit, [timedelta(0)] * (limit.burst + 5))) == limit.burst


@given(limits, pauses)
def test_no_stretch_of_time_admits_more_than_a_burst_and_its_intervals(
    limit: Limit, waits: list[timedelta]
) -> None:
    admitted = guesses(limit, waits)
    for first, start in enumerate(admitted):
        for count, end in enumerate(admitted[first:], start=1):
            assert count <= limit.burst + (end - start) / limit.interval


@given(limits, pauses)
def test_whoever_waits_as_told_is_admitted(limit: Limit, waits: list[timedelta]) -> None:
    now, tat = NOW, None
    for pause in waits:
        now += pause
        now += limit.wait(tat, now)
        assert not limit.wait(tat, now)
        tat = limit.charged(tat, now)


@given(limits)
def test_nobody_waits_longer_than_the_lock_or_an_interval(limit: Limit) -> None:
    tat = None
    for _ in range(limit.burst):
        tat = limit.charged(tat, NOW)
    assert limit.wait(tat, NOW) == max(limit.lock, limit.interval)


def test_five_failures_lock_for_ten_minutes_under_djbh3() -> None:
    tat = None
    for _ in range(5):
        admit(DJBH3, Counts(caller=tat), NOW)
        tat = DJBH3.caller.charged(tat, NOW)
    with pytest.raises(TooManyAttempts) as refused:
        admit(DJBH3, Counts(caller=tat), NOW)
    assert refused.value.retry_after == 600
    admit(DJBH3, Counts(caller=tat), NOW + 10 * MINUTE)


def test_ten_failures_are_admitted_and_then_one_every_five_minutes_under_nist() -> None:
    assert len(guesses(NIST.caller, [timedelta(0)] * 20)) == 10
    assert len(guesses(NIST.caller, [timedelta(0)] * 20 + [5 * MINUTE] * 3)) == 13


def used_up(limit: Limit) -> datetime:
    tat = None
    while not limit.wait(tat, NOW):
        tat = limit.charged(tat, NOW)
    assert tat is not None
    return tat


@pytest.mark.parametrize("shared", ["place", "account", "address"])
def test_a_shared_count_that_is_used_up_refuses_nobody_and_makes_a_crowd(shared: str) -> None:
    counts = Counts(**{shared: used_up(getattr(NIST, shared))})
    admit(NIST, counts, NOW)
    assert is_crowded(NIST, counts, NOW)
    assert not is_crowded(NIST, Counts(caller=used_up(NIST.caller)), NOW)


def test_beyond_the_ceiling_unknown_browsers_wait_a_few_seconds() -> None:
    with pytest.raises(TooManyAttempts) as refused:
        admit(NIST, Counts(ceiling=used_up(NIST.ceiling)), NOW)
    assert refused.value.retry_after == 4
    assert NIST.ceiling.interval < TURN, "one address, a turn at a time, never reaches it"


def test_a_narrowed_caller_is_admitted_once() -> None:
    once = NIST.caller.charged(None, NOW)
    admit(NIST.narrowed(), Counts(), NOW)
    with pytest.raises(TooManyAttempts):
        admit(NIST.narrowed(), Counts(caller=once), NOW)


def test_attempts_that_are_being_judged_at_a_place_make_a_crowd() -> None:
    assert not is_crowded(NIST, Counts(), NOW, ahead=NIST.place.burst - 1)
    assert is_crowded(NIST, Counts(), NOW, ahead=NIST.place.burst)


@pytest.mark.parametrize(
    "spelling",
    [
        "13800138000",
        "+86 138 0013 8000",
        "138-0013-8000",
        "０１３８００１３８０００"[1:],
        "0086 13800138000",
        " 13800138000\n",
    ],
)
def test_every_spelling_of_a_phone_is_one_count(spelling: str) -> None:
    assert folded_login(spelling) == "13800138000"


@pytest.mark.parametrize("spelling", ["ZhangWei", "zhangwei", " ｚｈａｎｇｗｅｉ ", "zhang.wei"])
def test_every_spelling_of_a_username_is_one_count(spelling: str) -> None:
    assert folded_login(spelling) == "zhangwei"


@given(limits, st.integers(0, 30))
def test_attempts_that_are_being_judged_count_as_failures(limit: Limit, ahead: int) -> None:
    only_caller = Limits(caller=limit)
    if ahead < limit.burst:
        admit(only_caller, Counts(), NOW, ahead)
    else:
        with pytest.raises(TooManyAttempts):
            admit(only_caller, Counts(), NOW, ahead)
