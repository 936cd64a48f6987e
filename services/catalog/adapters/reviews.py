"""Review cases, their rounds, claims, verdicts and timeline in PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.adapters.reviews_makers import makers_of
from services.catalog.adapters.reviews_routing import (
    CONFLICT_COUNTS,
    GROUP_COUNTS,
    OF_THE_SUBJECT,
    ROUTE,
    is_named,
)
from services.catalog.application.resources import CodeTaken
from services.catalog.application.reviews_ports import Event, Round, Routed, TaskKind
from services.catalog.domain.lifecycle import State
from services.catalog.domain.resources import Resource
from services.catalog.domain.reviews import (
    Case,
    Claim,
    Criterion,
    Decision,
    EventKind,
    Importance,
    Judgement,
    Level,
    ReasonCode,
    Verdict,
)

_COLUMNS = (
    "c.id, c.code, c.resource_id, ltree2text(c.organisation_path) AS organisation_path, c.owner,"
    " c.makers, c.title, c.stage, c.subject, c.importance, c.state, c.round, c.number, c.digest,"
    " c.chain, c.level, ltree2text(c.level_path) AS level_path, c.group_id, c.assignee,"
    " c.escalated, c.due_at, c.version, c.submitted_at, c.updated_at, r.state AS resource_state"
)
_GET = text(
    f"SELECT {_COLUMNS} FROM review_cases c JOIN resources r ON r.id = c.resource_id"  # noqa: S608 - constant columns
    " WHERE c.id = :id"
)
_LOCK = text("SELECT FROM review_cases WHERE id = :id FOR NO KEY UPDATE")
_ADD = text(
    "INSERT INTO review_cases (id, code, resource_id, organisation_path, owner, makers, title,"
    " stage, subject, importance, state, round, number, digest, chain, level, level_kind,"
    " level_path, group_id, assignee, escalated, due_at, version, submitted_at, updated_at)"
    " VALUES (:id, :code, :resource_id, text2ltree(:organisation_path), :owner, :makers, :title,"
    " :stage, :subject, :importance, :state, :round, :number, :digest, CAST(:chain AS jsonb),"
    " :level, :level_kind, text2ltree(:level_path), :group_id, :assignee, :escalated, :due_at,"
    " :version, :submitted_at, :updated_at) ON CONFLICT (code) DO NOTHING RETURNING id"
)
_SAVE = text(
    "UPDATE review_cases SET makers = :makers, title = :title, stage = :stage, subject = :subject,"
    " organisation_path = text2ltree(:organisation_path), importance = :importance,"
    " state = :state, round = :round, number = :number, digest = :digest,"
    " chain = CAST(:chain AS jsonb), level = :level, level_kind = :level_kind,"
    " level_path = text2ltree(:level_path), group_id = :group_id, assignee = :assignee,"
    " escalated = :escalated, due_at = :due_at, version = :version,"
    " submitted_at = :submitted_at, updated_at = :updated_at WHERE id = :id"
)
_STAND = text(
    "UPDATE resources SET state = :state, case_id = :case_id, version = :version,"
    " updated_at = :updated_at WHERE id = :id"
)
_WAS_REFUSED = text(
    "SELECT EXISTS (SELECT FROM review_cases c JOIN review_rounds r ON r.case_id = c.id"
    " JOIN review_events e ON e.case_id = r.case_id AND e.round = r.round"
    " AND e.kind IN ('REJECTED', 'CHANGES_REQUESTED')"
    " WHERE c.resource_id = :resource_id AND r.digest = :digest)"
    " OR EXISTS (SELECT FROM review_cases c JOIN review_verdicts v ON v.case_id = c.id"
    " JOIN review_events e ON e.case_id = v.case_id AND e.round = v.round"
    " AND e.kind IN ('WITHDRAWN', 'ENDED')"
    " WHERE c.resource_id = :resource_id AND v.digest = :digest AND v.decision <> 'APPROVE')"
)
_UNSETTLED = text(
    "SELECT c.id FROM (SELECT id, state FROM review_cases WHERE resource_id = :resource_id"
    " ORDER BY id DESC LIMIT 1) c WHERE c.state = 'WITHDRAWN'"
    " AND EXISTS (SELECT FROM review_verdicts v WHERE v.case_id = c.id)"
)
_WAS_IMPORTANT = text(
    "SELECT EXISTS (SELECT FROM review_cases"
    " WHERE resource_id = :resource_id AND importance = 'IMPORTANT')"
)
_ROUND_COLUMNS = (
    "round, number, digest, signer, on_behalf_of, commitment, commitment_digest, signed_at"
)
_ADD_ROUND = text(
    f"INSERT INTO review_rounds (case_id, {_ROUND_COLUMNS}) VALUES (:case_id, :round, :number,"  # noqa: S608 - constant columns
    " :digest, :signer, :on_behalf_of, :commitment, :commitment_digest, :signed_at)"
)
_ROUNDS = text(
    f"SELECT {_ROUND_COLUMNS} FROM review_rounds WHERE case_id = :id ORDER BY round"  # noqa: S608 - likewise
)
_TELL = text(
    "INSERT INTO review_events (case_id, round, kind, actor, data)"
    " VALUES (:case_id, :round, :kind, :actor, CAST(:data AS jsonb))"
)
_TIMELINE = text(
    "SELECT id, at, round, kind, actor, data FROM review_events"
    " WHERE case_id = :id AND id > :after ORDER BY id LIMIT :limit"
)
_ATTACH = text(
    "INSERT INTO review_attachments (case_id, upload_id, filename)"
    " VALUES (:case_id, :upload_id, :filename) ON CONFLICT DO NOTHING"
)
_ATTACHMENT = text(
    "SELECT filename FROM review_attachments WHERE case_id = :case_id AND upload_id = :upload_id"
)
_CLAIMS = text("SELECT reviewer, lease_until FROM review_claims WHERE case_id = :id")
_CLAIM = text(
    "INSERT INTO review_claims (case_id, reviewer, lease_until)"
    " VALUES (:case_id, :reviewer, :lease_until)"
    " ON CONFLICT (case_id, reviewer) DO UPDATE SET lease_until = excluded.lease_until"
)
_RELEASE = text("DELETE FROM review_claims WHERE case_id = :id AND reviewer = :reviewer")
_CLEAR_CLAIMS = text("DELETE FROM review_claims WHERE case_id = :id")
_CLEAR_TASKS = text("DELETE FROM review_tasks WHERE case_id = :id")
_ADD_VERDICT = text(
    "INSERT INTO review_verdicts (case_id, round, level, reviewer, decision, criteria,"
    " reason_code, comment, items, digest) VALUES (:case_id, :round, :level, :reviewer,"
    " :decision, CAST(:criteria AS jsonb), :reason_code, :comment, CAST(:items AS jsonb), :digest)"
)
_OPINIONS = text(
    "SELECT level, reviewer, decision FROM review_verdicts WHERE case_id = :id AND round = :round"
)
_VERDICTS = text("SELECT * FROM review_verdicts WHERE case_id = :id ORDER BY round, at")
_IS_EXCLUDED = text(
    "SELECT EXISTS (SELECT FROM review_conflicts f WHERE f.reviewer = ANY(CAST(:people AS text[]))"  # noqa: S608 - constant fragments
    f" AND {CONFLICT_COUNTS}) OR EXISTS (SELECT FROM review_groups g"
    " WHERE g.id = CAST(:group_id AS uuid) AND NOT CAST(:escalated AS boolean)"
    f" AND NOT g.members && CAST(:people AS text[]) AND {GROUP_COUNTS})"
)
_IS_NAMED = text(
    "SELECT EXISTS (SELECT FROM unnest(CAST(:people AS text[])) p (person)"  # noqa: S608 - likewise
    f" WHERE {is_named('p.person')})"
)
_HAD_CLAIMED = text(
    "SELECT EXISTS (SELECT FROM review_events WHERE case_id = :case_id AND round = :round"
    " AND kind = 'CLAIMED' AND data ->> 'level' = :level"
    " AND actor = ANY(CAST(:people AS text[])))"
)
_MAY_JUDGE = text(
    "SELECT EXISTS (SELECT FROM review_roster r WHERE person = :person"  # noqa: S608 - likewise
    " AND (path = text2ltree(:path) OR (:escalated AND path @> text2ltree(:path)))"
    f" AND {OF_THE_SUBJECT} AND valid_from <= :now"
    " AND (valid_until IS NULL OR valid_until > :now))"
)
_HELD_BY = text(
    "SELECT id FROM review_cases WHERE state = 'IN_REVIEW' AND (assignee = :person"
    " OR id IN (SELECT case_id FROM review_claims WHERE reviewer = :person)) ORDER BY id"
)
_ASTRAY = text(
    "SELECT id FROM review_cases WHERE state = 'IN_REVIEW'"
    " AND organisation_path <@ text2ltree(:path) AND NOT level_path @> organisation_path"
    " ORDER BY id"
)
_IS_AWAY = text(
    "SELECT EXISTS (SELECT FROM review_absences WHERE person = :person"
    " AND :day BETWEEN from_date AND until_date)"
)
_PLAN = text(
    "INSERT INTO review_tasks (case_id, kind, round, level, due_at, attempts)"
    " VALUES (:case_id, :kind, :round, :level, :due_at, 0) ON CONFLICT (case_id, kind)"
    " DO UPDATE SET round = excluded.round, level = excluded.level, due_at = excluded.due_at,"
    " attempts = 0"
)


class ReviewRepository:
    """The `ReviewStore` of the use cases."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, case: Case) -> None:
        if await self._connection.scalar(_ADD, _row(case)) is None:
            raise CodeTaken

    async def get(self, case_id: UUID) -> Case | None:
        row = (await self._connection.execute(_GET, {"id": case_id})).one_or_none()
        return None if row is None else case_of(row)

    async def locked(self, case_id: UUID) -> Case | None:
        await self._connection.execute(_LOCK, {"id": case_id})
        return await self.get(case_id)

    async def save(self, case: Case) -> None:
        await self._connection.execute(_SAVE, _row(case))

    async def stand(self, resource: Resource) -> None:
        names = ("id", "state", "case_id", "version", "updated_at")
        await self._connection.execute(_STAND, {name: getattr(resource, name) for name in names})

    async def was_refused(self, resource_id: UUID, digest: bytes) -> bool:
        asked = {"resource_id": resource_id, "digest": digest}
        return bool(await self._connection.scalar(_WAS_REFUSED, asked))

    async def unsettled(self, resource_id: UUID) -> UUID | None:
        found = await self._connection.scalar(_UNSETTLED, {"resource_id": resource_id})
        return found and UUID(bytes=found.bytes)

    async def was_important(self, resource_id: UUID) -> bool:
        asked = {"resource_id": resource_id}
        return bool(await self._connection.scalar(_WAS_IMPORTANT, asked))

    async def add_round(self, case_id: UUID, made: Round) -> None:
        row = {field.name: getattr(made, field.name) for field in fields(made)}
        await self._connection.execute(_ADD_ROUND, {"case_id": case_id, **row})

    async def rounds(self, case_id: UUID) -> Sequence[Round]:
        rows = await self._connection.execute(_ROUNDS, {"id": case_id})
        return [Round(**row) for row in rows.mappings()]

    async def tell(
        self, case: Case, kind: EventKind, actor: str | None, data: Mapping[str, Any]
    ) -> None:
        row = {"case_id": case.id, "round": case.round, "kind": kind, "actor": actor}
        await self._connection.execute(_TELL, {**row, "data": _json(data)})

    async def timeline(self, case_id: UUID, after: int, limit: int) -> Sequence[Event]:
        asked = {"id": case_id, "after": after, "limit": limit}
        return [
            Event(row.id, row.at, row.round, EventKind(row.kind), row.actor, row.data)
            for row in await self._connection.execute(_TIMELINE, asked)
        ]

    async def attach(self, case_id: UUID, upload_id: UUID, filename: str) -> None:
        row = {"case_id": case_id, "upload_id": upload_id, "filename": filename}
        await self._connection.execute(_ATTACH, row)

    async def attachment(self, case_id: UUID, upload_id: UUID) -> str | None:
        asked = {"case_id": case_id, "upload_id": upload_id}
        filename: str | None = await self._connection.scalar(_ATTACHMENT, asked)
        return filename

    async def claims(self, case_id: UUID) -> Sequence[Claim]:
        rows = await self._connection.execute(_CLAIMS, {"id": case_id})
        return [Claim(row.reviewer, row.lease_until) for row in rows]

    async def claim(self, case_id: UUID, claim: Claim) -> None:
        row = {"reviewer": claim.reviewer, "lease_until": claim.lease_until}
        await self._connection.execute(_CLAIM, {"case_id": case_id, **row})

    async def release(self, case_id: UUID, reviewer: str) -> None:
        await self._connection.execute(_RELEASE, {"id": case_id, "reviewer": reviewer})

    async def add_verdict(self, verdict: Verdict) -> None:
        row = {field.name: getattr(verdict, field.name) for field in fields(verdict)}
        told = {"criteria": _json(verdict.criteria), "items": _json(verdict.items)}
        await self._connection.execute(_ADD_VERDICT, {**row, **told})

    async def opinions(self, case_id: UUID, round_: int) -> Mapping[tuple[int, str], Decision]:
        rows = await self._connection.execute(_OPINIONS, {"id": case_id, "round": round_})
        return {(row.level, row.reviewer): Decision(row.decision) for row in rows}

    async def verdicts(self, case_id: UUID) -> Sequence[tuple[datetime, Verdict]]:
        rows = await self._connection.execute(_VERDICTS, {"id": case_id})
        return [(row.at, _verdict(row)) for row in rows]

    async def makers(self, resource_id: UUID) -> frozenset[str]:
        return await makers_of(self._connection, resource_id)

    async def is_excluded(self, case: Case, people: Collection[str]) -> bool:
        asked = {
            "people": list(people),
            "makers": list(case.makers),
            "path": case.at.path,
            "resource_id": case.resource_id,
            "group_id": case.group_id,
            "escalated": case.escalated,
        }
        return bool(await self._connection.scalar(_IS_EXCLUDED, asked))

    async def is_named(self, case: Case, people: Collection[str]) -> bool:
        asked = {
            "people": list(people),
            "makers": list(case.makers),
            "path": case.at.path,
            "resource_id": case.resource_id,
        }
        return bool(await self._connection.scalar(_IS_NAMED, asked))

    async def had_claimed(self, case: Case, people: Collection[str]) -> bool:
        asked = {"case_id": case.id, "round": case.round, "level": case.at.kind}
        return bool(await self._connection.scalar(_HAD_CLAIMED, {**asked, "people": list(people)}))

    async def may_judge(self, case: Case, person: str, now: datetime) -> bool:
        asked = {
            "person": person,
            "path": case.at.path,
            "level_kind": case.at.kind,
            "escalated": case.escalated,
            "subject": case.subject,
            "now": now,
        }
        return bool(await self._connection.scalar(_MAY_JUDGE, asked))

    async def held_by(self, person: str) -> Sequence[UUID]:
        found = await self._connection.scalars(_HELD_BY, {"person": person})
        return [UUID(bytes=each.bytes) for each in found]

    async def astray(self, path: str) -> Sequence[UUID]:
        found = await self._connection.scalars(_ASTRAY, {"path": path})
        return [UUID(bytes=each.bytes) for each in found]

    async def is_away(self, person: str, now: datetime) -> bool:
        asked = {"person": person, "day": now.date()}
        return bool(await self._connection.scalar(_IS_AWAY, asked))

    async def route(self, case: Case, level: Level, now: datetime) -> Routed:
        asked = {
            "path": level.path,
            "level_kind": level.kind,
            "stage": case.stage,
            "subject": case.subject,
            "makers": list(case.makers),
            "case_id": case.id,
            "resource_id": case.resource_id,
            "round": case.round,
            "now": now,
            "day": now.date(),
        }
        row = (await self._connection.execute(ROUTE, asked)).one()
        return Routed(row.group_id and UUID(bytes=row.group_id.bytes), row.assignee, row.known)

    async def plan(self, case: Case, kind: TaskKind, due_at: datetime) -> None:
        row = {"case_id": case.id, "round": case.round, "level": case.level}
        await self._connection.execute(_PLAN, {**row, "kind": kind, "due_at": due_at})

    async def clear(self, case_id: UUID) -> None:
        for statement in (_CLEAR_CLAIMS, _CLEAR_TASKS):
            await self._connection.execute(statement, {"id": case_id})


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def _row(case: Case) -> dict[str, Any]:
    row = {field.name: getattr(case, field.name) for field in fields(case)}
    return {
        **row,
        "makers": sorted(case.makers),
        "chain": _json([each.record for each in case.chain]),
        "level_kind": case.at.kind,
        "level_path": case.at.path,
    }


