"""Licences, transfers and disputes: the events after the first."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.copyright.application.intake import Intake
from services.copyright.application.journal import Act, authenticated
from services.copyright.domain.licences import TEMPLATES
from services.copyright.domain.registrations import NotAllowedNow, Record
from services.copyright.verify.canonical import SALT_SIZE, text_commitment
from services.copyright.verify.events import Standing
from services.copyright.verify.leaf import Leaf
from services.copyright.verify.merkle import sha256
from shared.access import Role, Rule, grants_of
from shared.database import UnitOfWork
from shared.errors import Forbidden, NotFound
from shared.principal import Principal

ACT = Rule("copyright.write")
DECIDING = frozenset({"takedown.decision", "restore"})
"""What the platform does: by an administrator in charge, not as a party."""


class Acts:
    """Each use case adds one event to a registration. `head` is the event that the caller took for
    the last one. All raise `NotFound`, `HeadMoved`, `NotAllowedNow`, `NotTheirs`."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        intake: Intake,
        notice: timedelta,
    ) -> None:
        self._new_uow = new_uow
        self._intake = intake
        self._notice = notice

    async def offer(
        self, caller: Principal, registration_id: UUID, template: str, head: str | None
    ) -> Record:
        """Offer the licence of a template to whoever agrees."""
        async with self._new_uow() as uow:
            store = self._intake.store(uow.connection)
            record = await self._locked(uow, registration_id)
            document = TEMPLATES[template].policy(str(record.id))
            digest = sha256(document).hex()
            await store.add_policy(digest, template, document)
            fields = {"rights_policy_sha256": digest}
            return await self._append(uow, record, caller, "licence.offer", {}, head, fields)

    async def act(
        self,
        caller: Principal,
        registration_id: UUID,
        kind: str,
        detail: Mapping[str, Any],
        head: str | None,
    ) -> Record:
        """Agree to or revoke a licence, or accept a transfer, named by the hash of its event."""
        async with self._new_uow() as uow:
            record = await self._locked(uow, registration_id)
            return await self._append(uow, record, caller, kind, detail, head)

    async def propose(
        self, caller: Principal, registration_id: UUID, recipient: str, head: str | None
    ) -> Record:
        """Propose to transfer what the caller holds; it passes when the recipient accepts."""
        async with self._new_uow() as uow:
            record = await self._locked(uow, registration_id)
            to = await self._intake.journal(uow).party(record, recipient)
            detail = {"to": to.commitment}
            return await self._append(uow, record, caller, "transfer.propose", detail, head)

    async def dispute(
        self,
        caller: Principal,
        registration_id: UUID,
        kind: str,
        words: str,
        outcome: str | None,
        head: str | None,
    ) -> Record:
        """A claim, a notice, an answer or a decision; its words stay out of the log.

        Raises `Forbidden` where a decision is not the caller's to take.
        """
        async with self._new_uow() as uow:
            record = await self._locked(uow, registration_id)
            if kind in DECIDING:
                _require_in_charge(caller, record)
                await self._require_ripe(uow, caller, record)
            salt = secrets.token_bytes(SALT_SIZE)
            commitment = text_commitment(salt, words)
            person = None if kind in DECIDING else caller.subject
            now = self._intake.clock()
            store = self._intake.store(uow.connection)
            await store.add_text(record.id, person, commitment, salt, words, now)
            detail: dict[str, Any] = {"text": commitment}
            if kind == "takedown.decision":
                detail["outcome"] = outcome
            act = Act(kind, person, authenticated(caller), detail, head)
            return await uow.commit(await self._intake.journal(uow).append(record, act))

    async def _require_ripe(self, uow: UnitOfWork, caller: Principal, record: Record) -> None:
        store = self._intake.store(uow.connection)
        if caller.subject in [each.person for each in await store.parties(record.id)]:
            raise Forbidden("Nobody decides their own case.", zh="不得裁决本人的案件。")
        due = answer_due(record.standing, await store.events(record.id), self._notice)
        if due and self._intake.clock() < due:
            raise NotAllowedNow(
                f"The holder may answer until {due:%Y-%m-%dT%H:%M:%SZ}.",
                zh=f"权利人可在 {due:%Y-%m-%d} 之前答复。",
            )

    async def _append(
        self,
        uow: UnitOfWork,
        record: Record,
        caller: Principal,
        kind: str,
        detail: Mapping[str, Any],
        head: str | None,
        fields: Mapping[str, Any] | None = None,
    ) -> Record:
        act = Act(kind, caller.subject, authenticated(caller), detail, head, fields or {})
        return await uow.commit(await self._intake.journal(uow).append(record, act))

    async def _locked(self, uow: UnitOfWork, registration_id: UUID) -> Record:
        record = await self._intake.store(uow.connection).locked(registration_id)
        if record is None:
            raise NotFound("There is no such registration.", zh="没有这项登记。")
        return record


def _require_in_charge(caller: Principal, record: Record) -> None:
    """An administrator above the registration; of one without organisation, at the root."""
    for grant in grants_of(caller):
        reaches = (
            grant.covers(record.organisation_path)
            if record.organisation_path
            else "." not in grant.path
        )
        if grant.role is Role.ADMINISTRATOR and reaches:
            return
    raise Forbidden(
        "A decision is for an administrator of the organisation, or one above it.",
        zh="须由该机构或其上级机构的管理员作出决定。",
    )


def answer_due(standing: str, events: Sequence[bytes], notice: timedelta) -> datetime | None:
    """Until when a takedown notice may be answered; None where none waits for it."""
    if standing != Standing.NOTICED:
        return None
    return datetime.fromisoformat(Leaf.parse(events[-1]).claimed_at) + notice
