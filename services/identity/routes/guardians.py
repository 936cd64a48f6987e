from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.identity.application.guardians import CLAIM, READ_LINKS, READ_LOG, Guardians
from services.identity.application.reach import MANAGE
from services.identity.domain.guardians import (
    ChildNotMatched,
    Guardianship,
    GuardianshipActionRefused,
    GuardianshipExists,
    GuardianUnfit,
    OwnClaim,
)
from services.identity.domain.people import PersonActionRefused
from services.identity.domain.throttle import TooManyAttempts
from services.identity.routes.people import CONDITIONAL, READING, Limits, problems
from services.identity.schemas.guardians import (
    ChangeGuardianship,
    ClaimGuardianship,
    CreateGuardianship,
    GuardianshipView,
    NamedGuardianshipView,
    ReadingView,
)
from shared.access import guarded
from shared.etags import IfMatch, etag
from shared.idempotency import Once
from shared.pages import BadCursor, Cursors, Page
from shared.principal import Caller


def guardians_router(guardians: Guardians, cursors: Cursors) -> APIRouter:
    """Who answers for which minor, and who read a minor's data."""
    router = APIRouter(prefix="/identity/v1", tags=["guardians"])

    @router.get(
        "/guardianships",
        summary="监护关系列表",
        responses=problems(*READING),
        **guarded(READ_LINKS),
    )
    async def list_guardianships(
        caller: Caller,
        child: Annotated[
            UUID | None, Query(description="For the child, and administrators of it.")
        ] = None,
    ) -> Page[NamedGuardianshipView]:
        """The links of a child; without a query, those to your own children, who are named where
        you may read their data."""
        found = await (
            guardians.of_guardian(caller) if child is None else guardians.of_child(caller, child)
        )
        return Page(items=[NamedGuardianshipView.describing(each) for each in found], next=None)

    @router.post(
        "/guardianships/claims",
        status_code=201,
        summary="申请成为监护人",
        response_model=GuardianshipView,
        responses=problems(
            *READING, ChildNotMatched, GuardianUnfit, GuardianshipExists, TooManyAttempts
        ),
        **guarded(CLAIM),
    )
    async def claim_guardianship(body: ClaimGuardianship, caller: Caller, once: Once) -> Response:
        """Say that you are a guardian of a child. It counts once the school has verified it."""
        claimed = guardians.claim(caller, body.child_code, body.identifier.key, body.relation)
        return await once.answer(claimed, GuardianshipView.of, 201, _created)

    @router.post(
        "/guardianships",
        status_code=201,
        summary="登记监护关系",
        response_model=GuardianshipView,
        responses=problems(
            *READING, OwnClaim, PersonActionRefused, GuardianUnfit, GuardianshipExists
        ),
        **guarded(MANAGE),
    )
    async def create_guardianship(body: CreateGuardianship, caller: Caller, once: Once) -> Response:
        """A verified link between two people whom you administer."""
        created = guardians.create(
            caller, body.guardian_id, body.child_id, body.relation, body.restricted
        )
        return await once.answer(created, GuardianshipView.of, 201, _created)

    @router.get(
        "/guardianships/{guardianship_id}",
        summary="监护关系详情",
        responses=problems(*READING),
        **guarded(READ_LINKS),
    )
    async def read_guardianship(
        guardianship_id: UUID, caller: Caller, response: Response
    ) -> GuardianshipView:
        """For both people, and administrators of the child."""
        found = await guardians.read(caller, guardianship_id)
        response.headers["etag"] = etag(found.version)
        return GuardianshipView.of(found)

    @router.post(
        "/guardianships/{guardianship_id}/verify",
        summary="核实监护关系",
        response_model=GuardianshipView,
        responses=problems(
            *(*CONDITIONAL, OwnClaim, PersonActionRefused),
            *(GuardianUnfit, GuardianshipActionRefused),
        ),
        **guarded(MANAGE),
    )
    async def verify_guardianship(
        guardianship_id: UUID, version: IfMatch, caller: Caller, once: Once
    ) -> Response:
        """From now on the guardian consents and reads, unless restricted."""
        verified = guardians.verify(caller, guardianship_id, version)
        return await once.answer(verified, GuardianshipView.of, 200, _changed)

    @router.patch(
        "/guardianships/{guardianship_id}",
        summary="修改监护关系",
        responses=problems(*CONDITIONAL, OwnClaim),
        **guarded(MANAGE),
    )
    async def change_guardianship(
        guardianship_id: UUID,
        body: ChangeGuardianship,
        version: IfMatch,
        caller: Caller,
        response: Response,
    ) -> GuardianshipView:
        """A restriction withdraws what the guardian consented to."""
        changed = await guardians.change(caller, guardianship_id, version, body.changes)
        response.headers["etag"] = etag(changed.version)
        return GuardianshipView.of(changed)

    @router.delete(
        "/guardianships/{guardianship_id}",
        status_code=204,
        summary="解除监护关系",
        responses=problems(*CONDITIONAL, OwnClaim, GuardianshipActionRefused),
        **guarded(MANAGE),
    )
    async def end_guardianship(guardianship_id: UUID, version: IfMatch, caller: Caller) -> None:
        """Refuse a claim or end a link; what the guardian consented to is withdrawn."""
        await guardians.end(caller, guardianship_id, version)

    @router.get(
        "/people/{person_id}/access-log",
        summary="未成年人信息访问记录",
        responses=problems(*READING, BadCursor),
        **guarded(READ_LOG),
    )
    async def list_readings(person_id: UUID, page: Limits, caller: Caller) -> Page[ReadingView]:
        """Who read a minor's personal data, the latest first; for the person and the guardians."""
        bound_to = {"list": "access log", "of": str(person_id)}
        before = None
        if page.cursor is not None:
            (id_,) = cursors.decode(page.cursor, bound_to)
            before = int(id_ or 0)
        found = await guardians.access_log(caller, person_id, page.limit + 1, before)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[ReadingView.of(each) for each in items],
            next=last and cursors.encode((last.entry.id,), bound_to),
        )

    return router


def _changed(guardianship: Guardianship) -> dict[str, str]:
    return {"etag": etag(guardianship.version)}


def _created(guardianship: Guardianship) -> dict[str, str]:
    location = f"/identity/v1/guardianships/{guardianship.id}"
    return {**_changed(guardianship), "location": location}
