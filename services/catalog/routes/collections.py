from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.catalog.application import collections as use_cases
from services.catalog.application.collections import Collections
from services.catalog.application.collections_views import CollectionViews
from services.catalog.application.resources import OWN, WRITE
from services.catalog.domain.collections import Collection, ItemsRefused
from services.catalog.problems.collections import PROBLEMS
from services.catalog.schemas.collections import (
    Arrangement,
    ChangeCollection,
    CollectionDifferences,
    CollectionSummary,
    CollectionView,
    CopyCollection,
    CreateCollection,
    ItemView,
    Lineage,
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
from shared.etags import NOT_MODIFIED, IfMatch, IfNoneMatch, conditional, etag
from shared.idempotency import Once
from shared.pages import BadCursor, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller
from shared.problems import declare

problems = declare(PROBLEMS)

PREFIX = "/catalog/v1/collections"
READING = (Unauthenticated, Forbidden, NotFound, Unavailable)
CONDITIONAL = (PreconditionMalformed, PreconditionMissing, StaleVersion)

Limits = Annotated[PageRequest, Depends(page_limits())]
ItemLimits = Annotated[PageRequest, Depends(page_limits(default=50, maximum=100))]


def collections_router(
    collections: Collections, views: CollectionViews, cursors: Cursors
) -> APIRouter:
    """Collections of resources (资源合集)."""
    router = APIRouter(prefix=PREFIX, tags=["collections"])

    @router.post(
        "",
        status_code=201,
        summary="新建合集",
        response_model=CollectionView,
        responses=problems(Unauthenticated, Forbidden, Unavailable),
        **guarded(WRITE),
    )
    async def create_collection(body: CreateCollection, caller: Caller, once: Once) -> Response:
        """An empty collection of the caller's."""
        made = collections.create(caller, body.organisation, body.title, body.description or "")
        return await once.answer(made, CollectionView.of, 201, _located)

    @router.get(
        "",
        summary="合集列表",
        responses=problems(Unauthenticated, Forbidden, Unavailable, BadCursor),
        **guarded(use_cases.LIST),
    )
    async def list_collections(
        page: Limits,
        caller: Caller,
        organisation: Annotated[
            OrganisationName | None,
            Query(description="All at and below it, for its administrators; none: one's own."),
        ] = None,
    ) -> Page[CollectionSummary]:
        """The newest first."""
        bound_to = {
            "list": "collections",
            "whose": None if organisation else caller.subject,
            "organisation": organisation,
        }
        before = None
        if page.cursor is not None:
            (position,) = cursors.decode(page.cursor, bound_to)
            before = UUID(str(position))
        found = await views.page(caller, organisation, page.limit + 1, before)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[CollectionSummary.of(each) for each in items],
            next=last and cursors.encode((str(last.id),), bound_to),
        )

    @router.get(
        "/{collection_id}",
        summary="合集详情",
        response_model=CollectionView,
        responses={**NOT_MODIFIED, **problems(*READING)},
        **guarded(use_cases.READ),
    )
    async def read_collection(
        collection_id: UUID, caller: Caller, if_none_match: IfNoneMatch = None
    ) -> Response:
        """For its owner and the administrators above."""
        found = await collections.get(caller, collection_id)
        return conditional(CollectionView.of(found), found.version, if_none_match)

    @router.patch(
        "/{collection_id}",
        summary="修改合集",
        responses=problems(*READING, *CONDITIONAL),
        **guarded(OWN),
    )
    async def change_collection(
        collection_id: UUID,
        body: ChangeCollection,
        version: IfMatch,
        caller: Caller,
        response: Response,
    ) -> CollectionView:
        """Change what it says of itself."""
        changed = await collections.change(caller, collection_id, version, body.fields)
        return _tagged(changed, response)

    @router.delete(
        "/{collection_id}",
        status_code=204,
        summary="删除合集",
        responses=problems(*READING, *CONDITIONAL),
        **guarded(OWN),
    )
    async def delete_collection(collection_id: UUID, version: IfMatch, caller: Caller) -> None:
        """Remove it; its resources, and copies of it, stay."""
        await collections.delete(caller, collection_id, version)

    @router.get(
        "/{collection_id}/items",
        summary="合集内容",
        responses=problems(*READING, BadCursor),
        **guarded(use_cases.READ),
    )
    async def list_collection_items(
        collection_id: UUID, page: ItemLimits, caller: Caller
    ) -> Page[ItemView]:
        """In order. What the caller may not read shows as unavailable."""
        bound_to = {"list": "collection-items", "collection": str(collection_id)}
        after = -1
        if page.cursor is not None:
            (position,) = cursors.decode(page.cursor, bound_to)
            after = int(position or 0)
        found = await views.entries(caller, collection_id, page.limit + 1, after)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[ItemView.of(each) for each in items],
            next=last and cursors.encode((last.position,), bound_to),
        )

    @router.put(
        "/{collection_id}/items",
        summary="排列合集内容",
        responses=problems(*READING, *CONDITIONAL, ItemsRefused),
        **guarded(OWN),
    )
    async def arrange_collection(
        collection_id: UUID,
        body: Arrangement,
        version: IfMatch,
        caller: Caller,
        response: Response,
    ) -> CollectionView:
        """Give all items in their order, at once."""
        items = [each.item() for each in body.items]
        arranged = await collections.put_items(caller, collection_id, version, items)
        return _tagged(arranged, response)

    @router.post(
        "/{collection_id}/copies",
        status_code=201,
        summary="复制合集",
        response_model=CollectionView,
        responses=problems(*READING),
        **guarded(WRITE),
    )
    async def copy_collection(
        collection_id: UUID, body: CopyCollection, caller: Caller, once: Once
    ) -> Response:
        """The caller's own copy, which remembers its origin."""
        made = collections.copy(caller, collection_id, body.organisation, body.title)
        return await once.answer(made, CollectionView.of, 201, _located)

    @router.get(
        "/{collection_id}/lineage",
        summary="合集来源",
        responses=problems(*READING),
        **guarded(use_cases.READ),
    )
    async def read_collection_lineage(collection_id: UUID, caller: Caller) -> Lineage:
        """Of which collection it is a copy, of which that is one, and so on."""
        return Lineage.of(await views.lineage(caller, collection_id))

    @router.get(
        "/{collection_id}/differences",
        summary="与来源的差异",
        responses=problems(*READING),
        **guarded(use_cases.READ),
    )
    async def compare_collection(collection_id: UUID, caller: Caller) -> CollectionDifferences:
        """What makes a copy of its origin as that is now."""
        return CollectionDifferences.of(await views.differences(caller, collection_id))

    return router


def _located(collection: Collection) -> dict[str, str]:
    return {"location": f"{PREFIX}/{collection.id}", "etag": etag(collection.version)}


def _tagged(collection: Collection, response: Response) -> CollectionView:
    response.headers["etag"] = etag(collection.version)
    return CollectionView.of(collection)
