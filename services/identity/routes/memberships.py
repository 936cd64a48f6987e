from uuid import UUID

from fastapi import APIRouter, Response

from services.identity.application.memberships import Memberships
from services.identity.application.people import People
from services.identity.application.reach import MANAGE
from services.identity.domain.grants import GrantBeyondReach, HolderUnfit
from services.identity.domain.people import (
    Membership,
    MembershipDatesRefused,
    MembershipOverlaps,
    OwnAccount,
    PersonActionRefused,
)
from services.identity.routes.people import CONDITIONAL, JOINING, READ_PERSON, READING, problems
from services.identity.schemas.people import ChangeMembership, MembershipView, StartMembership
from shared.access import guarded
from shared.etags import IfMatch, etag
from shared.idempotency import Once
from shared.pages import Page
from shared.principal import Caller


def memberships_router(people: People, memberships: Memberships) -> APIRouter:
    """Who belongs where, from when until when."""
    router = APIRouter(prefix="/identity/v1", tags=["memberships"])

    @router.get(
        "/people/{person_id}/memberships",
        summary="所属机构",
        responses=problems(*READING),
        **guarded(READ_PERSON),
    )
    async def list_memberships(person_id: UUID, caller: Caller) -> Page[MembershipView]:
        """All of a person's memberships, past ones included."""
        found = await people.memberships(caller, person_id)
        return Page(items=MembershipView.all_of(found), next=None)

    @router.post(
        "/people/{person_id}/memberships",
        status_code=201,
        summary="加入机构",
        response_model=MembershipView,
        responses=problems(*READING, OwnAccount, PersonActionRefused, HolderUnfit, *JOINING),
        **guarded(MANAGE),
    )
    async def start_membership(
        person_id: UUID, body: StartMembership, caller: Caller, once: Once
    ) -> Response:
        """By an administrator of both, the person and the organisation. The account of somebody who
        left is resumed first."""
        started = memberships.start(caller, person_id, body.wanted)
        return await once.answer(started, MembershipView.of, 201, _started)

    @router.get(
        "/memberships/{membership_id}",
        summary="所属详情",
        responses=problems(*READING),
        **guarded(MANAGE),
    )
    async def read_membership(
        membership_id: UUID, caller: Caller, response: Response
    ) -> MembershipView:
        """For administrators of the organisation: what they need to change it."""
        found = await memberships.read(caller, membership_id)
        response.headers["etag"] = etag(found.version)
        return MembershipView.of(found)

    @router.patch(
        "/memberships/{membership_id}",
        summary="修改所属起止日期",
        responses=problems(
            *(*CONDITIONAL, OwnAccount, PersonActionRefused, GrantBeyondReach, HolderUnfit),
            *(MembershipDatesRefused, MembershipOverlaps),
        ),
        **guarded(MANAGE),
    )
    async def change_membership(
        membership_id: UUID,
        body: ChangeMembership,
        version: IfMatch,
        caller: Caller,
        response: Response,
    ) -> MembershipView:
        """Set other days. Roles held there end with it."""
        changed = await memberships.change(caller, membership_id, version, body.dates)
        response.headers["etag"] = etag(changed.version)
        return MembershipView.of(changed)

    @router.delete(
        "/memberships/{membership_id}",
        status_code=204,
        summary="结束所属",
        responses=problems(*CONDITIONAL, OwnAccount, GrantBeyondReach),
        **guarded(MANAGE),
    )
    async def end_membership(membership_id: UUID, version: IfMatch, caller: Caller) -> None:
        """End it today; it stays in the history. Roles held there end with it."""
        await memberships.end(caller, membership_id, version)

    return router


def _started(membership: Membership) -> dict[str, str]:
    location = f"/identity/v1/memberships/{membership.id}"
    return {"etag": etag(membership.version), "location": location}
