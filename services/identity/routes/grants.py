from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.identity.application.grants import GIVE, READ_GRANTS, Grants
from services.identity.domain.grants import (
    GrantBeyondReach,
    GrantDatesRefused,
    GrantTermsRefused,
    HolderUnfit,
    OwnGrant,
    RoleAlreadyHeld,
    RolesSeparated,
)
from services.identity.domain.people import OrganisationNotJoinable, PersonActionRefused
from services.identity.routes.people import READING, Limits, problems
from services.identity.schemas.grants import GrantRole, RoleGrantView
from services.identity.schemas.organisations import Reference
from shared.access import guarded
from shared.idempotency import Once
from shared.pages import BadCursor, Cursors, Page
from shared.principal import Caller


def grants_router(grants: Grants, cursors: Cursors) -> APIRouter:
    """Who holds which role where."""
    router = APIRouter(prefix="/identity/v1/role-grants", tags=["roles"])

    @router.get(
        "", summary="角色授权列表", responses=problems(*READING, BadCursor), **guarded(READ_GRANTS)
    )
    async def list_role_grants(
        page: Limits,
        caller: Caller,
        person: Annotated[UUID | None, Query(description="Those of a person.")] = None,
        organisation: Annotated[
            Reference | None, Query(description="Those held at that very organisation.")
        ] = None,
    ) -> Page[RoleGrantView]:
        """Grants in the order they were given, past ones included; without a query, your own."""
        bound_to = {"list": "role grants", "of": [str(person), str(organisation)]}
        after = None
        if page.cursor is not None:
            (id_,) = cursors.decode(page.cursor, bound_to)
            after = UUID(str(id_))
        found = await grants.page(caller, person, organisation, page.limit + 1, after)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[RoleGrantView.of(each) for each in items],
            next=last and cursors.encode((str(last.id),), bound_to),
        )

    @router.post(
        "",
        status_code=201,
        summary="授予角色",
        response_model=RoleGrantView,
        responses=problems(
            *READING,
            OwnGrant,
            GrantBeyondReach,
            OrganisationNotJoinable,
            GrantTermsRefused,
            GrantDatesRefused,
            PersonActionRefused,
            HolderUnfit,
            RolesSeparated,
            RoleAlreadyHeld,
        ),
        **guarded(GIVE),
    )
    async def grant_role(body: GrantRole, caller: Caller, once: Once) -> Response:
        """Administrators give student, teacher and guardian, security administrators every role,
        at and below the organisations where they are one; nobody gives a role to themselves.
        Minors are students alone. Offices are held at schools, above them and at institutions; an
        expert's is of a subject."""
        return await once.answer(grants.give(caller, body.wanted), RoleGrantView.of, 201)

    @router.delete(
        "/{grant_id}",
        status_code=204,
        summary="撤销角色",
        responses=problems(*READING, GrantBeyondReach),
        **guarded(GIVE),
    )
    async def revoke_role(grant_id: UUID, caller: Caller) -> None:
        """End it now; the person's tokens are void and must be renewed. It stays in the
        history."""
        await grants.revoke(caller, grant_id)

    return router
