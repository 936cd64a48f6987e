"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta


class FrozenClock:
    """A `shared.clock.Clock`. Instants given to it are aware; others raise `ValueError`."""

    def __init__(self, now: datetime = datetime(2026, 9, 1, 0, 0, tzinfo=UTC)) -> None:
        self.set(now)

    def __call__(self) -> datetime:
        return self._now

    def set(self, now: datetime) -> None:
        """Stand at `now`, earlier or later."""
        if now.tzinfo is None:
            raise ValueError(f"{now} has no time zone")
        self._now = now.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        self._now += by
