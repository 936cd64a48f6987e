"""Days and times as people in China have them: one time zone, and no summer time since 1991."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache

CHINA = timezone(timedelta(hours=8))
_AHEAD_SECONDS = 8 * 3600
DAY_SECONDS = 86_400
_FIRST_DAY = date(1970, 1, 1)


def civil_date(at: datetime) -> date:
    """The day it is in China. Every request asks for it: a time zone would be slow."""
    return _day(int((at.timestamp() + _AHEAD_SECONDS) // DAY_SECONDS))


@lru_cache(64)
def _day(number: int) -> date:
    return _FIRST_DAY + timedelta(days=number)


def seconds_left(at: datetime) -> int:
    """Until the day in China ends; at least one."""
    return int(DAY_SECONDS - (at.timestamp() + _AHEAD_SECONDS) % DAY_SECONDS) + 1


def civil_midnight(day: date) -> datetime:
    """The instant at which `day` begins in China."""
    return datetime.combine(day, time(), CHINA).astimezone(UTC)


def civil_time(at: datetime) -> str:
    """In China's time, to the minute; say so beside it."""
    return f"{at.astimezone(CHINA):%Y-%m-%d %H:%M}"
