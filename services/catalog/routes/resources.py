import hashlib
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response

from services.catalog.application import metadata
from services.catalog.application import resources as use_cases
from services.catalog.application.metadata_terms import NationalRecords
from services.catalog.application.resources import Resources, Shown
from services.catalog.application.resources_lists import Filters, Lists
from services.catalog.domain.feedback import Kind
from services.catalog.domain.lifecycle import ActionRefused, State
from services.catalog.domain.notices import TakenDown
from services.catalog.domain.resources import (
    AttachmentsRefused,
    DraftMalformed,
)
from services.catalog.problems.resources import PROBLEMS
from services.catalog.routes.feedback import Audience
from services.catalog.schemas.facets import Grade, ResourceType, Stage, Subject
from services.catalog.schemas.resources import (
    ChangeResource,
    CreateResource,
    OrganisationName,
    ResourceSummary,
    ResourceView,
)
from shared.access import guarded, public
from shared.errors import (
    Forbidden,
    NotFound,
    PreconditionMalformed,
    PreconditionMissing,
    StaleVersion,
    Unauthenticated,
    Unavailable,
)
from shared.etags import NOT_MODIFIED, IfMatch, IfNoneMatch, etag, is_known
from shared.idempotency import Once
from shared.pages import BadCursor, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller, MaybeCaller
from shared.problems import declare

problems = declare(PROBLEMS)

READING = (Unauthenticated, NotFound, TakenDown, Unavailable)
CHANGING = (Unauthenticated, Forbidden, NotFound, Unavailable)
CONDITIONAL = (PreconditionMalformed, PreconditionMissing, StaleVersion)

PREFIX = "/catalog/v1/resources"

Limits = Annotated[PageRequest, Depends(page_limits())]
VersionNumber = Annotated[
    int | None,
    Query(ge=1, le=2**31 - 1, description="That very version; none: the draft or the live one."),
]


