"""Disputes: claims, takedown notices, answers and decisions (信息网络传播权保护条例 14-17).

What is said stays out of the log, which commits to it: the words, the evidence that they rest on,
and a snapshot of the registration at that moment, as one statement.
"""

import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.copyright.application.charge import require_in_charge
from services.copyright.application.consequences import DeadlineKind, Periods
from services.copyright.application.intake import Intake
from services.copyright.application.journal import Act, authenticated
from services.copyright.application.registrations_ports import RegistrationStore
from services.copyright.domain.registrations import NotAllowedNow, Record, WorkFile
from services.copyright.verify.canonical import SALT_SIZE, canonical, text_commitment
from services.copyright.verify.events import Standing, fold
from services.copyright.verify.leaf import DESCRIBES_WORK, Leaf, event_hash
from shared.access import Role, Rule
from shared.civil import civil_time
from shared.database import UnitOfWork
from shared.errors import Forbidden, NotFound
from shared.principal import Principal

DISPUTE = Rule("copyright.write")
DECIDE = Rule("copyright.write", frozenset({Role.ADMINISTRATOR}))
READ = Rule("copyright.read", frozenset({Role.ADMINISTRATOR}), own=True)
DECIDING = frozenset({"takedown.decision", "restore"})
"""What the platform does: by an administrator in charge, not as a party."""
OPENING = frozenset({"claim.dispute", "takedown.notice"})
"""What begins a dispute."""


@dataclass(frozen=True)
class Statement:
    """What was said with an event; `words` and `salt` are None once they were erased."""

    event: str
    kind: str
    claimed_at: datetime
    commitment: str
    person: str | None
    words: str | None
    salt: bytes | None

    @property
    def told(self) -> Mapping[str, Any]:
        """The members of the statement."""
        told: Mapping[str, Any] = json.loads(self.words) if self.words else {}
        return told


@dataclass(frozen=True)
class Dispute:
    """All that was said about a registration, and what is due."""

    registration_id: UUID
    standing: Standing
    due: Mapping[DeadlineKind, datetime]
    statements: Sequence[Statement]


