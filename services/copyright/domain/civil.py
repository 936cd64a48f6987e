"""Days and times as people in China have them."""

from datetime import date, datetime, timedelta, timezone

_CHINA = timezone(timedelta(hours=8))


def civil_date(at: datetime) -> date:
    """The day it is in China."""
    return at.astimezone(_CHINA).date()


def civil_time(at: datetime) -> str:
    """In China's time, to the minute; say so beside it."""
    return f"{at.astimezone(_CHINA):%Y-%m-%d %H:%M}"
