"""What the use cases need from outside, as Protocols."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from services.learning.domain.applications import Application
from services.learning.domain.xapi.attachments import Part
from services.learning.domain.xapi.documents import Document, Preconditions, Shelf
from services.learning.domain.xapi.queries import Found, StatementQuery
from services.learning.domain.xapi.records import Batch
from services.learning.domain.xapi.rules import Json
from shared.database import UnitOfWork


class Pseudonym(NamedTuple):
    """Who an agent is (`actor`), and how it was named this time (`persona`)."""

    actor: UUID
    persona: UUID


class Actors(Protocol):
    """People by pseudonym. What names them is kept sealed, and found by keyed hashes."""

    async def pseudonyms(self, agents: Sequence[Json]) -> Sequence[Pseudonym]:
        """Of identified agents, given without members; unknown ones are noted. They are
        committed when this returns. Raises `ErasedPeople`."""
        ...

    async def known(self, agent: Json) -> UUID | None:
        """Who this is, None if nobody ever spoke of them."""
        ...

    async def named(self, personas: Sequence[UUID]) -> Mapping[UUID, Json]:
        """The agents as they were sent; erased ones are missing."""
        ...


class StatementStore(Protocol):
    """Takes statements in, with what is counted of them, in one transaction."""

    async def write(self, batches: Sequence[Batch], stored: datetime) -> Mapping[int, UUID]:
        """Commit every batch but those that bring other content for an id that is taken: they are
        named by index, with the id. Records known already change nothing. The records get the
        microseconds from `stored` on. Raises `Unavailable`."""
        ...


class StatementSource(Protocol):
    """Finds what was stored."""

    async def find(self, statement_id: UUID, reach: Sequence[int]) -> Found | None:
        """One statement, voided or not, that one of the applications `reach` sent."""
        ...

    async def select(self, query: StatementQuery) -> Sequence[Found]:
        """Statements that are not voided, by the time they were stored."""
        ...

    async def attachments(self, hashes: Sequence[str]) -> Sequence[Part]:
        """Those that are held."""
        ...

    async def definition(self, activity: UUID) -> Json | None:
        """What is known of an activity: ``id`` and ``definition``."""
        ...


class DocumentStore(Protocol):
    """Documents, each written under a lock on its place."""

    async def get(self, shelf: Shelf, name: str) -> Document | None: ...

    async def names(self, shelf: Shelf, since: datetime | None) -> Sequence[str]:
        """Those changed after `since`, sorted."""
        ...

    async def put(
        self, shelf: Shelf, name: str, document: Document, allowed: "Overwrite", *, merge: bool
    ) -> None:
        """Write what `allowed` lets be written. With `merge`, the top-level members of a JSON
        object are put over those that are there. Raises what `allowed` raises, and
        `MalformedDocument`."""
        ...

    async def delete(self, shelf: Shelf, name: str, preconditions: Preconditions) -> None:
        """Take it away, if it is there. Raises `PreconditionFailed`."""
        ...

    async def clear(self, shelf: Shelf) -> None:
        """Take every document away."""
        ...


class Overwrite(Protocol):
    """Decides on the tag of what is there, None for nothing, whether it may be written over."""

    def __call__(self, current: str | None) -> None: ...


class Applications(Protocol):
    async def by_secret(self, username: str, secret_hash: bytes) -> Application | None:
        """The application that is not revoked, if the hash is of its secret."""
        ...

    async def by_username(self, username: str) -> Application | None:
        """The application that is not revoked."""
        ...

    async def below(self, path: str) -> Sequence[int]:
        """The ids of every application of the organisation at `path` and of those below it."""
        ...

    async def of_client(self, client: str, path: str | None = None) -> Sequence[int]:
        """The ids of every application that the client is at `path`; None: wherever it acts."""
        ...

    async def named(self, ids: Sequence[int]) -> Mapping[int, Application]: ...

    async def add(
        self, uow: UnitOfWork, application: Application, secret_hash: bytes | None
    ) -> int:
        """Note it under a new id. Raises `UsernameTaken`."""
        ...

    async def put_secret(
        self, uow: UnitOfWork, username: str, secret_hash: bytes
    ) -> Application | None:
        """In place of the old one. None where no application that is not revoked signs in under
        that name."""
        ...

    async def revoke(self, uow: UnitOfWork, username: str) -> Application | None:
        """Likewise."""
        ...

    async def is_organisation(self, path: str) -> bool:
        """Whether identity told of an open organisation there."""
        ...