def resources_router(
    resources: Resources,
    lists: Lists,
    records: NationalRecords,
    cursors: Cursors,
    audience: Audience,
) -> APIRouter:
    """Resources, their drafts, and the schema of their metadata."""
    router = APIRouter(prefix="/catalog/v1", tags=["resources"])

    schema = orjson.dumps(metadata.schema())
    schema_headers = {
        "etag": f'"{hashlib.sha256(schema).hexdigest()}"',
        "cache-control": "public, no-cache",
    }

    @router.get(
        "/resource-schema",
        summary="元数据 JSON Schema",
        response_model=dict[str, Any],
        responses={**NOT_MODIFIED, **problems()},
        **public(),
    )
    async def read_resource_schema(if_none_match: IfNoneMatch = None) -> Response:
        """The JSON Schema (2020-12) of metadata, by GB/T 41469-2022."""
        if is_known(schema_headers["etag"], if_none_match):
            return Response(status_code=304, headers=schema_headers)
        return Response(schema, headers=schema_headers, media_type="application/json")

    @router.get(
        "/resources",
        summary="资源列表",
        response_model=Page[ResourceSummary],
        responses=problems(*READING, Forbidden, BadCursor),
        **public(),
    )
    async def list_resources(
        page: Limits,
        caller: MaybeCaller,
        owner: Annotated[
            str | None, Query(pattern="^me$", description="`me`: the caller's own, as drafts.")
        ] = None,
        organisation: Annotated[
            OrganisationName | None,
            Query(description="All at and below it, as drafts, for its administrators."),
        ] = None,
        stage: Stage | None = None,
        subject: Subject | None = None,
        grade: Grade | None = None,
        type: Annotated[ResourceType | None, Query(description="Of the resource.")] = None,
        state: State | None = None,
    ) -> Response:
        """The newest first; without `owner` and `organisation`, what everybody may read."""
        filters = Filters(stage, subject, grade, type, state)
        bound_to = {
            "list": "resources",
            "whose": caller.subject if caller and owner else None,
            "organisation": organisation,
            "filters": [stage, subject, grade, type, state],
        }
        before = None
        if page.cursor is not None:
            (position,) = cursors.decode(page.cursor, bound_to)
            before = UUID(str(position))
        found = await lists.page(
            caller,
            mine=owner is not None,
            organisation=organisation,
            filters=filters,
            limit=page.limit + 1,
            before=before,
        )
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        # Rows are already what is told: a model for each would cost more than the query.
        body = {
            "items": [dict(each) for each in items],
            "next": last and cursors.encode((str(last["id"]),), bound_to),
        }
        return Response(orjson.dumps(body, default=str), media_type="application/json")

    @router.post(
        "/resources",
        status_code=201,
        summary="新建资源草稿",
        response_model=ResourceView,
        responses=problems(
            Unauthenticated, Forbidden, Unavailable, DraftMalformed, AttachmentsRefused
        ),
        **guarded(use_cases.WRITE),
    )
    async def create_resource(body: CreateResource, caller: Caller, once: Once) -> Response:
        """A draft of what may be far from complete: the check tells what is missing."""
        files = [each.reference() for each in body.files]
        created = resources.create(caller, body.organisation, metadata.plain(body.metadata), files)
        return await once.answer(created, ResourceView.of, 201, _created)

    @router.get(
        "/resources/{resource_id}",
        summary="资源详情",
        response_model=ResourceView,
        responses={**NOT_MODIFIED, **problems(*READING)},
        **public(),
    )
    async def read_resource(
        request: Request,
        resource_id: UUID,
        caller: MaybeCaller,
        version: VersionNumber = None,
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        """The draft, for its owner and the administrators above; the live version for all."""
        shown = await resources.get(caller, resource_id, version)
        if shown.number is not None:
            audience.saw(request, caller, resource_id, Kind.VIEW)
        headers = changed_headers(shown)
        if is_known(headers["etag"], if_none_match):
            return Response(status_code=304, headers=headers)
        body = ResourceView.of(shown).model_dump_json()
        return Response(body, headers=headers, media_type="application/json")

    @router.get(
        "/resources/{resource_id}/metadata",
        summary="国家标准元数据",
        responses=problems(*READING),
        **public(),
    )
    async def read_resource_metadata(
        resource_id: UUID, caller: MaybeCaller, version: VersionNumber = None
    ) -> dict[str, Any]:
        """Its metadata in the elements of GB/T 41469-2022, table 2, with those that are derived."""
        return await records.describe(caller, resource_id, version)

    @router.patch(
        "/resources/{resource_id}",
        summary="修改资源草稿",
        responses=problems(
            *CHANGING, *CONDITIONAL, ActionRefused, DraftMalformed, AttachmentsRefused
        ),
        **guarded(use_cases.OWN),
    )
    async def change_resource(
        resource_id: UUID,
        body: ChangeResource,
        version: IfMatch,
        caller: Caller,
        response: Response,
    ) -> ResourceView:
        """Merge a patch into the draft (RFC 7396)."""
        files = None if body.files is None else [each.reference() for each in body.files]
        changed = await resources.change(caller, resource_id, version, body.metadata, files)
        response.headers["etag"] = etag(changed.resource.version)
        return ResourceView.of(changed)

    @router.delete(
        "/resources/{resource_id}",
        status_code=204,
        summary="删除草稿",
        responses=problems(*CHANGING, *CONDITIONAL, ActionRefused),
        **guarded(use_cases.OWN),
    )
    async def delete_resource(resource_id: UUID, version: IfMatch, caller: Caller) -> None:
        """Remove a draft of which no version was ever made."""
        await resources.delete(caller, resource_id, version)

    return router


def _created(shown: Shown) -> dict[str, str]:
    return {**changed_headers(shown), "location": f"{PREFIX}/{shown.resource.id}"}


def changed_headers(shown: Shown) -> dict[str, str]:
    """The ETag of the draft."""
    return {"etag": etag(shown.resource.version)}
