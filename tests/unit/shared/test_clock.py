from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.clock import utc_now
from shared.testing.clock import FrozenClock


def test_the_machine_clock_is_aware_and_in_utc() -> None:
    assert utc_now().tzinfo is UTC


def test_a_frozen_clock_stands_still_until_it_is_advanced() -> None:
    clock = FrozenClock(datetime(2026, 9, 1, 8, tzinfo=UTC))
    assert clock() == clock() == datetime(2026, 9, 1, 8, tzinfo=UTC)
    clock.advance(timedelta(minutes=5))
    assert clock() == datetime(2026, 9, 1, 8, 5, tzinfo=UTC)


def test_a_frozen_clock_may_be_set_back() -> None:
    clock = FrozenClock()
    clock.set(datetime(2020, 1, 1, tzinfo=UTC))
    assert clock() == datetime(2020, 1, 1, tzinfo=UTC)


def test_a_frozen_clock_tells_beijing_time_in_utc() -> None:
    clock = FrozenClock(datetime(2026, 9, 1, 8, tzinfo=timezone(timedelta(hours=8))))
    assert clock() == datetime(2026, 9, 1, 0, tzinfo=UTC)
    assert clock().tzinfo is UTC


def test_an_instant_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        FrozenClock(datetime(2026, 9, 1))  # noqa: DTZ001  a naive instant is the point
