"""The time: a callable, passed in, so that a test may hold it still."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Answers the present instant, aware and in UTC."""


def utc_now() -> datetime:
    """The present instant by the machine's clock."""
    return datetime.now(UTC)
