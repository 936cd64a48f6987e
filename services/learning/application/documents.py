"""Documents that applications keep: of activities for their organisation, of people for
themselves."""

from collections.abc import Sequence
from datetime import datetime

from services.learning.application.applications import Access, Registry
from services.learning.application.consents import Bounds
from services.learning.domain.applications import Scope
from services.learning.domain.xapi import documents
from services.learning.domain.xapi.contents import key_of, without_members
from services.learning.domain.xapi.documents import (
    NOTHING,
    Document,
    DocumentNotFound,
    Kind,
    Preconditions,
    Shelf,
)
from services.learning.domain.xapi.queries import UNKNOWN
from services.learning.domain.xapi.rules import Json
from services.learning.domain.xapi.values import Version
from services.learning.ports import Actors, DocumentStore
from shared.clock import Clock


class Documents:
    def __init__(
        self,
        store: DocumentStore,
        actors: Actors,
        registry: Registry,
        bounds: Bounds,
        clock: Clock,
    ) -> None:
        self._store = store
        self._actors = actors
        self._registry = registry
        self._bounds = bounds
        self._clock = clock

    async def shelf(
        self,
        access: Access,
        kind: Kind,
        activity: str | None,
        agent: Json | None,
        *,
        reading: bool = False,
    ) -> Shelf:
        """Where the application's documents of `kind` on these stand. Reading notes nobody; it is
        shown an empty shelf when nobody spoke of the agent, or the agent is a pupil of whom the
        application is told nothing. Raises `ScopeMissing`."""
        access.application.admit(Scope.STATE if kind is Kind.STATE else Scope.PROFILE)
        actor = NOTHING
        if agent is not None:
            self._registry.admit_agent(access, agent)
            if not reading:
                [pseudonym] = await self._actors.pseudonyms([without_members(agent)])
                actor = pseudonym.actor
            elif await self._bounds.withheld(access, [agent]):
                actor = UNKNOWN
            else:
                actor = await self._actors.known(agent) or UNKNOWN
        key = NOTHING if activity is None else key_of(activity)
        organisation = access.application.path.rpartition(".")[2]
        path = organisation if kind is Kind.ACTIVITY_PROFILE else access.shelf
        return Shelf(path, kind, key, actor)

    async def get(self, shelf: Shelf, name: str) -> Document:
        """One document. Raises `DocumentNotFound`."""
        found = await self._store.get(shelf, name)
        if found is None:
            raise DocumentNotFound("Nothing is kept under this name.", zh="没有该名称的文档。")
        return found

    async def names(self, shelf: Shelf, since: datetime | None) -> Sequence[str]:
        """The names of those changed after `since`."""
        return await self._store.names(shelf, since)

    async def put(
        self,
        shelf: Shelf,
        name: str,
        content_type: str,
        content: bytes,
        preconditions: Preconditions,
        version: Version,
        *,
        merge: bool,
    ) -> None:
        """Write a document, over or into what is there.

        Raises `DocumentConflict`, `PreconditionFailed`, `PreconditionMissing` and, for a
        body that is not the JSON it says it is, `MalformedDocument`.
        """
        document = Document(content_type, content, self._clock())
        if document.is_json:
            documents.check_json(content)

        def allowed(current: str | None) -> None:
            if merge:
                preconditions.check(current)
            else:
                preconditions.check_overwrite(current, shelf.kind, version)

        await self._store.put(shelf, name, document, allowed, merge=merge)

    async def delete(self, shelf: Shelf, name: str, preconditions: Preconditions) -> None:
        """Take a document away, if it is there. Raises `PreconditionFailed`."""
        await self._store.delete(shelf, name, preconditions)

    async def clear(self, shelf: Shelf) -> None:
        """Take every document of the shelf away."""
        await self._store.clear(shelf)
