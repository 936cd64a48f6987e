from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.identity.application import organisations as use_cases
from services.identity.application import organisations_ports as ports
from services.identity.application.organisations import Organisations
from services.identity.domain.organisations import (
    CodesRefused,
    CodeTaken,
    Kind,
    KindNotAllowedThere,
    MoveIntoItself,
    NameTaken,
    Organisation,
    OrganisationClosed,
    State,
    StillInUse,
)
from services.identity.problems.organisations import PROBLEMS
from services.identity.schemas.organisations import (
    ChangeOrganisation,
    CloseOrganisation,
    CreateOrganisation,
    Line,
    MoveOrganisation,
    OrganisationChange,
    OrganisationDetail,
    OrganisationSummary,
    OrganisationView,
    ParentReference,
    Reference,
)
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
from shared.pages import BadCursor, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller
from shared.problems import declare

problems = declare(PROBLEMS)

READING = (Unauthenticated, Forbidden, NotFound, Unavailable)
CHANGING = (*READING, OrganisationClosed)
CONDITIONAL = (PreconditionMalformed, PreconditionMissing, StaleVersion)

Limits = Annotated[PageRequest, Depends(page_limits(default=50, maximum=200))]


def organisations_router(organisations: Organisations, cursors: Cursors) -> APIRouter:
    """The tree of organisations, each named by its id or its short code."""
    router = APIRouter(prefix="/identity/v1/organisations", tags=["organisations"])

    @router.get(
        "",
        summary="机构列表",
        responses=problems(*READING, BadCursor),
        **guarded(use_cases.READ),
    )
    async def list_organisations(
        page: Limits,
        parent: Annotated[
            ParentReference | None,
            Query(description="Those right below it; `root`: those below none.", examples=["root"]),
        ] = None,
        within: Annotated[Reference | None, Query(description="All that is below it.")] = None,
        kind: Kind | None = None,
        q: Annotated[
            Line | None,
            Query(
                description="Part of a name, the beginning of its pinyin, or a whole code.",
                examples=["向阳", "xiangyang"],
            ),
        ] = None,
        state: State = State.OPEN,
    ) -> Page[OrganisationSummary]:
        """Organisations in the order of the pinyin of their names."""
        query = ports.Query(parent, within, kind, q, state)
        bound_to = {"list": "organisations", **asdict(query)}
        after = None
        if page.cursor is not None:
            sort_key, id_ = cursors.decode(page.cursor, bound_to)
            after = str(sort_key), UUID(str(id_))
        found = await organisations.page(query, page.limit + 1, after)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[OrganisationSummary.of(each) for each in items],
            next=last and cursors.encode((last.sort_key, str(last.id)), bound_to),
        )

    @router.post(
        "",
        status_code=201,
        summary="新建机构",
        response_model=OrganisationView,
        responses=problems(*(*CHANGING, KindNotAllowedThere, CodesRefused, CodeTaken, NameTaken)),
        **guarded(use_cases.MANAGE),
    )
    async def create_organisation(body: CreateOrganisation, caller: Caller, once: Once) -> Response:
        """Put a new organisation under another. The administrators of a province look after the
        root."""
        created = organisations.create(caller, body.parent, body.kind, body.name, body.codes)
        return await once.answer(created, OrganisationView.of, 201, _created)

    @router.get(
        "/{organisation}",
        summary="机构详情",
        responses=problems(*READING),
        **guarded(use_cases.READ),
    )
    async def read_organisation(
        organisation: Reference, caller: Caller, response: Response
    ) -> OrganisationDetail:
        """An organisation, those above it, and what the caller may do to it now."""
        detail = await organisations.get(caller, organisation)
        response.headers["etag"] = etag(detail.organisation.version)
        return OrganisationDetail.describing(detail)

    @router.patch(
        "/{organisation}",
        summary="修改机构名称或代码",
        responses=problems(*CHANGING, *CONDITIONAL, CodesRefused, CodeTaken, NameTaken),
        **guarded(use_cases.MANAGE),
    )
    async def change_organisation(
        organisation: Reference,
        body: ChangeOrganisation,
        version: IfMatch,
        caller: Caller,
        response: Response,
    ) -> OrganisationView:
        """Rename it, or give it other official codes."""
        changed = await organisations.change(caller, organisation, version, body.name, body.codes)
        response.headers["etag"] = etag(changed.version)
        return OrganisationView.of(changed)

    @router.post(
        "/{organisation}/move",
        summary="调整上级机构",
        response_model=OrganisationView,
        responses=problems(
            *(*CHANGING, *CONDITIONAL, KindNotAllowedThere, MoveIntoItself, CodesRefused, NameTaken)
        ),
        **guarded(use_cases.MANAGE),
    )
    async def move_organisation(
        organisation: Reference,
        body: MoveOrganisation,
        version: IfMatch,
        caller: Caller,
        once: Once,
    ) -> Response:
        """Put it, with everything below it, under another organisation."""
        moved = organisations.move(caller, organisation, version, body.parent)
        return await once.answer(moved, OrganisationView.of, 200, _changed)

    @router.post(
        "/{organisation}/close",
        summary="关闭机构",
        response_model=OrganisationView,
        responses=problems(*CHANGING, *CONDITIONAL, StillInUse),
        **guarded(use_cases.MANAGE),
    )
    async def close_organisation(
        organisation: Reference,
        body: CloseOrganisation,
        version: IfMatch,
        caller: Caller,
        once: Once,
    ) -> Response:
        """Close it for good. Its people leave or are transferred first; roles held there end, and
        its applications are retired, with their tokens and keys."""
        closed = organisations.close(caller, organisation, version, below=body.below)
        return await once.answer(closed, OrganisationView.of, 200, _changed)

    @router.get(
        "/{organisation}/history",
        summary="机构变更历史",
        responses=problems(*READING, BadCursor),
        **guarded(use_cases.READ_HISTORY),
    )
    async def list_organisation_changes(
        organisation: Reference, page: Limits, caller: Caller
    ) -> Page[OrganisationChange]:
        """What was done to it, the newest first."""
        bound_to = {"list": "organisation changes", "organisation": organisation}
        before = None
        if page.cursor is not None:
            (id_,) = cursors.decode(page.cursor, bound_to)
            before = int(id_ or 0)
        found = await organisations.history(caller, organisation, page.limit + 1, before)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[OrganisationChange.of(each) for each in items],
            next=last and cursors.encode((last.id,), bound_to),
        )

    return router


def _changed(organisation: Organisation) -> dict[str, str]:
    return {"etag": etag(organisation.version)}


def _created(organisation: Organisation) -> dict[str, str]:
    location = f"/identity/v1/organisations/{organisation.id}"
    return {**_changed(organisation), "location": location}
