"""Quotas as one process counts them."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.application.quotas import Quotas
from gateway.domain.quotas import Allowance, Quota, Window
from shared.civil import civil_date, seconds_left
from shared.errors import Unavailable

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
TODAY = civil_date(NOON)


def leased(quota: Quota, requests: int) -> Allowance:
    allowance = Allowance(quota)
    allowance.lease(TODAY, requests, quota.per_day)
    return allowance


@given(
    per_second=st.integers(1, 200),
    gaps=st.lists(st.floats(0, 0.5, allow_nan=False), min_size=1, max_size=400),
)
def test_no_second_passes_more_than_the_quota(per_second: int, gaps: list[float]) -> None:
    allowance = leased(Quota(per_second, 10**9), 10**6)
    now, passed = 100.0, list[float]()
    for gap in gaps:
        now += gap
        if allowance.take(now, NOON).exceeded is None:
            passed.append(now)
    for i, first in enumerate(passed):
        assert len([each for each in passed[i:] if each - first < 0.99]) <= per_second


def test_a_burst_after_a_rest_is_the_quota_and_no_more_in_its_second() -> None:
    allowance = leased(Quota(5, 10**9), 10**6)
    taken = [allowance.take(1000 + i * 0.045, NOON).exceeded for i in range(22)]
    assert taken == [None] * 5 + [Window.SECOND] * 17


@pytest.mark.parametrize("jitter", [0, 0.002])
def test_a_steady_rate_at_the_quota_is_never_refused(jitter: float) -> None:
    allowance = leased(Quota(50, 10**9), 10**6)
    times = (1000 + i / 50 + jitter * (-1) ** (i // 50) for i in range(5000))
    assert [allowance.take(each, NOON).exceeded for each in times] == [None] * 5000


@pytest.mark.parametrize("rate", [51, 70, 100, 1000])
def test_of_a_rate_above_the_quota_the_quota_passes_within_a_percent(rate: int) -> None:
    allowance = leased(Quota(50, 10**9), 10**6)
    times = (1000 + i / rate for i in range(rate * 100))
    passed = sum(allowance.take(each, NOON).exceeded is None for each in times)
    assert abs(passed - 50 * 100) <= 50


def test_a_refused_second_says_when_to_come_back_and_then_takes_it() -> None:
    allowance = leased(Quota(2, 100), 100)
    for _ in range(2):
        assert allowance.take(5.0, NOON).exceeded is None
    refused = allowance.take(5.0, NOON)
    assert refused.exceeded is Window.SECOND
    assert refused.second == 0
    assert refused.day == 98
    assert 0 < refused.second_resets <= 1
    assert refused.retry_after == 1
    assert allowance.take(5.0 + refused.second_resets, NOON).exceeded is None


def test_a_day_ends_at_midnight_in_china() -> None:
    evening = datetime(2026, 11, 22, 15, 59, 30, tzinfo=UTC)
    assert civil_date(evening) == date(2026, 11, 22)
    assert seconds_left(evening) == 31
    assert civil_date(evening + timedelta(seconds=31)) == date(2026, 11, 23)


class Register:
    """The port in memory. ``down`` times it is out of reach."""

    def __init__(self, down: int = 0) -> None:
        self.taken: dict[tuple[str, date], int] = {}
        self.asked = 0
        self.down = down

    async def lease(self, client: str, day: date, quota: Quota) -> tuple[int, int]:
        self.asked += 1
        await asyncio.sleep(0)
        if self.down:
            self.down -= 1
            raise Unavailable
        taken = self.taken.get((client, day), 0)
        granted = max(0, min(quota.block, quota.per_day - taken))
        self.taken[client, day] = taken + granted
        return granted, taken + granted


CLASSES = {"trial": Quota(10_000, 400), "high": Quota(10_000, 10_000)}


def quotas(register: Register, at: datetime = NOON) -> Quotas:
    return Quotas(register, CLASSES, lambda: at)


async def passed(counted: Quotas, client: str, requests: int, kind: str = "trial") -> int:
    taken = await asyncio.gather(*(counted.take(client, kind) for _ in range(requests)))
    return sum(each.exceeded is None for each in taken)


async def test_a_day_takes_its_quota_and_not_one_more() -> None:
    register = Register()
    counted = quotas(register)
    assert await passed(counted, "one", 500) == 400
    assert await passed(counted, "one", 10) == 0
    assert await passed(counted, "another", 10) == 10


async def test_two_processes_count_one_quota_within_a_percent() -> None:
    register = Register()
    first, second = quotas(register), quotas(register)
    taken = 0
    for _ in range(300):
        taken += await passed(first, "one", 1) + await passed(second, "one", 1)
    assert 396 <= taken <= 400


async def test_a_process_that_dies_costs_less_than_a_percent_and_never_gives_more() -> None:
    register = Register()
    taken = 0
    for _ in range(4):  # one after the other, each dies with what it had leased
        taken += await passed(quotas(register), "one", 100)
    taken += await passed(quotas(register), "one", 100)
    assert 390 <= taken <= 400


async def test_a_new_day_begins_anew() -> None:
    register = Register()
    assert await passed(quotas(register), "one", 500) == 400
    assert await passed(quotas(register, NOON + timedelta(days=1)), "one", 500) == 400


async def test_without_the_register_requests_are_counted_here() -> None:
    counted = quotas(Register(down=10**6))
    assert await passed(counted, "one", 500) == 400


async def test_tokens_of_two_classes_in_turn_count_one_day() -> None:
    """Those from before a change of class are good for some minutes."""
    register = Register()
    counted = quotas(register)
    for _ in range(150):
        assert await passed(counted, "one", 1, "trial") == 1
        assert await passed(counted, "one", 1, "high") == 1
    assert register.taken["one", TODAY] <= 300 + 2 * CLASSES["high"].block
    assert await passed(counted, "one", 500, "trial") == 100
    assert await passed(counted, "one", 10, "high") == 10


async def test_tokens_of_two_classes_in_turn_share_one_second() -> None:
    classes = {"trial": Quota(5, 10_000), "high": Quota(50, 10_000)}
    counted = Quotas(Register(), classes, lambda: NOON)
    assert await passed(counted, "one", 60, "high") == 50
    assert await passed(counted, "one", 10, "trial") == 0


async def test_what_a_process_has_leased_and_not_spent_is_told() -> None:
    register = Register()
    counted = quotas(register)
    await passed(counted, "one", 3)
    assert register.taken["one", TODAY] - counted.unspent("one", TODAY) == 3
    assert counted.unspent("one", TODAY + timedelta(days=1)) == 0
    assert counted.unspent("another", TODAY) == 0


@pytest.mark.parametrize("kind", [Quota(5, 5_000), Quota(50, 500_000), Quota(500, 10_000_000)])
def test_a_block_is_no_more_than_a_second_may_ask(kind: Quota) -> None:
    assert kind.block == kind.per_second


async def test_an_unknown_class_has_the_smallest_quota() -> None:
    assert await passed(quotas(Register()), "one", 500, "no such class") == 400


@pytest.mark.parametrize("requests", [1, 50, 399])
async def test_the_register_is_asked_once_a_block(requests: int) -> None:
    register = Register()
    await passed(quotas(register), "one", requests)
    assert register.asked <= requests / CLASSES["trial"].block + 2
