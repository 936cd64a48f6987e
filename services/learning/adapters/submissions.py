"""What pupils hand in, in PostgreSQL; answers, marks and feedback are sealed."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.domain.assignments import Answer
from services.learning.domain.marking import Mark
from services.learning.domain.submissions import Attempt, State, Submission
from shared.encryption import KeyRing, Place

_SELECT = (
    "SELECT s.id, s.assignment_id, s.person, s.class_id, ltree2text(o.path) AS class_path, s.state,"
    " s.attempt, s.late, s.handed_in_at, h.answers, s.marking, s.score, s.marked_by,"
    " s.again_until, s.version, s.updated_at FROM submissions s"
    " JOIN organisations o ON o.id = s.class_id"
    " LEFT JOIN hand_ins h ON h.submission_id = s.id AND h.attempt = s.attempt"
)
_GET = text(f"{_SELECT} WHERE s.id = :id")
_LOCKED = text(f"{_SELECT} WHERE s.id = :id FOR NO KEY UPDATE OF s")
_ROW = (
    ":id, :assignment_id, :person, :class_id, :state, :attempt, :late, :handed_in_at, :marking,"
    " :score, :marked_by, :again_until, :version, :updated_at"
)
_ADD = text(
    "INSERT INTO submissions (id, assignment_id, person, class_id, state, attempt, late,"  # noqa: S608 - constant columns
    " handed_in_at, marking, score, marked_by, again_until, version, updated_at)"
    f" VALUES ({_ROW}) ON CONFLICT (assignment_id, person) DO NOTHING"
)
_CLAIMED = text(
    f"{_SELECT} WHERE s.assignment_id = :assignment_id AND s.person = :person"
    " FOR NO KEY UPDATE OF s"
)
_SAVE = text(
    "UPDATE submissions SET state = :state, attempt = :attempt, late = :late,"
    " handed_in_at = :handed_in_at, marking = :marking, score = :score, marked_by = :marked_by,"
    " again_until = :again_until, version = :version, updated_at = :updated_at WHERE id = :id"
)
_ADD_HAND_IN = text(
    "INSERT INTO hand_ins (submission_id, attempt, late, handed_in_at, answers)"
    " VALUES (:id, :attempt, :late, :handed_in_at, :answers)"
)
_KEEP_MARKING = text(
    "UPDATE hand_ins SET marking = :marking, score = :score"
    " WHERE submission_id = :id AND attempt = :attempt"
)
_SAVE_ATTEMPT = text(
    "UPDATE hand_ins SET late = :late, score = :score"
    " WHERE submission_id = :id AND attempt = :attempt"
)
_ATTEMPTS = text(
    "SELECT attempt, late, handed_in_at, answers, marking, score FROM hand_ins"
    " WHERE submission_id = :id ORDER BY attempt"
)
_BELOW = "o.path <@ CAST(CAST(:paths AS text[]) AS ltree[])"
_BEHIND = "(CAST(:before AS uuid) IS NULL OR s.id < :before) ORDER BY s.id DESC LIMIT :limit"
_PAGE = text(f"{_SELECT} WHERE s.assignment_id = :assignment_id AND {_BELOW} AND {_BEHIND}")
_PAGE_OF = text(
    f"{_SELECT} WHERE s.person = ANY(CAST(:people AS text[]))"
    " AND (CAST(:assignment_id AS uuid) IS NULL OR s.assignment_id = :assignment_id)"
    f" AND {_BEHIND}"
)
_LATE = text(
    f"{_SELECT} WHERE s.assignment_id = :assignment_id AND s.late"
    " ORDER BY s.id FOR NO KEY UPDATE OF s"
)
_UNTOLD = text(
    f"{_SELECT} WHERE s.assignment_id = :assignment_id AND {_BELOW}"
    " AND s.state <> 'PUBLISHED' ORDER BY s.id FOR NO KEY UPDATE OF s"
)


class SubmissionRepository:
    """`services.learning.application.assignments_ports.SubmissionStore`."""

    def __init__(self, connection: AsyncConnection, keys: KeyRing) -> None:
        self._connection = connection
        self._keys = keys

    async def get(self, submission_id: UUID) -> Submission | None:
        return await self._one(_GET, id=submission_id)

    async def locked(self, submission_id: UUID) -> Submission | None:
        return await self._one(_LOCKED, id=submission_id)

    async def _one(self, query: Any, **asked: Any) -> Submission | None:
        row = (await self._connection.execute(query, asked)).one_or_none()
        return None if row is None else self._submission(row)

    async def claim(self, new: Submission) -> Submission:
        # Of two at once the second waits here until the first has committed, and then sees it.
        await self._connection.execute(_ADD, self._row(new))
        asked = {"assignment_id": new.assignment_id, "person": new.person}
        return self._submission((await self._connection.execute(_CLAIMED, asked)).one())

    async def save(self, submission: Submission) -> None:
        await self.save_all([submission])

    async def save_all(self, submissions: Sequence[Submission]) -> None:
        if submissions:
            await self._connection.execute(_SAVE, [self._row(each) for each in submissions])

    async def hand_in(self, submission: Submission, before: Submission) -> None:
        if before.judged:
            marking = {**_marking(before), "told": before.told}
            kept = {
                "id": before.id,
                "attempt": before.attempt,
                "marking": self._sealed(_past_place(before.id, before.attempt), marking),
                "score": before.score,
            }
            await self._connection.execute(_KEEP_MARKING, kept)
        await self.save(submission)
        row = {
            "id": submission.id,
            "attempt": submission.attempt,
            "late": submission.late,
            "handed_in_at": submission.handed_in_at,
            "answers": self._sealed(
                _answers_place(submission.id, submission.attempt),
                [each._asdict() for each in submission.answers],
            ),
        }
        await self._connection.execute(_ADD_HAND_IN, row)

    async def late(self, assignment_id: UUID) -> Sequence[Submission]:
        return await self._several(_LATE, assignment_id=assignment_id)

    async def save_attempts(self, submission_id: UUID, attempts: Sequence[Attempt]) -> None:
        rows = [
            {"id": submission_id, "attempt": each.number, "late": each.late, "score": each.score}
            for each in attempts
        ]
        await self._connection.execute(_SAVE_ATTEMPT, rows)

    async def attempts(self, submission_id: UUID) -> Sequence[Attempt]:
        rows = await self._connection.execute(_ATTEMPTS, {"id": submission_id})
        return [self._attempt(submission_id, row) for row in rows]

    def _attempt(self, id_: UUID, row: Row[Any]) -> Attempt:
        answers = self._opened(_answers_place(id_, row.attempt), row.answers)
        marking: dict[str, Any] = {"marks": None, "feedback": None}
        if row.marking is not None:
            marking = self._opened(_past_place(id_, row.attempt), row.marking)
        return Attempt(
            number=row.attempt,
            handed_in_at=row.handed_in_at,
            late=row.late,
            answers=[_answer(each) for each in answers],
            marks=marking["marks"] and [each and _mark(each) for each in marking["marks"]],
            feedback=marking["feedback"],
            score=row.score,
            told=marking.get("told", True),  # once, what was not told was not kept
        )

    async def page(
        self, assignment_id: UUID, paths: Sequence[str], limit: int, before: UUID | None
    ) -> Sequence[Submission]:
        asked = {"assignment_id": assignment_id, "paths": list(paths)}
        return await self._several(_PAGE, **asked, limit=limit, before=before)

    async def page_of(
        self, people: Sequence[str], assignment_id: UUID | None, limit: int, before: UUID | None
    ) -> Sequence[Submission]:
        asked = {"people": list(people), "assignment_id": assignment_id}
        return await self._several(_PAGE_OF, **asked, limit=limit, before=before)

    async def untold(self, assignment_id: UUID, paths: Sequence[str]) -> Sequence[Submission]:
        return await self._several(_UNTOLD, assignment_id=assignment_id, paths=list(paths))

    async def _several(self, query: Any, **asked: Any) -> Sequence[Submission]:
        return [self._submission(row) for row in await self._connection.execute(query, asked)]

    def _row(self, submission: Submission) -> dict[str, Any]:
        names = set(Submission.__slots__) - {"class_path", "answers", "marks", "feedback"}
        return {
            **{name: getattr(submission, name) for name in names},
            "marking": self._sealed(_marking_place(submission.id), _marking(submission)),
        }

    def _submission(self, row: Row[Any]) -> Submission:
        id_ = UUID(bytes=row.id.bytes)
        answers = []
        if row.answers is not None:
            answers = self._opened(_answers_place(id_, row.attempt), row.answers)
        marking = self._opened(_marking_place(id_), row.marking)
        return Submission(
            id=id_,
            assignment_id=UUID(bytes=row.assignment_id.bytes),
            person=row.person,
            class_id=UUID(bytes=row.class_id.bytes),
            class_path=row.class_path,
            state=State(row.state),
            attempt=row.attempt,
            late=row.late,
            handed_in_at=row.handed_in_at,
            answers=[_answer(each) for each in answers],
            marks=[each and _mark(each) for each in marking["marks"]],
            feedback=marking["feedback"],
            score=row.score,
            marked_by=row.marked_by,
            again_until=row.again_until,
            version=row.version,
            updated_at=row.updated_at,
        )

    def _sealed(self, place: Place, value: Any) -> bytes:
        return self._keys.encrypt(place.table, orjson.dumps(value).decode(), place)

    def _opened(self, place: Place, sealed: bytes) -> Any:
        return orjson.loads(self._keys.decrypt(place.table, sealed, place))


def _answers_place(submission_id: UUID, attempt: int) -> Place:
    return Place("hand_ins", "answers", f"{submission_id} {attempt}")


def _past_place(submission_id: UUID, attempt: int) -> Place:
    return Place("hand_ins", "marking", f"{submission_id} {attempt}")


def _marking(submission: Submission) -> dict[str, Any]:
    marks = [each and each._asdict() for each in submission.marks]
    return {"marks": marks, "feedback": submission.feedback}


def _marking_place(submission_id: UUID) -> Place:
    return Place("submissions", "marking", str(submission_id))


def _answer(stored: dict[str, Any]) -> Answer:
    choices, gaps, files = (stored[name] for name in ("choices", "gaps", "files"))
    return Answer(
        item=stored["item"],
        choices=None if choices is None else tuple(choices),
        gaps=None if gaps is None else tuple(gaps),
        text=stored["text"],
        files=None if files is None else tuple(UUID(each) for each in files),
    )


def _mark(stored: dict[str, Any]) -> Mark:
    return Mark(stored["points"], tuple(stored["criteria"]), stored["comment"])
