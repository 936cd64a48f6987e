"""What follows from an event of a registration beside the event: deadlines begin and end, and
agreements to licences begin and end, of which every reuse hears."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from services.copyright.application.holders import is_anothers
from services.copyright.application.registrations_ports import RegistrationStore
from services.copyright.domain.events import ReuseEnded, ReuseResumed
from services.copyright.domain.odrl import Policy
from services.copyright.domain.registrations import Record
from services.copyright.verify.events import Registration, Standing
from services.copyright.verify.leaf import Leaf
from shared.database import UnitOfWork

DISPUTES = ("claim.", "takedown.")
"""How the types of a dispute's events begin."""


class Ended(StrEnum):
    """Why an agreement no longer holds."""

    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"
    REMOVED = "REMOVED"


class DeadlineKind(StrEnum):
    ANSWER = "ANSWER"
    DECISION = "DECISION"
    EXPIRY = "EXPIRY"


@dataclass(frozen=True)
class Agreement:
    """Somebody agreed to the licence `offer`; both are event hashes. `used_in` is the resource that
    reuses the work, where one was named."""

    event: str
    offer: str
    person: str | None
    used_in: UUID | None


@dataclass(frozen=True)
class Deadline:
    """What is due because of an event (its hash)."""

    event: str
    kind: DeadlineKind
    registration_id: UUID
    due_at: datetime


class AgreementStore(Protocol):
    """Agreements, within one transaction."""

    async def stands(
        self, registration_id: UUID, offer: str, person: str, used_in: UUID | None
    ) -> bool:
        """Whether a person agreed to an offer, for that very reuse, and it has not ended."""

    async def add(self, registration_id: UUID, agreement: Agreement) -> None: ...

    async def end(
        self, registration_id: UUID, offer: str | None, reason: Ended
    ) -> Sequence[Agreement]:
        """End those that stand, of one offer (also those that a removal ended, which no longer
        come back) or of all; they are told."""

    async def resume(self, registration_id: UUID) -> Sequence[Agreement]:
        """Let those stand again that a removal ended; they are told."""


class DeadlineStore(Protocol):
    """Deadlines, within one transaction."""

    async def add(self, deadline: Deadline) -> None: ...

    async def met(self, registration_id: UUID, event: str | None = None) -> None:
        """Forget a dispute's deadlines, or, given an offer's event, its expiry."""

    async def passed(self, now: datetime) -> Deadline | None:
        """The one that passed first."""

    async def remove(self, deadline: Deadline) -> bool:
        """Forget one; whether it was still there."""


@dataclass(frozen=True)
class Periods:
    """How long a holder has to answer a claim or a notice, and then the platform to decide."""

    answer: timedelta
    decision: timedelta

    def due(self, standing: Standing, last: Leaf) -> dict[DeadlineKind, datetime]:
        """What is due while a registration stands so since its last event; nothing for a
        registration without dispute."""
        since = datetime.fromisoformat(last.claimed_at)
        match standing:
            case Standing.NOTICED | Standing.DISPUTED:
                answer = since + self.answer
                return {DeadlineKind.ANSWER: answer, DeadlineKind.DECISION: answer + self.decision}
            case Standing.COUNTERED:
                return {DeadlineKind.DECISION: since + self.decision}
        return {}


class Consequences:
    """Follows events within the transaction that accepts them."""

    def __init__(
        self,
        uow: UnitOfWork,
        store: RegistrationStore,
        agreements: AgreementStore,
        deadlines: DeadlineStore,
        periods: Periods,
    ) -> None:
        self._uow = uow
        self._store = store
        self._agreements = agreements
        self._deadlines = deadlines
        self._periods = periods

    async def follow(
        self,
        record: Record,
        leaf: Leaf,
        after: Registration,
        person: str | None,
        used_in: UUID | None,
    ) -> None:
        """What `leaf`, just accepted, leads to. `record` stands as it does after it."""
        this = str(after.head)
        match leaf.type:
            case "licence.offer":
                await self._expires(record, this, str(leaf.rights_policy_sha256))
            case "licence.agree":
                agreed = Agreement(this, leaf.detail["offer"], person, used_in)
                await self._agreements.add(record.id, agreed)
            case "licence.revoke":
                await self._revoked(record, leaf.detail["offer"])
            case "restore":
                for each in await self._agreements.resume(record.id):
                    self._uow.outbox.append(ReuseResumed(**_told(record, each), reason="RESTORED"))
        if record.standing == Standing.REMOVED and leaf.type == "takedown.decision":
            await self.end(record, None, Ended.REMOVED)
        if leaf.type.startswith(DISPUTES):
            await self._deadlines.met(record.id)
            for kind, at in self._periods.due(record.standing, leaf).items():
                await self._deadlines.add(Deadline(this, kind, record.id, at))

    async def has_agreed(
        self, record: Record, offer: str, person: str, used_in: UUID | None
    ) -> bool:
        """Whether that very agreement stands already."""
        return await self._agreements.stands(record.id, offer, person, used_in)

    async def end(self, record: Record, offer: str | None, reason: Ended) -> None:
        """End the agreements to an offer, or all of the registration's, and tell every reuse but
        of resources that others registered since: nobody takes those down by an agreement."""
        for each in await self._agreements.end(record.id, offer, reason):
            if each.used_in and await is_anothers(self._store, each.used_in, each.person):
                continue
            self._uow.outbox.append(ReuseEnded(**_told(record, each), reason=reason))

    async def _expires(self, record: Record, offer: str, sha256: str) -> None:
        policy = await self._store.policy(sha256)
        until = Policy.parse(policy).until if policy else None
        if until is not None:
            await self._deadlines.add(Deadline(offer, DeadlineKind.EXPIRY, record.id, until))

    async def _revoked(self, record: Record, offer: str) -> None:
        await self._deadlines.met(record.id, offer)
        policy = await self._store.policy_of(record.id, offer)
        if policy is None or Policy.parse(policy).revocable:
            await self.end(record, offer, Ended.REVOKED)


def _told(record: Record, agreement: Agreement) -> dict[str, Any]:
    return {
        "registration_id": record.id,
        "code": record.code,
        "resource_id": record.resource_id,
        "agreement": agreement.event,
        "used_in": agreement.used_in,
    }