def case_of(row: Row[Any]) -> Case:
    told = {name: getattr(row, name) for name in _PLAIN}
    chain = [Level(**each).among(row.organisation_path) for each in row.chain]
    chain[row.level] = chain[row.level].at(row.level_path)
    return Case(
        **told,
        id=UUID(bytes=row.id.bytes),
        resource_id=UUID(bytes=row.resource_id.bytes),
        makers=frozenset(row.makers),
        importance=Importance(row.importance),
        state=State(row.state),
        resource_state=State(row.resource_state),
        chain=chain,
        group_id=row.group_id and UUID(bytes=row.group_id.bytes),
    )


_OTHERWISE = {
    *("id", "resource_id", "makers", "importance"),
    *("state", "resource_state", "chain", "group_id"),
}
_PLAIN = [field.name for field in fields(Case) if field.name not in _OTHERWISE]


def _verdict(row: Row[Any]) -> Verdict:
    return Verdict(
        case_id=UUID(bytes=row.case_id.bytes),
        round=row.round,
        level=row.level,
        reviewer=row.reviewer,
        decision=Decision(row.decision),
        criteria={Criterion(name): Judgement(said) for name, said in row.criteria.items()},
        reason_code=row.reason_code and ReasonCode(row.reason_code),
        comment=row.comment,
        items=row.items,
        digest=row.digest,
    )
