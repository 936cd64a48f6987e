"""An upload (上传): a promise of bytes, kept by the client straight to the object store.

Below 8 MiB one PUT brings them, bound to their digest; above, parts do, each bound to its length,
and inspection compares the digest of the whole. What may happen in which state is `TRANSITIONS`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

from services.catalog.domain.files import INCOMING, Refusal, key_of
from shared.errors import DomainError
from shared.storage import Part

MIB = 1 << 20
SINGLE_BELOW = 8 * MIB
SMALLEST_PART = 8 * MIB
PREFERRED_PART = 16 * MIB
PREFERRED_PARTS = 64
MOST_PARTS = 10_000

UNKNOWN = ""
"""The ETag of a part that was sent twice within a second, with other bytes: which of them the store
has it cannot tell."""

_ARCHIVES = frozenset({"application/zip", "application/x-zip-compressed"})
_OF_THE_WHOLE = frozenset({"name-mismatch", "type-mismatch", "malware", "polyglot", "bomb"})
"""Findings that condemn an archive as such, although they say where; what else is wrong with its
structure whoever opens it finds again."""


class State(StrEnum):
    OPEN = "OPEN"
    COMPLETED = "COMPLETED"
    AVAILABLE = "AVAILABLE"
    REFUSED = "REFUSED"
    EXPIRED = "EXPIRED"
    ABORTED = "ABORTED"


class Action(StrEnum):
    COMPLETE = "complete"
    ABORT = "abort"
    EXPIRE = "expire"
    CLEAR = "clear"
    REFUSE = "refuse"


TRANSITIONS: Mapping[tuple[State, Action], State] = {
    (State.OPEN, Action.COMPLETE): State.COMPLETED,
    (State.OPEN, Action.ABORT): State.ABORTED,
    (State.OPEN, Action.EXPIRE): State.EXPIRED,
    (State.COMPLETED, Action.CLEAR): State.AVAILABLE,
    (State.COMPLETED, Action.REFUSE): State.REFUSED,
    (State.AVAILABLE, Action.ABORT): State.ABORTED,
}
"""The owner completes and aborts, the sweeper expires, inspection clears or refuses."""

HELD = frozenset({State.COMPLETED, State.AVAILABLE})
"""States in which every byte has arrived and is kept."""


UNDER_WAY = frozenset({State.OPEN, State.COMPLETED})
"""States in which bytes arrive or are inspected, of which its version knows nothing."""


class Method(StrEnum):
    """How the bytes come."""

    SINGLE = "single"
    MULTIPART = "multipart"
    NONE = "none"


class UploadDefective(DomainError):
    """What was announced cannot be taken; ``errors`` lists every reason."""


class UploadIncomplete(DomainError):
    """Bytes have not arrived, or not as announced; ``missing`` and ``wrong`` name the parts."""


class UploadClosed(DomainError):
    """It is past the state in which that may happen; ``state`` tells which it is in."""


class UploadInUse(DomainError):
    """A resource or a review refers to it."""


class QuotaExceeded(DomainError):
    """``quotas`` has the figures, in bytes, of each quota that is too small."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a client says it will upload. ``sha256`` is the raw 32 bytes, empty where what was said
    is no digest."""

    filename: str
    media_type: str
    size: int
    sha256: bytes
    organisation_path: str | None


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a part stands in the file, in bytes. ``number`` counts from 1."""

    number: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the object store has: ``parts`` are whole and ready to be joined, by number."""

    parts: Sequence[Part]
    missing: Sequence[Slot]
    wrong: Sequence[Part]
    """Of another length than announced; they are sent again like missing ones."""

    uncertain: Sequence[int] = ()
    """Numbers of missing parts that were sent more than once within a second, each time with other
    bytes: the store cannot tell which came last."""

    joined: bool = False
    """The store has made them one object already, though nobody here remembers."""


@dataclass(frozen=True, slots=True)
class Upload:
    """``expires_at`` is when an upload that is still open is given up."""

    id: UUID
    owner: str
    organisation_path: str | None
    filename: str
    media_type: str
    size: int
    sha256: bytes
    method: Method
    state: State
    object_key: str
    multipart_id: str | None
    part_size: int
    created_at: datetime
    expires_at: datetime
    completed_at: datetime | None = None
    refusal: Sequence[Refusal] = ()
    version: int = 1

    @classmethod
    def open(
        cls, id_: UUID, owner: str, announced: Announcement, now: datetime, life: timedelta
    ) -> Self:
        single = announced.size < SINGLE_BELOW
        return cls(
            id=id_,
            owner=owner,
            organisation_path=announced.organisation_path,
            filename=announced.filename,
            media_type=announced.media_type,
            size=announced.size,
            sha256=announced.sha256,
            method=Method.SINGLE if single else Method.MULTIPART,
            state=State.OPEN,
            object_key=incoming_key(id_),
            multipart_id=None,
            part_size=announced.size if single else part_size(announced.size),
            created_at=now,
            expires_at=now + life,
        )

    def recognised(self) -> Self:
        """Available at once: whoever announced it has these bytes here already."""
        return replace(
            self,
            method=Method.NONE,
            state=State.AVAILABLE,
            object_key=key_of(self.sha256),
            part_size=0,
            completed_at=self.created_at,
        )

    @property
    def holders(self) -> list[str]:
        """Whose quotas it counts against, in the order in which they are locked."""
        return quota_holders(self.owner, self.organisation_path)

    @property
    def is_refused_for_members(self) -> bool:
        return refused_for_members(self.state, self.media_type, self.refusal)

    @property
    def part_count(self) -> int:
        return -(-self.size // self.part_size) if self.part_size else 0

    @property
    def actions(self) -> list[Action]:
        """What its owner may do to it now."""
        owners = (Action.COMPLETE, Action.ABORT)
        return [each for each in owners if (self.state, each) in TRANSITIONS]

    def slots(self, first: int, count: int) -> list[Slot]:
        """At most `count` parts from number `first` on."""
        last = min(first + count - 1, self.part_count)
        return [self._slot(number) for number in range(first, last + 1)]

    def _slot(self, number: int) -> Slot:
        offset = (number - 1) * self.part_size
        return Slot(number, offset, min(self.part_size, self.size - offset))

    def arrival(self, stored: Iterable[Part]) -> Arrival:
        """Compare what the store lists with what was announced. Of a part that was sent again, the
        last of the right length counts: a connection that broke leaves a shorter one. Where the
        store cannot tell the last, none does."""
        whole: dict[int, Part] = {}
        others: dict[int, Part] = {}
        for part in stored:
            inside = 1 <= part.number <= self.part_count
            right = inside and part.size == self._slot(part.number).length
            (whole if right else others)[part.number] = part
        certain = {number: part for number, part in whole.items() if part.etag != UNKNOWN}
        slots = self.slots(1, self.part_count)
        return Arrival(
            parts=[certain[number] for number in sorted(certain)],
            missing=[each for each in slots if each.number not in certain],
            uncertain=sorted(whole.keys() - certain.keys()),
            wrong=[part for number, part in sorted(others.items()) if number not in whole],
        )

    def completed(self, now: datetime) -> Self:
        """Raises `UploadClosed`."""
        return replace(self._after(Action.COMPLETE), completed_at=now)

    def aborted(self) -> Self:
        """Given up; what is available is no longer the owner's to use. Raises `UploadClosed`."""
        return self._after(Action.ABORT)

    def expired(self) -> Self:
        """Raises `UploadClosed`."""
        return self._after(Action.EXPIRE)

    def cleared(self) -> Self:
        """Its file is clean and stands under its digest. Raises `UploadClosed`."""
        return replace(self._after(Action.CLEAR), object_key=key_of(self.sha256))

    def refused(self, refusal: Sequence[Refusal]) -> Self:
        """Raises `UploadClosed`."""
        return replace(self._after(Action.REFUSE), refusal=tuple(refusal))

    def _after(self, action: Action) -> Self:
        state = TRANSITIONS.get((self.state, action))
        if state is None:
            raise UploadClosed(
                f"The upload is {self.state}: begin another.",
                zh="该上传已结束，请重新开始上传。",
                state=self.state,
            )
        return replace(self, state=state, version=self.version + 1)


