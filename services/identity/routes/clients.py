from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from services.identity.application.clients import DECIDE, OWN, READ, Clients
from services.identity.domain.clients import (
    Client,
    ClientAction,
    ClientActionUnavailable,
    ClientNotFound,
    ClientState,
    NoSecretNeeded,
    OwnClient,
    SecretReplaced,
    TooManySecrets,
    UnfitClient,
)
from services.identity.domain.organisations import OrganisationClosed
from services.identity.problems.organisations import PROBLEMS as ORGANISATION_PROBLEMS
from services.identity.problems.provider import PROBLEMS
from services.identity.schemas.clients import (
    AddSecret,
    ClientDetail,
    ClientSummary,
    ClientView,
    DescribeClient,
    IssuedSecretView,
    RequestClient,
    SecretView,
    SetTerms,
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

problems = declare({**ORGANISATION_PROBLEMS, **PROBLEMS})

READING = (Unauthenticated, Forbidden, Unavailable)
ONE = (*READING, ClientNotFound)
CHANGING = (
    *ONE,
    PreconditionMalformed,
    PreconditionMissing,
    StaleVersion,
    ClientActionUnavailable,
)
Limits = Annotated[PageRequest, Depends(page_limits(default=50, maximum=200))]
Decision = Literal["approve", "reject", "suspend", "resume", "accept", "decline"]


def clients_router(clients: Clients, cursors: Cursors) -> APIRouter:
    """Registered applications and their secrets."""
    router = APIRouter(prefix="/identity/v1/clients", tags=["clients"])

    @router.post(
        "",
        status_code=201,
        summary="申请登记应用",
        response_model=ClientView,
        responses=problems(*READING, NotFound, OrganisationClosed, UnfitClient),
        **guarded(OWN),
    )
    async def request_client(body: RequestClient, caller: Caller, once: Once) -> Response:
        """Ask for an application of an organisation; a security administrator approves it."""
        requested = clients.request(
            caller,
            body.organisation_id,
            body.description,
            body.application_type,
            body.auth_method,
            body.terms,
        )
        return await once.answer(requested, ClientView.of, 201, _created)

    @router.get("", summary="应用列表", responses=problems(*READING, BadCursor), **guarded(READ))
    async def list_clients(
        page: Limits, caller: Caller, state: ClientState | None = None
    ) -> Page[ClientSummary]:
        """Applications of the organisations that the caller's roles reach, the newest first."""
        bound_to = {"list": "clients", "caller": caller.subject, "state": state}
        before = None
        if page.cursor is not None:
            (id_,) = cursors.decode(page.cursor, bound_to)
            before = UUID(str(id_))
        found = await clients.page(caller, state, before, page.limit + 1)
        items = found[: page.limit]
        more = len(found) > page.limit
        return Page(
            items=[ClientSummary.of(each) for each in items],
            next=cursors.encode((str(items[-1].id),), bound_to) if more else None,
        )

    @router.get("/{client_id}", summary="应用详情", responses=problems(*ONE), **guarded(READ))
    async def read_client(client_id: UUID, caller: Caller, response: Response) -> ClientDetail:
        """An application, and what the caller may do to it now."""
        client = await clients.read(caller, client_id)
        response.headers["etag"] = etag(client.version)
        return ClientDetail.describing(client, clients.actions(caller, client))

    @router.put(
        "/{client_id}",
        summary="修改应用说明与地址",
        responses=problems(*CHANGING, UnfitClient),
        **guarded(OWN),
    )
    async def describe_client(
        client_id: UUID, body: DescribeClient, version: IfMatch, caller: Caller, response: Response
    ) -> ClientView:
        """Change what the owner says of it: name, purpose, addresses, public keys. Of one that was
        approved, another name or purpose and further addresses are `proposed`, and hold once a
        security administrator accepts them."""
        client = await clients.describe(caller, client_id, version, body.description)
        response.headers["etag"] = etag(client.version)
        return ClientView.of(client)

    @router.put(
        "/{client_id}/terms",
        summary="设定应用权限",
        responses=problems(*CHANGING, OwnClient, UnfitClient),
        **guarded(DECIDE),
    )
    async def set_client_terms(
        client_id: UUID, body: SetTerms, version: IfMatch, caller: Caller, response: Response
    ) -> ClientView:
        """Change what it may ask for. When it may ask for less, its tokens are void."""
        client = await clients.set_terms(caller, client_id, version, body.terms)
        response.headers["etag"] = etag(client.version)
        return ClientView.of(client)

    @router.post(
        "/{client_id}/retire",
        summary="停用应用",
        response_model=ClientView,
        responses=problems(*CHANGING),
        **guarded(OWN),
    )
    async def retire_client(
        client_id: UUID, version: IfMatch, caller: Caller, once: Once
    ) -> Response:
        """End it for good; its tokens are void."""
        retired = clients.act(caller, client_id, version, ClientAction.RETIRE)
        return await once.answer(retired, ClientView.of, 200, _changed)

    @router.post(
        "/{client_id}/decisions/{decision}",
        summary="审批应用",
        response_model=ClientView,
        responses=problems(*CHANGING, OwnClient),
        **guarded(DECIDE),
    )
    async def decide_client(
        client_id: UUID, decision: Decision, version: IfMatch, caller: Caller, once: Once
    ) -> Response:
        """Approve, reject, suspend or resume it; the tokens of a suspended one are void. Accept or
        decline what its owner proposed: under another name or purpose people are asked anew, and
        refresh tokens of what they agreed to before are void."""
        decided = clients.act(caller, client_id, version, ClientAction(decision))
        return await once.answer(decided, ClientView.of, 200, _changed)

    @router.get(
        "/{client_id}/secrets",
        summary="应用密钥列表",
        responses=problems(*ONE),
        **guarded(READ),
    )
    async def list_client_secrets(client_id: UUID, caller: Caller) -> list[SecretView]:
        """The live secrets, at most two; what they are is not known here."""
        return [SecretView.of(each) for each in await clients.secrets(caller, client_id)]

    @router.post(
        "/{client_id}/secrets",
        status_code=201,
        summary="生成应用密钥",
        responses=problems(*ONE, NoSecretNeeded, SecretReplaced, TooManySecrets),
        **guarded(OWN),
    )
    async def add_client_secret(
        client_id: UUID, body: AddSecret, caller: Caller
    ) -> IssuedSecretView:
        """A new secret, beside the one in use. It is kept nowhere, so a repeat under the same
        Idempotency-Key makes another, or is refused where it ``replaces`` one."""
        added = clients.add_secret(caller, client_id, body.replaces, body.old_ends_in)
        return IssuedSecretView.of(await added)

    @router.delete(
        "/{client_id}/secrets/{secret_id}",
        status_code=204,
        summary="撤销应用密钥",
        responses=problems(*ONE, NotFound),
        **guarded(OWN),
    )
    async def end_client_secret(client_id: UUID, secret_id: UUID, caller: Caller) -> None:
        """Revoke a secret, within five seconds everywhere."""
        await clients.end_secret(caller, client_id, secret_id)

    return router


def _changed(client: Client) -> dict[str, str]:
    return {"etag": etag(client.version)}


def _created(client: Client) -> dict[str, str]:
    return {**_changed(client), "location": f"/identity/v1/clients/{client.id}"}
