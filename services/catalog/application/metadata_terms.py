"""The terms that metadata is written in, and the metadata of a resource in the national form."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.resources import ResourceStore, shown, viewer_of
from services.catalog.domain.metadata import Described, national, terms_used
from services.catalog.domain.resources import Metadata
from services.catalog.domain.reviews_records import Passed, audit_records
from services.catalog.domain.vocabularies import Lexicon, Term
from shared.database import UnitOfWork
from shared.principal import Principal

Terms = Mapping[tuple[str, str], Term]
"""By dictionary and code; what does not exist is missing."""


class Lexicons(Protocol):
    async def lexicons(
        self, connection: AsyncConnection, dictionaries: Collection[str]
    ) -> Mapping[str, Lexicon]:
        """The present versions of those among `dictionaries` that exist."""
        ...


async def terms_of(lexicons: Lexicons, connection: AsyncConnection, metadata: Metadata) -> Terms:
    """The terms whose codes stand in `metadata`, retired ones too."""
    used = {(dictionary, code) for _, dictionary, code in terms_used(metadata)}
    if not used:
        return {}
    known = await lexicons.lexicons(connection, {dictionary for dictionary, _ in used})
    return {
        (dictionary, code): known[dictionary].terms[code]
        for dictionary, code in used
        if dictionary in known and code in known[dictionary].terms
    }


class ReviewRecords(Protocol):
    async def passed(self, resource_id: UUID, number: int) -> Sequence[Passed]:
        """The levels that approved a version, the lowest first."""
        ...


class NationalRecords:
    """``public_origin`` begins the addresses that are told."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        resources: Callable[[AsyncConnection], ResourceStore],
        lexicons: Lexicons,
        reviews: Callable[[AsyncConnection], ReviewRecords],
        public_origin: str,
    ) -> None:
        self._new_uow = new_uow
        self._resources = resources
        self._lexicons = lexicons
        self._reviews = reviews
        self._resources_address = f"{public_origin}/catalog/v1/resources"

    async def describe(
        self, caller: Principal | None, resource_id: UUID, version: int | None
    ) -> dict[str, Any]:
        """What the caller sees of it in the elements of GB/T 41469-2022, table 2, and of a version
        that was approved by whom (``audit`` of table 1).

        Raises `NotFound`.
        """
        async with self._new_uow() as uow:
            store = self._resources(uow.connection)
            seen = await shown(store, viewer_of(caller), resource_id, version)
            metadata = seen.content.metadata
            terms = await terms_of(self._lexicons, uow.connection, metadata)
            passed: Sequence[Passed] = ()
            if seen.number is not None:
                passed = await self._reviews(uow.connection).passed(resource_id, seen.number)
        resource, files = seen.resource, seen.content.files
        pinned = "" if seen.number is None else f"?version={seen.number}"
        described = Described(
            code=resource.code,
            location=f"{self._resources_address}/{resource.id}/content{pinned}",
            formats=tuple(dict.fromkeys(each.media_type for each in files)),
            size=sum(each.size for each in files),
            date=resource.created_at.date().isoformat(),
            creator=resource.owner,
            terms=terms,
        )
        audit = audit_records(passed)
        return {**national(metadata, described), **({"audit": audit} if audit else {})}
