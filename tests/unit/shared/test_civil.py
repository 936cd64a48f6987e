from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.civil import CHINA, civil_date, civil_midnight, civil_time, seconds_left

FIRST, LAST = datetime.fromisoformat("0001-01-03"), datetime.fromisoformat("9999-12-29")
INSTANTS = st.datetimes(FIRST, LAST, timezones=st.just(UTC))


@given(INSTANTS)
def test_the_day_is_that_of_chinas_clocks(at: datetime) -> None:
    assert civil_date(at) == at.astimezone(CHINA).date()
    assert civil_date(civil_midnight(civil_date(at))) == civil_date(at)


@given(INSTANTS)
def test_a_day_ends_when_the_next_begins(at: datetime) -> None:
    midnight = civil_midnight(civil_date(at) + timedelta(days=1))
    left = timedelta(seconds=seconds_left(at))
    assert at + left - timedelta(seconds=1.001) <= midnight <= at + left + timedelta(milliseconds=1)
    assert left <= timedelta(days=1, seconds=1)


def test_a_time_is_told_to_the_minute() -> None:
    assert civil_time(datetime(2026, 11, 22, 16, 5, 59, tzinfo=UTC)) == "2026-11-23 00:05"
