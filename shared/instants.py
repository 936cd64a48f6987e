"""Instants as requests tell them."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError(
            "Give an instant between the years 1 and 9999.", "时间应在公元 1 年至 9999 年之间。"
        ) from None


Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""RFC 3339, in UTC once it is read: an offset that leads out of the calendar is refused there, and
not by whoever compares or keeps it."""
