from fastapi import APIRouter, Response

from services.identity.application.me import READ_OWN, Me
from services.identity.routes.people import READING, problems
from services.identity.schemas.guardians import MeView
from shared.access import guarded
from shared.etags import etag
from shared.principal import Caller


def me_router(me: Me) -> APIRouter:
    router = APIRouter(prefix="/identity/v1", tags=["people"])

    @router.get("/me", summary="我的账号", responses=problems(*READING), **guarded(READ_OWN))
    async def read_me(caller: Caller, response: Response) -> MeView:
        """Your own profile, identifiers, memberships, roles and children."""
        mine = await me.read(caller)
        response.headers["etag"] = etag(mine.detail.person.version)
        return MeView.mine(mine)

    return router
