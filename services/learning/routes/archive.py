from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from services.learning.application.archive import WITHDRAW, Archives
from services.learning.application.progress_access import OWN, WRITE
from services.learning.domain.archive import (
    ArchiveFull,
    DayRefused,
    SnapshotTaken,
    Term,
    TermNotBegun,
    TermOver,
)
from services.learning.problems.archive import PROBLEMS
from services.learning.schemas.archive import (
    ArchiveView,
    EntryView,
    GiveAward,
    GiveRemark,
    SnapshotView,
    TakeSnapshot,
    TermName,
)
from shared.access import guarded
from shared.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from shared.idempotency import Once
from shared.principal import Caller
from shared.problems import declare
from shared.storage import attachment

problems = declare(PROBLEMS)

READING = (Unauthenticated, Forbidden, NotFound, Unavailable)


def archive_router(archives: Archives) -> APIRouter:
    """Growth archives (成长档案)."""
    router = APIRouter(prefix="/learning/v1/people/{person_id}", tags=["archive"])

    @router.get(
        "/archive",
        summary="成长档案",
        responses=problems(*READING),
        **guarded(OWN),
    )
    async def read_archive(person_id: UUID, caller: Caller, response: Response) -> ArchiveView:
        """Whole, for the learner and the learner's guardians. Reading of another is audited."""
        response.headers["cache-control"] = "no-store"
        return ArchiveView.of(await archives.get(caller, str(person_id)))

    @router.get(
        "/archive.pdf",
        summary="导出成长档案 PDF",
        response_class=Response,
        responses={200: {"content": {"application/pdf": {}}}, **problems(*READING)},
        **guarded(OWN),
    )
    async def print_archive(person_id: UUID, caller: Caller) -> Response:
        """The same as PDF/A-2b, for the same readers, with a line for the name, which is not kept
        here. A character that no font has stands there by its number in Unicode."""
        printed = await archives.printed(caller, str(person_id))
        headers = {"content-disposition": attachment("成长档案.pdf"), "cache-control": "no-store"}
        return Response(printed, headers=headers, media_type="application/pdf")

    @router.post(
        "/archive/awards",
        status_code=201,
        summary="记录奖励",
        response_model=EntryView,
        responses=problems(*READING, DayRefused, ArchiveFull),
        **guarded(WRITE),
    )
    async def give_award(person_id: UUID, body: GiveAward, caller: Caller, once: Once) -> Response:
        """By those who teach the pupil or administer there."""
        made = archives.award(caller, str(person_id), body.title, body.text, body.day)
        return await once.answer(made, EntryView.of, 201)

    @router.post(
        "/archive/remarks",
        status_code=201,
        summary="撰写评语",
        response_model=EntryView,
        responses=problems(*READING, ArchiveFull),
        **guarded(WRITE),
    )
    async def give_remark(
        person_id: UUID, body: GiveRemark, caller: Caller, once: Once
    ) -> Response:
        """By those who teach the pupil or administer there."""
        made = archives.remark(caller, str(person_id), body.text)
        return await once.answer(made, EntryView.of, 201)

    @router.delete(
        "/archive/entries/{entry_id}",
        status_code=204,
        summary="撤回奖励或评语",
        responses=problems(*READING),
        **guarded(WITHDRAW),
    )
    async def withdraw_entry(person_id: UUID, entry_id: UUID, caller: Caller) -> None:
        """By its author, while that one works there, and the administrators above."""
        await archives.withdraw(caller, str(person_id), entry_id)

    @router.post(
        "/archive/snapshots",
        status_code=201,
        summary="保存学期快照",
        response_model=SnapshotView,
        responses=problems(*READING, SnapshotTaken, TermNotBegun, TermOver),
        **guarded(WRITE),
    )
    async def take_snapshot(
        person_id: UUID, body: TakeSnapshot, caller: Caller, once: Once
    ) -> Response:
        """Keep how far the pupil is now as that of the term, once: while it runs, and for 30 days
        after."""
        taken = archives.snapshot(caller, str(person_id), Term.parse(body.term))
        return await once.answer(taken, SnapshotView.of, 201)

    @router.delete(
        "/archive/snapshots/{term}",
        status_code=204,
        summary="撤回学期快照",
        responses=problems(*READING),
        **guarded(WITHDRAW),
    )
    async def withdraw_snapshot(person_id: UUID, term: TermName, caller: Caller) -> None:
        """By the administrators above: one that was taken too early is taken anew."""
        await archives.withdraw_snapshot(caller, str(person_id), Term.parse(term))

    return router
