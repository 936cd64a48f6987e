from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field, StringConstraints

from services.catalog.application.search import Asked, Results, Search
from services.catalog.application.search_related import Related
from services.catalog.domain.notices import TakenDown
from services.catalog.domain.search import FURTHEST, Chosen, Facet, Sort
from services.catalog.problems.resources import PROBLEMS
from services.catalog.schemas.facets import Edition, Grade, Licence, ResourceType, Stage, Subject
from services.catalog.schemas.search import RelatedResources, SearchPage, Suggestions
from services.catalog.search.queries import LONGEST_QUERY
from shared.access import public
from shared.errors import NotFound, Unauthenticated, Unavailable
from shared.pages import BadCursor, Binding, Cursors, PageRequest, page_limits
from shared.principal import MaybeCaller
from shared.problems import declare

problems = declare(PROBLEMS)

Limits = Annotated[PageRequest, Depends(page_limits())]
Text = Annotated[
    str,
    Query(
        max_length=LONGEST_QUERY,
        description="Chinese, pinyin with or without spaces, initials, English, or a mixture.",
        examples=["三年级数学 课件", "ercihanshu"],
    ),
]
SOME = Query(max_length=20)
Path = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9A-Za-z.]{1,300}$"),
    Field(examples=["P01017K3MX.X0126F4TNK"]),
]
Paths = Annotated[
    list[Path], Query(max_length=20, description="Paths of provinces, cities or counties.")
]
PREFERRED = "Those with it come somewhat earlier."


async def chosen(
    stage: Annotated[list[Stage], SOME] = [],  # noqa: B006 - FastAPI copies it
    subject: Annotated[list[Subject], SOME] = [],  # noqa: B006
    grade: Annotated[list[Grade], SOME] = [],  # noqa: B006
    edition: Annotated[list[Edition], SOME] = [],  # noqa: B006
    type: Annotated[list[ResourceType], Query(max_length=20, description="Of the resource.")] = [],  # noqa: B006
    licence: Annotated[list[Licence], SOME] = [],  # noqa: B006
    region: Paths = [],  # noqa: B006
) -> Chosen:
    """The filters: several codes of one facet are alternatives. Not a plain function, which would
    be called in another thread."""
    values = {
        Facet.STAGE: stage,
        Facet.SUBJECT: subject,
        Facet.GRADE: grade,
        Facet.EDITION: edition,
        Facet.TYPE: type,
        Facet.LICENCE: licence,
        Facet.REGION: region,
    }
    return {facet: tuple(given) for facet, given in values.items() if given}


def search_router(search: Search, related: Related, cursors: Cursors) -> APIRouter:
    """Finding what is published."""
    router = APIRouter(prefix="/catalog/v1", tags=["search"])

    @router.get(
        "/search",
        summary="搜索资源",
        response_model=SearchPage,
        responses=problems(Unauthenticated, Unavailable, BadCursor),
        **public(),
    )
    async def search_resources(
        page: Limits,
        caller: MaybeCaller,
        filters: Annotated[Chosen, Depends(chosen)],
        q: Text = "",
        facet: Annotated[
            list[Facet],
            Query(
                max_length=len(Facet),
                description="Count the hits by these; by one that is filtered, as if it were not.",
            ),
        ] = [],  # noqa: B006
        sort: Sort = Sort.RELEVANCE,
        prefer_grade: Annotated[list[Grade], Query(max_length=20, description=PREFERRED)] = [],  # noqa: B006
        prefer_region: Annotated[list[Path], Query(max_length=20, description=PREFERRED)] = [],  # noqa: B006
    ) -> Response:
        """What answers `q`, or everything; for a caller with roles, what belongs to their region,
        grade and subject comes somewhat earlier. The first 1,000 hits can be paged through."""
        preferred = {Facet.GRADE: tuple(prefer_grade), Facet.REGION: tuple(prefer_region)}
        asked = Asked(
            text=q,
            filters=filters,
            preferred={key: values for key, values in preferred.items() if values},
            facets=tuple(dict.fromkeys(facet)),
            sort=sort,
            limit=page.limit,
        )
        bound_to = _binding(asked)
        if page.cursor is not None:
            (offset,) = cursors.decode(page.cursor, bound_to)
            asked = replace(asked, offset=min(int(offset or 0), FURTHEST))
        results = await search.page(caller, asked)
        following = results.next
        body = {
            # Rows are already what is told: a model for each would cost more than the query.
            "items": results.items,
            "next": None if following is None else cursors.encode((following,), bound_to),
            "estimated_total": results.estimated_total,
            "facets": _counts(results),
            "did_you_mean": results.did_you_mean,
        }
        return Response(orjson.dumps(body, default=str), media_type="application/json")

    @router.get(
        "/search/suggestions",
        summary="搜索建议",
        response_model=Suggestions,
        responses=problems(Unavailable),
        **public(),
    )
    async def suggest(q: Text, limit: Annotated[int, Query(ge=1, le=20)] = 8) -> Suggestions:
        """What the query that is being typed may become."""
        found = await search.suggestions(q, limit)
        return Suggestions.model_validate(
            {"items": [{"text": each.text, "kind": each.kind} for each in found]}
        )

    @router.get(
        "/resources/{resource_id}/related",
        summary="相关资源",
        response_model=RelatedResources,
        responses=problems(NotFound, TakenDown, Unavailable),
        **public(),
    )
    async def list_related_resources(
        resource_id: UUID, limit: Annotated[int, Query(ge=1, le=20)] = 8
    ) -> Response:
        """Published resources that resemble a published one."""
        rows = await related.to(resource_id, limit)
        body = orjson.dumps({"items": [dict(each) for each in rows]}, default=str)
        return Response(body, media_type="application/json")

    return router


def _binding(asked: Asked) -> Binding:
    return {
        "list": "search",
        "q": asked.text,
        "filters": sorted([facet, sorted(values)] for facet, values in asked.filters.items()),
        "preferred": sorted([facet, sorted(values)] for facet, values in asked.preferred.items()),
        "sort": asked.sort,
    }


def _counts(results: Results) -> Mapping[str, list[dict[str, str | int]]]:
    return {
        facet.value: [{"value": value, "count": count} for value, count in counts.items()]
        for facet, counts in results.counts.items()
    }
