from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from services.copyright.application.categories import CHANGE, Categories
from services.copyright.application.evidence import Evidences, Trusts
from services.copyright.domain.registrations import LetterTaken, NotLoggedYet
from services.copyright.routes.accepting import problems
from services.copyright.schemas.registrations import (
    AuthorityView,
    CategoryView,
    KeyView,
    PutCategory,
    TrustView,
    WitnessView,
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
from shared.etags import IfMatch, etag
from shared.principal import Caller, MaybeCaller
from shared.storage import attachment


def evidence_router(evidences: Evidences, trusts: Trusts) -> APIRouter:
    """What stands up without us."""
    router = APIRouter(prefix="/copyright/v1", tags=["evidence"])

    @router.get(
        "/registrations/{registration_id}/evidence",
        summary="下载证据包",
        response_class=Response,
        responses={
            200: {"content": {"application/zip": {}}},
            **problems(NotFound, NotLoggedYet, Unauthenticated, Unavailable),
        },
        **public(),
    )
    async def read_evidence(registration_id: UUID, caller: MaybeCaller) -> Response:
        """A ZIP archive to be checked offline, equal bytes for an equal state of the log. To a
        party it discloses that party's own identity."""
        code, archive = await evidences.bundle(registration_id, caller)
        headers = {
            "content-disposition": attachment(f"evidence-{code}.zip"),
            "cache-control": "no-store",
        }
        return Response(archive, headers=headers, media_type="application/zip")

    @router.get(
        "/trust",
        summary="核验所需的公钥、见证策略与时间戳机构",
        responses=problems(Unavailable),
        **public(),
    )
    async def read_trust() -> TrustView:
        """Verifier keys past and present, the witness policy, the time-stamp authorities. What you
        get from us, you believe of us: compare it with a copy from elsewhere."""
        keys = await trusts.keys()
        return TrustView(
            keys=[
                KeyView(
                    vkey=each.vkey,
                    valid_from=each.valid_from,
                    valid_to=each.valid_to,
                    last_size=each.last_size,
                )
                for each in keys
            ],
            policy=await trusts.policy(keys),
            witnesses=[
                WitnessView(name=name, vkey=vkey, ours=ours)
                for name, vkey, ours in await trusts.witnesses()
            ],
            timestamp_authorities=[
                AuthorityView(
                    name=each.name,
                    certificate=(await each.root()).decode(),
                    local=each.local,
                )
                for each in trusts.authorities
            ],
        )

    return router


def categories_router(categories: Categories) -> APIRouter:
    """The categories of works, as an editable dictionary."""
    router = APIRouter(prefix="/copyright/v1/categories", tags=["categories"])

    @router.get("", summary="作品类别", responses=problems(Unavailable), **public())
    async def list_categories() -> list[CategoryView]:
        """In the order of 作品登记."""
        return [CategoryView(**each) for each in await categories.all()]

    @router.put(
        "/{code}",
        summary="修改作品类别",
        status_code=204,
        responses=problems(
            Unauthenticated,
            Forbidden,
            NotFound,
            StaleVersion,
            LetterTaken,
            PreconditionMissing,
            PreconditionMalformed,
            Unavailable,
        ),
        **guarded(CHANGE),
    )
    async def put_category(
        code: str, body: PutCategory, caller: Caller, version: IfMatch, response: Response
    ) -> None:
        """Change a category's names, its letter or its number in DCI: for the whole province, by
        its administrators."""
        changed = await categories.change(caller, code, body.model_dump(), version)
        response.headers["etag"] = etag(changed)

    return router
