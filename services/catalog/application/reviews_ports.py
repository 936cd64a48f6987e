"""What the use cases of reviews need."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from services.catalog.domain.policies import Policy
from services.catalog.domain.resources import Resource
from services.catalog.domain.reviews import Case, Claim, Decision, EventKind, Level, Verdict
from services.catalog.domain.versions import Version
from shared.database import UnitOfWork


class Publishing(Protocol):
    """The seam to publication."""

    async def publish(
        self, uow: UnitOfWork, resource: Resource, version: Version, case_id: UUID
    ) -> Resource:
        """Make `version` the one that everybody may read, and save the resource, which the
        transaction of `uow` has locked and whose state is APPROVED or UPDATE_IN_REVIEW. It is
        PUBLISHED in what is returned."""
        ...


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of a case's timeline. ``actor`` is the id of a person, None: the catalogue."""

    id: int
    at: datetime
    round: int
    kind: EventKind
    actor: str | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Round:
    """A submission: which version, who signed which text, and the digest of text, content, signer
    and time."""

    round: int
    number: int
    digest: bytes
    signer: str
    on_behalf_of: str | None
    commitment: str
    commitment_digest: bytes
    signed_at: datetime


class PolicyRows(Protocol):
    async def above(self, path: str, without: Collection[str] = ()) -> Sequence[Policy]:
        """Those of the organisation at `path` and of every one above, except for what one of
        `without` ever wrote, as audit tells."""
        ...


class TaskKind(StrEnum):
    """What the scheduler does when it is due."""

    EXAMINE = "EXAMINE"
    REMIND = "REMIND"
    ESCALATE = "ESCALATE"


@dataclass(frozen=True, slots=True)
class Routed:
    """The group that fits, and of those who may judge whoever has least to do. ``known``: somebody
    is known who may judge there at all, be it after an absence."""

    group_id: UUID | None
    assignee: str | None
    known: bool


class ReviewStore(Protocol):
    async def add(self, case: Case) -> None:
        """Raises `services.catalog.application.resources.CodeTaken`."""
        ...

    async def get(self, case_id: UUID) -> Case | None: ...

    async def locked(self, case_id: UUID) -> Case | None:
        """Like `get`; it is kept from any change until the transaction ends."""
        ...

    async def save(self, case: Case) -> None: ...

    async def stand(self, resource: Resource) -> None:
        """Save ``state``, ``case_id``, ``version`` and ``updated_at`` of the resource."""
        ...

    async def was_refused(self, resource_id: UUID, digest: bytes) -> bool:
        """Whether content with that digest was ever rejected or sent back, or withdrawn once
        somebody refused it: nobody looks for a kinder judge."""
        ...

    async def unsettled(self, resource_id: UUID) -> UUID | None:
        """The last case of the resource, if it was withdrawn once somebody had judged."""
        ...

    async def was_important(self, resource_id: UUID) -> bool:
        """Whether any review of the resource was of an important one."""
        ...

    async def add_round(self, case_id: UUID, made: Round) -> None: ...

    async def rounds(self, case_id: UUID) -> Sequence[Round]: ...

    async def tell(
        self, case: Case, kind: EventKind, actor: str | None, data: Mapping[str, Any]
    ) -> None:
        """Put an entry at the end of the timeline; the database stamps it."""
        ...

    async def timeline(self, case_id: UUID, after: int, limit: int) -> Sequence[Event]: ...

    async def attach(self, case_id: UUID, upload_id: UUID, filename: str) -> None:
        """Let those whose business the case is read an upload that the timeline tells of."""
        ...

    async def attachment(self, case_id: UUID, upload_id: UUID) -> str | None:
        """The name of an upload that was attached."""
        ...

    async def claims(self, case_id: UUID) -> Sequence[Claim]:
        """Those whose lease may have run out too."""
        ...

    async def claim(self, case_id: UUID, claim: Claim) -> None:
        """Take or renew."""
        ...

    async def release(self, case_id: UUID, reviewer: str) -> None: ...

    async def add_verdict(self, verdict: Verdict) -> None: ...

    async def opinions(self, case_id: UUID, round_: int) -> Mapping[tuple[int, str], Decision]:
        """What was decided in the round, by level and reviewer."""
        ...

    async def verdicts(self, case_id: UUID) -> Sequence[tuple[datetime, Verdict]]:
        """All, in order."""
        ...

    async def makers(self, resource_id: UUID) -> frozenset[str]:
        """See `ResourceStore`."""
        ...

    async def is_excluded(self, case: Case, people: Collection[str]) -> bool:
        """Whether one of `people` has a conflict of interest with one of the case's makers, or the
        case went to a group that has somebody who may judge there, is not escalated, and none of
        them belongs to it. What makers of the case did to groups, or declared or lifted of others,
        does not count."""
        ...

    async def is_named(self, case: Case, people: Collection[str]) -> bool:
        """Whether the metadata of any version names one of `people` as having made something of it,
        or somebody whom one of them has a conflict of interest with: they may refuse it, but not
        approve."""
        ...

    async def had_claimed(self, case: Case, people: Collection[str]) -> bool:
        """Whether one of `people` ever claimed it at that level in that round."""
        ...

    async def may_judge(self, case: Case, person: str, now: datetime) -> bool:
        """Whether, as identity told, the person judges at the level of the case, or above it once
        it is escalated, for its subject or for all, or of a committee."""
        ...

    async def held_by(self, person: str) -> Sequence[UUID]:
        """The cases under review that are assigned to, or claimed by, the person."""
        ...

    async def astray(self, path: str) -> Sequence[UUID]:
        """The cases under review, of organisations at or below `path`, whose level is of none that
        these stand below."""
        ...

    async def is_away(self, person: str, now: datetime) -> bool:
        """Whether the person is absent on that day."""
        ...

    async def route(self, case: Case, level: Level, now: datetime) -> Routed:
        """Who should judge at `level`: see `Routed`. Absent on the day, makers, and whoever judged
        in this round or has a conflict of interest are left out, and so are groups that a maker
        founded or changed, or none of whose members may judge there. Whom the metadata names come
        last."""
        ...

    async def plan(self, case: Case, kind: TaskKind, due_at: datetime) -> None:
        """Have the scheduler come back to the case at that level and round."""
        ...

    async def clear(self, case_id: UUID) -> None:
        """Take back everything planned for the case, and every claim."""
        ...
