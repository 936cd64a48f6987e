"""`POST /learning/v1/events`: what our own clients send, in batches, into the record store."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from services.learning.application.applications import Access, Registry
from services.learning.application.statements import Statements
from services.learning.domain.applications import ScopeMissing, UnknownApplication
from services.learning.domain.xapi.records import (
    MalformedStatement,
    Overloaded,
    StatementConflict,
)
from services.learning.domain.xapi.rules import Defect
from services.learning.domain.xapi.values import Version
from services.learning.problems.activity import PROBLEMS
from services.learning.routes.xapi.exchange import told_error
from services.learning.routes.xapi.router import credentials
from services.learning.schemas.events import Events, Stored
from shared import errors
from shared.problems import declare

_problems = declare(PROBLEMS)


def events_router(registry: Registry, statements: Statements, issuer: str) -> APIRouter:
    router = APIRouter(prefix="/learning/v1", tags=["events"])

    async def identified(request: Request) -> Access:
        return await registry.identify(request.headers.get("authorization", ""))

    @router.post(
        "/events",
        response_model=Stored,
        responses=_problems(
            MalformedStatement,
            UnknownApplication,
            ScopeMissing,
            StatementConflict,
            Overloaded,
            errors.Unavailable,
        ),
        **credentials("learning.write"),
    )
    async def store_events(
        body: Events, access: Annotated[Access, Depends(identified)]
    ) -> Stored | Response:
        """Store a batch of events: all of them, or none. A repeat changes nothing."""
        if access.person is None:
            _check_actors(body)
        found = [event.statement(issuer, access.person) for event in body.events]
        try:
            ids = await statements.store(access, found, [], Version.V2, "/events")
        except Overloaded as error:
            return told_error(error)
        return Stored(stored=len(ids))

    return router


def _check_actors(body: Events) -> None:
    """What an application sends for itself says whose it is. Raises `MalformedStatement`."""
    defects = [
        Defect(f"/events/{index}/actor", "Say whose it is.")
        for index, event in enumerate(body.events)
        if event.actor is None
    ]
    if defects:
        raise MalformedStatement(defects)
