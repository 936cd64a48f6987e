"""What comparing works needs from the tables."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from services.copyright.domain.duplicates import Compared, Match, Registered
from shared.winnowing import Winnowed


class Taken(NamedTuple):
    """A file of a registered work that nobody compared yet."""

    work: Registered
    path: str
    file: Compared


class Flag(NamedTuple):
    """``work`` may be the same as that of ``match``, in the same file or a part of it."""

    work: Registered
    match: Match


class DuplicateStore(Protocol):
    """Codes of registered works, within one transaction. ``apart_from`` is a resource that is left
    out, as is the registration a file is part of; what is found comes with the place of the file
    in what was asked."""

    async def keep(self, file: Compared) -> None:
        """Keep the units and the prints of a file; what is known stays."""

    async def same(
        self, files: Sequence[Compared], apart_from: UUID | None
    ) -> Sequence[tuple[int, Match]]:
        """Works with a file of the same digest, Instance- or Data-Code, the first registered ones
        of each."""

    async def near(
        self, files: Sequence[Compared], apart_from: UUID | None
    ) -> Sequence[tuple[int, Match]]:
        """Works with a Content-Code of the same kind that is near, the nearest of each."""

    async def texts_like(
        self, file: Compared, apart_from: UUID | None
    ) -> Sequence[tuple[Match, Winnowed]]:
        """Works with a text that has prints in common with the file's, the most first."""

    async def take(self, most: int) -> Sequence[Taken]:
        """Files to be compared, marked as such; nobody else gets them."""

    async def flag(self, flags: Sequence[Flag], at: datetime) -> Sequence[Flag]:
        """Keep them; those that are new."""

    async def flags(
        self, registration_id: UUID, limit: int, before: UUID | None
    ) -> Sequence[tuple[Match, datetime]]:
        """What a registration may be the same as, the newest registrations first."""
