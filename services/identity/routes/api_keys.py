from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path

from services.identity.application.api_keys import (
    INTROSPECT,
    ApiKeys,
    LifeTooLong,
    ScopesNotOpen,
)
from services.identity.application.clients import OWN, READ
from services.identity.domain.clients import ClientNotFound
from services.identity.problems.provider import PROBLEMS
from services.identity.schemas.api_keys import (
    ApiKeyIntrospection,
    ApiKeyToken,
    ApiKeyView,
    IssueApiKey,
    IssuedApiKeyView,
    LookUpApiKey,
)
from shared.access import guarded
from shared.codes import ALPHABET
from shared.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from shared.pages import BadCursor, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller
from shared.problems import declare

problems = declare(PROBLEMS)

ONE = (Unauthenticated, Forbidden, Unavailable, ClientNotFound)
KeyId = Annotated[str, Path(pattern=f"^[{ALPHABET}]{{8}}$", examples=["7K3M9QXB"])]
Limits = Annotated[PageRequest, Depends(page_limits(default=50, maximum=200))]


def api_keys_router(api_keys: ApiKeys, cursors: Cursors) -> APIRouter:
    """The keys of an application, and what the gateway asks about them."""
    router = APIRouter(prefix="/identity/v1", tags=["clients"])

    @router.post(
        "/clients/{client_id}/api-keys",
        status_code=201,
        summary="生成接口密钥",
        responses=problems(*ONE, ScopesNotOpen, LifeTooLong),
        **guarded(OWN),
    )
    async def issue_api_key(client_id: UUID, body: IssueApiKey, caller: Caller) -> IssuedApiKeyView:
        """A new key. It is kept nowhere, so a repeat under the same Idempotency-Key makes
        another."""
        return IssuedApiKeyView.issued(
            await api_keys.issue(
                caller, client_id, body.name, frozenset(body.scopes), body.expires_at
            )
        )

    @router.get(
        "/clients/{client_id}/api-keys",
        summary="接口密钥列表",
        responses=problems(*ONE, BadCursor),
        **guarded(READ),
    )
    async def list_api_keys(client_id: UUID, page: Limits, caller: Caller) -> Page[ApiKeyView]:
        """The keys of an application, revoked and expired ones too, the newest first."""
        bound_to = {"list": "api keys", "client": str(client_id)}
        before = None
        if page.cursor is not None:
            at, id_ = cursors.decode(page.cursor, bound_to)
            before = datetime.fromisoformat(str(at)), str(id_)
        found = await api_keys.page(caller, client_id, before, page.limit + 1)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[ApiKeyView.of(each) for each in items],
            next=last and cursors.encode((last.created_at.isoformat(), last.id), bound_to),
        )

    @router.delete(
        "/clients/{client_id}/api-keys/{key_id}",
        status_code=204,
        summary="撤销接口密钥",
        responses=problems(*ONE, NotFound),
        **guarded(OWN),
    )
    async def revoke_api_key(client_id: UUID, key_id: KeyId, caller: Caller) -> None:
        """End a key: nothing is given for it any more, and within a minute it opens nothing
        anywhere. Revoking it again changes nothing."""
        await api_keys.revoke(caller, client_id, key_id)

    @router.post(
        "/api-keys/introspect",
        summary="查验接口密钥",
        responses=problems(Unauthenticated, Forbidden, Unavailable),
        **guarded(INTROSPECT),
    )
    async def introspect_api_key(body: LookUpApiKey) -> ApiKeyIntrospection:
        """Whose key it is and what it opens; for the gateway. Its use is noted."""
        return ApiKeyIntrospection.of(await api_keys.look_up(body.key))

    @router.post(
        "/api-keys/exchange",
        summary="以接口密钥换取令牌",
        responses=problems(Unauthenticated, Forbidden, Unavailable),
        **guarded(INTROSPECT),
    )
    async def exchange_api_key(body: LookUpApiKey) -> ApiKeyToken:
        """The access token that takes the key's place behind the gateway; for the gateway alone."""
        return ApiKeyToken.exchanged(await api_keys.exchange(body.key))

    return router
