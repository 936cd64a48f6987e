"""Appends events to registrations: each follows the one before, or is refused."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from services.copyright.application.consequences import Consequences
from services.copyright.application.log_ports import LogStore
from services.copyright.application.registrations_ports import RegistrationStore
from services.copyright.domain import registrations as domain
from services.copyright.domain.entries import dedup_of
from services.copyright.domain.events import told
from services.copyright.domain.names import whose, why_not_now
from services.copyright.domain.registrations import Party, Record, WorkFile, ordered
from services.copyright.verify.canonical import (
    SALT_SIZE,
    session_commitment,
    subject_commitment,
    work_commitment,
)
from services.copyright.verify.events import (
    EventRefused,
    NotTheirs,
    Registration,
    StaleHead,
    fold,
)
from services.copyright.verify.leaf import DESCRIBES_WORK, Leaf
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.principal import Principal

_UNSAID = "unspecified"


@dataclass(frozen=True)
class Act:
    """What somebody wants to happen to a registration. `head`: the event that they took for the
    last one; `person` None: the platform; `auth`: how they were recognised, with the name of their
    session; `used_in`: the resource for which a licence is agreed to."""

    kind: str
    person: str | None
    auth: Mapping[str, Any]
    detail: Mapping[str, Any] = field(default_factory=dict)
    head: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    files: Sequence[WorkFile] = ()
    named: Mapping[str, Any] = field(default_factory=dict)
    used_in: UUID | None = None


class Journal:
    """The events of registrations, within one transaction of the caller's."""

    def __init__(
        self,
        uow: UnitOfWork,
        store: RegistrationStore,
        log: LogStore,
        consequences: Consequences,
        clock: Clock,
        issuer: str,
    ) -> None:
        self._uow = uow
        self._store = store
        self._log = log
        self._consequences = consequences
        self._clock = clock
        self._issuer = issuer

    async def append(self, record: Record, act: Act) -> Record:
        """Add an event to `record`, which is new or locked. Raises `HeadMoved`, `NotAllowedNow`,
        `NotTheirs`."""
        state = fold(await self._store.events(record.id))
        if act.head is not None and act.head != state.head:
            raise _moved()
        party = None
        if act.person is not None:
            party = await self.party(record, act.person, act.named)
        committed = None
        if act.kind in DESCRIBES_WORK:
            salt = secrets.token_bytes(SALT_SIZE)
            files = [each.described() for each in ordered(act.files)]
            committed = work_commitment(salt, record.details, files)
            record = replace(record, details_salt=salt)
        now = self._clock()
        leaf = Leaf(
            type=act.kind,
            reg_id=str(record.id),
            seq_in_reg=state.length,
            prev_event=state.head,
            claimed_at=f"{now:%Y-%m-%dT%H:%M:%S.%f}Z",
            auth_context={**act.auth, "session": _session(party, act.auth["session"])},
            detail=act.detail,
            subject_commitment=party.commitment if party else None,
            resource_id=str(record.resource_id),
            resource_version=record.resource_version,
            work_commitment=committed,
            **act.fields,
        )
        body = leaf.encode()
        after = _applied(state, leaf, body)
        changed = replace(record, standing=after.standing, length=after.length)
        await (self._store.add if state.length == 0 else self._store.save)(changed)
        dedup = dedup_of(leaf, body)
        await self._store.add_event(record.id, leaf.seq_in_reg, dedup, body, now)
        if act.files:
            await self._store.add_files(record.id, leaf.seq_in_reg, act.files)
        await self._log.accept(dedup, body)
        self._tell(changed, act.kind)
        await self._consequences.follow(changed, leaf, after, act.person, act.used_in)
        return changed

    async def party(
        self, record: Record, person: str, named: Mapping[str, Any] | None = None
    ) -> Party:
        """A person as a party of `record`: one salt within it, another elsewhere."""
        for each in await self._store.parties(record.id):
            if each.person == person:
                return each
        if await self._store.is_forgotten(person):
            raise domain.NotAllowedNow(
                "That account was erased: name another person.",
                zh="该账号已注销，请另行指定。",
            )
        identity = {"issuer": self._issuer, "person": person, **(named or {})}
        salt = secrets.token_bytes(SALT_SIZE)
        party = Party(person, subject_commitment(salt, identity), identity, salt)
        await self._store.add_party(record.id, party)
        return party

    def _tell(self, record: Record, event: str) -> None:
        fact = told(event, record.standing)
        self._uow.outbox.append(
            fact(
                record.id,
                record.code,
                record.resource_id,
                record.resource_version,
                event,
                record.standing,
            )
        )
        self._uow.audit.record(
            f"registration.{event}",
            f"registrations/{record.id}",
            organisation=record.organisation_path,
            length=record.length,
        )


def authenticated(caller: Principal) -> dict[str, Any]:
    """How the caller was recognised, without anything that tells who it is."""
    assurance = str(caller.claims.get("acr", _UNSAID)).rpartition("/")[2].lower()
    return {
        "method": "oidc",
        "assurance": assurance if assurance.isalnum() and len(assurance) <= 32 else _UNSAID,
        "session": str(caller.claims.get("sid") or caller.claims["jti"]),
    }


def _session(party: Party | None, session: str | None) -> str | None:
    """The commitment to a session under its party's salt, which joins nobody's deeds across
    registrations. The platform's own acts have none: the audit trail says whose they are."""
    return session_commitment(party.salt, session) if party and session else None


def _applied(state: Registration, leaf: Leaf, body: bytes) -> Registration:
    try:
        return state.applied(leaf, body)
    except StaleHead:
        raise _moved() from None
    except NotTheirs:
        en, zh = whose(leaf.type)
        raise domain.NotTheirs(en, zh=zh) from None
    except EventRefused as reason:
        en, zh = why_not_now(state, leaf.type, str(reason))
        raise domain.NotAllowedNow(en, zh=zh) from None


def _moved() -> domain.HeadMoved:
    return domain.HeadMoved(
        "Another event came first: read the registration again.",
        zh="已有其他事件在先，请重新读取登记。",
    )