class Disputes:
    """Acts raise `NotFound`, `HeadMoved`, `NotAllowedNow`, `NotTheirs`; `head` is the event that
    the caller took for the last one."""

    def __init__(self, new_uow: Callable[[], UnitOfWork], intake: Intake, periods: Periods) -> None:
        self._new_uow = new_uow
        self._intake = intake
        self._periods = periods

    async def act(
        self,
        caller: Principal,
        registration_id: UUID,
        kind: str,
        text: str,
        evidence: Sequence[WorkFile],
        head: str | None,
    ) -> Record:
        """A claim, a notice or an answer of the caller's."""
        async with self._new_uow() as uow:
            record = await self._locked(uow, registration_id)
            if kind in OPENING:
                await self._require_unheard(uow, caller, record)
            detail = {"text": await self._say(uow, record, caller.subject, text, evidence)}
            act = Act(kind, caller.subject, authenticated(caller), detail, head)
            return await uow.commit(await self._intake.journal(uow).append(record, act))

    async def decide(
        self,
        caller: Principal,
        registration_id: UUID,
        kind: str,
        text: str,
        outcome: str | None,
        head: str | None,
    ) -> Record:
        """A decision, or what undoes it. Raises `Forbidden` where it is not the caller's."""
        async with self._new_uow() as uow:
            record = await self._locked(uow, registration_id)
            require_in_charge(DECIDE, caller, record.organisation_path)
            await self._require_ripe(uow, caller, record, outcome)
            detail = {"text": await self._say(uow, record, None, text, ())}
            if outcome is not None:
                detail["outcome"] = outcome
            act = Act(kind, None, authenticated(caller), detail, head)
            return await uow.commit(await self._intake.journal(uow).append(record, act))

    async def read(self, caller: Principal, registration_id: UUID) -> Dispute:
        """What was said: for who said any of it, the holder, and administrators in charge. Raises
        `NotFound`, `Forbidden`."""
        async with self._new_uow() as uow:
            store = self._intake.store(uow.connection)
            record = await store.get(registration_id)
            if record is None:
                raise _missing()
            entries, texts = await store.events(record.id), await store.texts(record.id)
            concerned = {each.person for each in texts.values()} | {
                each.person
                for each in await store.parties(record.id)
                if each.commitment == fold(entries).holder
            }
            if caller.subject not in concerned:
                require_in_charge(READ, caller, record.organisation_path)
            statements = []
            for entry in entries:
                leaf = Leaf.parse(entry)
                if commitment := leaf.detail.get("text"):
                    said = texts.get(commitment)
                    statements.append(
                        Statement(
                            event_hash(entry),
                            leaf.type,
                            datetime.fromisoformat(leaf.claimed_at),
                            commitment,
                            said.person if said else None,
                            said.words if said else None,
                            said.salt if said else None,
                        )
                    )
            state = fold(entries)
            due = self._periods.due(state.standing, Leaf.parse(entries[-1]))
            return Dispute(record.id, state.standing, due, statements)

    async def _say(
        self,
        uow: UnitOfWork,
        record: Record,
        person: str | None,
        text: str,
        evidence: Sequence[WorkFile],
    ) -> str:
        store = self._intake.store(uow.connection)
        statement = {
            "text": text,
            "evidence": [each.described() for each in evidence],
            "snapshot": await _snapshot(store, record),
        }
        words = canonical(statement).decode()
        salt = secrets.token_bytes(SALT_SIZE)
        commitment = text_commitment(salt, words)
        now = self._intake.clock()
        await store.add_text(record.id, person, commitment, salt, words, now)
        return commitment

    async def _require_unheard(self, uow: UnitOfWork, caller: Principal, record: Record) -> None:
        store = self._intake.store(uow.connection)
        parties = await store.parties(record.id)
        own = next((p.commitment for p in parties if p.person == caller.subject), None)
        if own and was_rejected(map(Leaf.parse, await store.events(record.id)), own):
            raise NotAllowedNow(
                "What you claimed was rejected: it is not heard here a second time. The courts and"
                " the copyright administration may hear it.",
                zh="您此前的主张已被驳回，同一登记不再重复受理；可依法向法院起诉或向版权行政部门投诉。",
            )

    async def _require_ripe(
        self, uow: UnitOfWork, caller: Principal, record: Record, outcome: str | None
    ) -> None:
        """A work is not taken down before its holder was heard, or had the time to answer; a claim
        may be rejected without."""
        store = self._intake.store(uow.connection)
        if caller.subject in [each.person for each in await store.parties(record.id)]:
            raise Forbidden("Nobody decides their own case.", zh="不得裁决本人的案件。")
        entries = await store.events(record.id)
        standing = fold(entries).standing
        if standing is Standing.DISPUTED and outcome == "rejected":
            return
        due = self._periods.due(standing, Leaf.parse(entries[-1])).get(DeadlineKind.ANSWER)
        if due and self._intake.clock() < due:
            raise NotAllowedNow(
                f"The holder may answer until {due:%Y-%m-%dT%H:%M:%SZ}: decide after that.",
                zh=f"权利人可在北京时间 {civil_time(due)} 之前答复，请在此之后裁决。",
            )

    async def _locked(self, uow: UnitOfWork, registration_id: UUID) -> Record:
        record = await self._intake.store(uow.connection).locked(registration_id)
        if record is None:
            raise _missing()
        return record


def was_rejected(leaves: Iterable[Leaf], party: str) -> bool:
    """Whether a claim or notice of a party (its subject commitment) was decided against it."""
    heard: set[str | None] = set()
    for leaf in leaves:
        if leaf.type in OPENING:
            heard.add(leaf.subject_commitment)
        elif leaf.type == "takedown.decision":
            if party in heard and leaf.detail["outcome"] == "rejected":
                return True
            heard.clear()
    return False


async def _snapshot(store: RegistrationStore, record: Record) -> dict[str, Any]:
    """The registration as it stands: all of it public, kept as it was."""
    entries = await store.events(record.id)
    kinds = [Leaf.parse(each).type for each in entries]
    described = max((n for n, kind in enumerate(kinds) if kind in DESCRIBES_WORK), default=0)
    state = fold(entries)
    return {
        "registration_id": str(record.id),
        "code": record.code,
        "resource_id": str(record.resource_id),
        "resource_version": record.resource_version,
        "head": state.head,
        "standing": state.standing,
        "holder": state.holder,
        "offers": sorted(state.open_offers),
        "details": dict(record.details),
        "files": [each.described() for each in await store.files(record.id, described)],
    }


def _missing() -> NotFound:
    return NotFound("There is no such registration.", zh="没有这项登记。")
