"""How much a person, and an organisation, may keep: bytes of distinct content that is available,
and of every upload under way in full.

A row for each holder carries the sum; to change it is to hold it until the transaction ends, so
that two uploads announced at once cannot both take the last place.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.domain.uploads import QuotaExceeded, Upload, quota_holders
from shared.database import UnitOfWork


@dataclass(frozen=True, slots=True)
class Quota:
    """In bytes. ``organisation`` is a path, or None where it is the person's own."""

    organisation: str | None
    limit: int
    used: int


class QuotaStore(Protocol):
    async def add(self, holders: Sequence[str], size: int) -> Mapping[str, int]:
        """Add `size` to what each uses, in the order given; what they use now."""
        ...

    async def keep(self, holders: Sequence[str], sha256: bytes) -> list[str]:
        """Remember that they have that content; those of them that had not."""
        ...

    async def forget(self, upload: Upload) -> list[str]:
        """Of the holders of `upload`, which is available no longer, those who have that content by
        no other; they are not remembered to have it."""
        ...

    async def used(self, holders: Collection[str]) -> Mapping[str, int]: ...


class Quotas:
    """``person`` and ``organisation`` are limits in bytes, the same for each."""

    def __init__(
        self, store: Callable[[AsyncConnection], QuotaStore], *, person: int, organisation: int
    ) -> None:
        self._store = store
        self._limits = {"person": person, "organisation": organisation}

    async def reserve(self, uow: UnitOfWork, upload: Upload) -> None:
        """Count an upload under way. Raises `QuotaExceeded`."""
        await self._take(self._store(uow.connection), upload.holders, upload.size)

    async def release(self, uow: UnitOfWork, upload: Upload) -> None:
        """An upload that was reserved came to nothing."""
        await self._store(uow.connection).add(upload.holders, -upload.size)

    async def settle(self, uow: UnitOfWork, upload: Upload) -> None:
        """An upload that was reserved is available: content had before counts once."""
        store = self._store(uow.connection)
        new = await store.keep(upload.holders, upload.sha256)
        before = [holder for holder in upload.holders if holder not in new]
        if before:
            await store.add(before, -upload.size)

    async def forget(self, uow: UnitOfWork, upload: Upload) -> None:
        """An upload that was available was given up: content that nobody has by another one no
        longer counts."""
        store = self._store(uow.connection)
        await store.add(upload.holders, 0)  # holds their rows: two at once would each see the other
        if gone := await store.forget(upload):
            await store.add([each for each in upload.holders if each in gone], -upload.size)

    async def share(self, uow: UnitOfWork, upload: Upload) -> None:
        """Count content that is here already, for those who had it not. Raises `QuotaExceeded`."""
        store = self._store(uow.connection)
        new = await store.keep(upload.holders, upload.sha256)
        if new:
            await self._take(store, new, upload.size)

    async def of(
        self, uow: UnitOfWork, person: str, organisations: Collection[str]
    ) -> Sequence[Quota]:
        """The person's, then those of the organisations at these paths."""
        places = (None, *organisations)
        named = {quota_holders(person, path)[0]: path for path in places}
        used = await self._store(uow.connection).used(named)
        return [
            Quota(path, self._limit(holder), used.get(holder, 0)) for holder, path in named.items()
        ]

    async def _take(self, store: QuotaStore, holders: Sequence[str], size: int) -> None:
        used = await store.add(holders, size)
        exceeded = [
            {
                "holder": holder.partition(":")[0],
                "limit": self._limit(holder),
                "used": used[holder] - size,
                "wanted": size,
            }
            for holder in holders
            if used[holder] > self._limit(holder)
        ]
        if exceeded:
            raise QuotaExceeded(
                "There is no room for it: the figures, in bytes, are under quotas.",
                zh="存储配额不足，用量（字节）见 quotas。",
                quotas=exceeded,
            )

    def _limit(self, holder: str) -> int:
        return self._limits[holder.partition(":")[0]]
