from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.catalog.application import policies as use_cases
from services.catalog.application.policies import Group, Panels, Policies
from services.catalog.domain.policies import Policy, PolicyRefused
from services.catalog.domain.reviews import Importance
from services.catalog.problems.reviews import PROBLEMS
from services.catalog.schemas.facets import ResourceType
from services.catalog.schemas.policies import (
    AbsenceGiven,
    Absences,
    FoundGroup,
    Groups,
    GroupView,
    PolicyView,
    PutGroup,
    PutPolicy,
)
from services.catalog.schemas.resources import OrganisationName
from shared.access import guarded
from shared.errors import (
    Forbidden,
    NotFound,
    PreconditionMalformed,
    PreconditionMissing,
    StaleVersion,
    Unauthenticated,
    Unavailable,
)
from shared.etags import IfMatch, etag
from shared.idempotency import Once
from shared.principal import Caller
from shared.problems import declare

problems = declare(PROBLEMS)

PREFIX = "/catalog/v1"
READING = (Unauthenticated, Forbidden, Unavailable)
CONDITIONAL = (PreconditionMalformed, PreconditionMissing, StaleVersion)

Type = Annotated[ResourceType | None, Query(description="Of the resource; none: of every type.")]
Organisation = Annotated[OrganisationName, Query()]


def policies_router(policies: Policies, panels: Panels) -> APIRouter:
    """How things are reviewed, and by whom (审核策略与专家组)."""
    router = APIRouter(prefix=PREFIX, tags=["review policies"])

    @router.get(
        "/review-policy",
        summary="适用的审核策略",
        responses=problems(*READING),
        **guarded(use_cases.READ),
    )
    async def read_review_policy(
        organisation: Organisation,
        caller: Caller,
        response: Response,
        resource_type: Type = None,
        importance: Importance = Importance.NORMAL,
    ) -> PolicyView:
        """That by which such a resource of the organisation is judged, wherever it was written."""
        found = await policies.read(caller, organisation, resource_type, importance)
        return _tagged(found, response)

    @router.put(
        "/review-policy",
        summary="设置审核策略",
        responses=problems(*READING, *CONDITIONAL, PolicyRefused),
        **guarded(use_cases.MANAGE),
    )
    async def put_review_policy(
        organisation: Organisation,
        body: PutPolicy,
        version: IfMatch,
        caller: Caller,
        response: Response,
        resource_type: Type = None,
        importance: Importance = Importance.NORMAL,
    ) -> PolicyView:
        """The organisation's own; If-Match `"v0"` for the first. Open reviews keep their levels."""
        put = await policies.put(
            caller,
            organisation,
            resource_type,
            importance,
            [each.step() for each in body.levels],
            mandatory=body.mandatory,
            version=version,
        )
        return _tagged(put, response)

    @router.get(
        "/review-groups",
        summary="专家组",
        responses=problems(*READING),
        **guarded(use_cases.READ),
    )
    async def list_review_groups(organisation: Organisation, caller: Caller) -> Groups:
        """Of the organisation and those below."""
        found = await panels.groups(caller, organisation)
        return Groups(items=[GroupView.of(each) for each in found])

    @router.post(
        "/review-groups",
        status_code=201,
        summary="新建专家组",
        response_model=GroupView,
        responses=problems(*READING, PolicyRefused),
        **guarded(use_cases.MANAGE),
    )
    async def found_review_group(body: FoundGroup, caller: Caller, once: Once) -> Response:
        """Reviews of its subjects and stages at the organisation go to its members."""
        made = panels.found(caller, body.organisation, body.experts())
        return await once.answer(made, GroupView.of, 201, _located)

    @router.put(
        "/review-groups/{group_id}",
        summary="修改专家组",
        responses=problems(*READING, *CONDITIONAL, NotFound, PolicyRefused),
        **guarded(use_cases.MANAGE),
    )
    async def change_review_group(
        group_id: UUID, body: PutGroup, version: IfMatch, caller: Caller, response: Response
    ) -> GroupView:
        """Whoever is new may judge what is open at once."""
        changed = await panels.change(caller, group_id, version, body.experts())
        response.headers["etag"] = etag(changed.version)
        return GroupView.of(changed)

    @router.delete(
        "/review-groups/{group_id}",
        status_code=204,
        summary="解散专家组",
        responses=problems(*READING, *CONDITIONAL, NotFound),
        **guarded(use_cases.MANAGE),
    )
    async def dissolve_review_group(group_id: UUID, version: IfMatch, caller: Caller) -> None:
        """What went to it may be judged by every reviewer of the level."""
        await panels.dissolve(caller, group_id, version)

    @router.get(
        "/reviewers/me/absences",
        summary="我的休假",
        responses=problems(*READING),
        **guarded(use_cases.SELF),
    )
    async def list_absences(caller: Caller) -> Absences:
        """Days on which nothing is assigned to the caller."""
        found = await panels.absences(caller)
        return Absences(
            items=[
                AbsenceGiven(from_date=each.from_date, until_date=each.until_date) for each in found
            ]
        )

    @router.put(
        "/reviewers/me/absences",
        summary="设置休假",
        responses=problems(*READING),
        **guarded(use_cases.SELF),
    )
    async def put_absences(body: Absences, caller: Caller) -> Absences:
        """All of them, in place of those there were."""
        await panels.put_absences(caller, [each.absence() for each in body.items])
        return body

    return router


def _tagged(policy: Policy, response: Response) -> PolicyView:
    response.headers["etag"] = etag(policy.version)
    return PolicyView.of(policy)


def _located(group: Group) -> dict[str, str]:
    return {"location": f"{PREFIX}/review-groups/{group.id}", "etag": etag(group.version)}
