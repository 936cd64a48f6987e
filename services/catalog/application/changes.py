"""Following the feed of changes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.catalog.domain.changes import Change, Place


class ChangeLog(Protocol):
    async def append(self, change: Change) -> None:
        """Put `change` at the end, behind every change of the same resource, whose row the caller
        has locked."""
        ...

    async def append_moved(self, path: str, at: datetime) -> None:
        """Tell of every resource that everybody may read at and below `path`, to which the caller's
        transaction has moved them."""
        ...


class ChangeFeed(Protocol):
    async def after(self, place: Place, limit: int) -> Sequence[tuple[Place, Change]]:
        """At most `limit` changes behind `place`, in order. What is told is final: nothing will
        ever stand before it that was not told, though commits overtake one another."""
        ...
