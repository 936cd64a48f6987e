from fastapi import APIRouter, Response

from services.catalog.application.knowledge import Knowledge
from services.catalog.application.vocabularies import MANAGE
from services.catalog.domain.knowledge import PointRefused, PrerequisiteCycle
from services.catalog.problems.knowledge import PROBLEMS
from services.catalog.routes.vocabularies import CHANGING, CONDITIONAL, Limits
from services.catalog.schemas.facets import Subject
from services.catalog.schemas.knowledge import GraphSummaryView, GraphView, PointDetail, PutPoint
from services.catalog.schemas.vocabularies import Code
from shared.access import guarded, public
from shared.errors import NotFound, Unavailable
from shared.etags import NOT_MODIFIED, IfMatch, IfNoneMatch, conditional, etag
from shared.pages import BadCursor, Cursors, Page
from shared.principal import Caller
from shared.problems import declare

problems = declare(PROBLEMS)


def knowledge_router(knowledge: Knowledge, cursors: Cursors) -> APIRouter:
    """Knowledge graphs (知识图谱): one a subject, of knowledge points and prerequisites."""
    router = APIRouter(prefix="/catalog/v1/knowledge", tags=["knowledge"])

    @router.get("", summary="知识图谱列表", responses=problems(Unavailable, BadCursor), **public())
    async def list_knowledge_graphs(page: Limits) -> Page[GraphSummaryView]:
        """The subjects that have knowledge points, in the order of their codes."""
        bound_to = {"list": "knowledge graphs"}
        after = ""
        if page.cursor is not None:
            (position,) = cursors.decode(page.cursor, bound_to)
            after = str(position)
        found = await knowledge.page(page.limit + 1, after)
        items = [GraphSummaryView.of(each) for each in found[: page.limit]]
        more = len(found) > page.limit
        return Page(
            items=items, next=cursors.encode((items[-1].subject,), bound_to) if more else None
        )

    @router.get(
        "/{subject}",
        summary="学科知识图谱",
        response_model=GraphView,
        responses={**NOT_MODIFIED, **problems(NotFound, Unavailable)},
        **public(),
    )
    async def read_knowledge_graph(subject: Subject, if_none_match: IfNoneMatch = None) -> Response:
        """The knowledge points of a subject with their prerequisites, retired ones too."""
        graph = await knowledge.graph(subject)
        return conditional(GraphView.of(graph), graph.version, if_none_match, public=True)

    @router.get(
        "/{subject}/points/{code}",
        summary="知识点详情",
        response_model=PointDetail,
        responses={**NOT_MODIFIED, **problems(NotFound, Unavailable)},
        **public(),
    )
    async def read_knowledge_point(
        subject: Subject, code: Code, if_none_match: IfNoneMatch = None
    ) -> Response:
        """One of them. Its ETag is the graph's."""
        graph, point = await knowledge.point(subject, code)
        return conditional(PointDetail.of(point), graph.version, if_none_match, public=True)

    @router.put(
        "/{subject}/points/{code}",
        summary="新增或修改知识点",
        responses={
            201: {"model": PointDetail, "description": "Added"},
            **problems(*CHANGING, *CONDITIONAL, PointRefused, PrerequisiteCycle),
        },
        **guarded(MANAGE),
    )
    async def put_knowledge_point(
        subject: Subject,
        code: Code,
        body: PutPoint,
        version: IfMatch,
        caller: Caller,
        response: Response,
    ) -> PointDetail:
        """Add a knowledge point (201) or replace it (200). If-Match takes the ETag of the graph."""
        point = body.point(code)
        graph, is_new = await knowledge.put(caller, subject, version, point)
        response.status_code = 201 if is_new else 200
        response.headers["etag"] = etag(graph.version)
        return PointDetail.of(point)

    return router