def refused_for_members(state: State, media_type: str, refusal: Sequence[Refusal]) -> bool:
    """Whether it is an archive, and files in it are all that was found wrong: an intake may take
    them out one by one, each to be inspected by itself."""
    return (
        state is State.REFUSED
        and media_type in _ARCHIVES
        and all(each.get("where") and each["code"] not in _OF_THE_WHOLE for each in refusal)
    )


def incoming_key(upload_id: UUID) -> str:
    """Where the object store keeps the bytes until they are inspected."""
    return f"{INCOMING}{upload_id}"


def part_size(size: int) -> int:
    """Whole MiB: 8 to 16 for some 64 parts, more where `MOST_PARTS` would not hold `size`."""
    preferred = min(max(_mib_up(size, PREFERRED_PARTS), SMALLEST_PART), PREFERRED_PART)
    return max(preferred, _mib_up(size, MOST_PARTS))


def _mib_up(size: int, parts: int) -> int:
    return -(-size // (parts * MIB)) * MIB


def quota_holders(owner: str, organisation_path: str | None) -> list[str]:
    """The organisation is named by its label, which stays when it moves."""
    if organisation_path is None:
        return [f"person:{owner}"]
    return [f"organisation:{organisation_path.rpartition('.')[2]}", f"person:{owner}"]
