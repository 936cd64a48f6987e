"""What registrations need from their tables."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from services.copyright.domain.registrations import Party, Record, Text, WorkFile


class RegistrationStore(Protocol):
    """Registrations, within one transaction. Hashes are in hex."""

    async def get(self, registration_id: UUID) -> Record | None: ...

    async def by_code(self, code: str) -> Record | None: ...

    async def locked(self, registration_id: UUID) -> Record | None:
        """Like `get`; nobody adds an event to it until the transaction ends."""

    async def of_resource(self, resource_id: UUID) -> Record | None:
        """The newest one that the catalogue's events made for a resource, locked."""

    async def hold(self, told: Mapping[str, Any], at: datetime) -> None:
        """Keep what the catalogue told of a version, published `at` a time, for later."""

    async def held(self) -> Sequence[tuple[UUID, int]]:
        """The resources and versions that were held, in order."""

    async def released(
        self, resource_id: UUID, version: int
    ) -> tuple[Mapping[str, Any], datetime] | None:
        """What was held of a version, and when it was published; it is held no more."""

    async def add(self, record: Record) -> None: ...

    async def save(self, record: Record) -> None: ...

    async def events(self, registration_id: UUID) -> Sequence[bytes]:
        """Its entries, first to last, whether the log has them yet or not."""

    async def add_event(
        self, registration_id: UUID, place: int, dedup: bytes, body: bytes, at: datetime
    ) -> None: ...

    async def add_files(self, registration_id: UUID, place: int, files: Sequence[WorkFile]) -> None:
        """The files that the event at `place` describes."""

    async def bring_back_files(
        self, registration_id: UUID, place: int, files: Sequence[WorkFile]
    ) -> None:
        """Store the files of the event at `place` in the stead of what is stored for it."""

    async def files(self, registration_id: UUID, place: int) -> Sequence[WorkFile]: ...

    async def parties(self, registration_id: UUID) -> Sequence[Party]:
        """Whoever acted in it, save those whose salt was destroyed."""

    async def add_party(self, registration_id: UUID, party: Party) -> None: ...

    async def bring_back_party(self, registration_id: UUID, party: Party) -> None:
        """Store a party in the stead of what the same person is in the registration."""

    async def forget(self, person: str) -> None:
        """Destroy a person's salts, identities and words: what the log says of them can then be
        traced to nobody."""

    async def is_forgotten(self, person: str) -> bool:
        """Whether a person was erased: nothing is kept of them anew."""

    async def add_text(
        self,
        registration_id: UUID,
        person: str | None,
        commitment: str,
        salt: bytes,
        words: str,
        at: datetime,
    ) -> None: ...

    async def add_policy(self, sha256: str, template: str, document: bytes) -> None: ...

    async def policy(self, sha256: str) -> bytes | None: ...

    async def policy_of(self, registration_id: UUID, offer: str) -> bytes | None:
        """The policy of the offer that an event (its hash) makes."""

    async def texts(self, registration_id: UUID) -> Mapping[str, Text]:
        """The words of a dispute that were not destroyed, by their commitments."""

    async def letters(self) -> Mapping[str, str | None]:
        """The categories of works, each with its letter in registration numbers."""
