from typing import Annotated

from fastapi import APIRouter, Query

from services.identity.application.revocations import Revocations
from services.identity.problems.provider import PROBLEMS
from services.identity.schemas.clients import RevocationList, RevocationView
from shared.access import Rule, guarded
from shared.errors import Forbidden, Unauthenticated, Unavailable
from shared.problems import declare

problems = declare(PROBLEMS)

FOLLOW = Rule("integrate")


def revocations_router(revocations: Revocations) -> APIRouter:
    router = APIRouter(prefix="/identity/v1", tags=["clients"])

    @router.get(
        "/revocations",
        summary="已撤销的令牌",
        responses=problems(Unauthenticated, Forbidden, Unavailable),
        **guarded(FOLLOW),
    )
    async def list_revocations(
        after: Annotated[int, Query(ge=0, le=2**63 - 1, description="The last id read.")] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
    ) -> RevocationList:
        """The revocations in force, for who verifies tokens: read them to the end at start, and
        from 0 again now and then, since one may appear behind another with a greater id; between,
        follow identity.revocation.issued.v1. None stays for longer than a token lives."""
        found = await revocations.page(after, limit)
        return RevocationList(items=[RevocationView.of(each) for each in found])

    return router
