from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from gateway.application.access import INTEGRATE
from gateway.application.webhooks import Disclosed, Webhooks
from gateway.domain.webhooks import TooManyWebhooks, WebhookRefused
from gateway.domain.webhooks_types import TYPES
from gateway.problems.webhooks import PROBLEMS
from gateway.schemas.webhooks import (
    ChangeWebhook,
    CreateWebhook,
    DisclosedWebhook,
    EventTypes,
    EventTypeView,
    RotatedSecret,
    WebhookView,
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
from shared.etags import NOT_MODIFIED, IfMatch, IfNoneMatch, conditional, etag
from shared.idempotency import Once
from shared.pages import BadCursor, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller
from shared.problems import declare

problems = declare(PROBLEMS)

PREFIX = "/gateway/v1/webhooks"
READING = (Unauthenticated, Forbidden, NotFound, Unavailable)
CONDITIONAL = (PreconditionMalformed, PreconditionMissing, StaleVersion)

Limits = Annotated[PageRequest, Depends(page_limits())]


def webhooks_router(
    webhooks: Webhooks, schemas: Mapping[str, Mapping[str, Any]], cursors: Cursors
) -> APIRouter:
    """Webhooks (事件推送). ``schemas`` are those of the events' data, by type."""
    router = APIRouter(tags=["webhooks"])
    offered = EventTypes(
        items=[EventTypeView.of(name, kind, schemas[name]) for name, kind in TYPES.items()]
    )

    @router.get("/gateway/v1/event-types", summary="可订阅的事件类型", **public())
    async def list_event_types() -> EventTypes:
        """What may be subscribed to, with the scope that it asks for."""
        return offered

    @router.post(
        PREFIX,
        status_code=201,
        summary="新建推送订阅",
        response_model=DisclosedWebhook,
        responses=problems(
            Unauthenticated, Forbidden, Unavailable, WebhookRefused, TooManyWebhooks
        ),
        **guarded(INTEGRATE),
    )
    async def create_webhook(body: CreateWebhook, caller: Caller, once: Once) -> Response:
        """Be told of events from now on. Each is POSTed as a CloudEvent in JSON, signed after
        Standard Webhooks, within two seconds; what does not answer 2xx is repeated for over a
        day. The receiver may get an event more than once, with the same ``webhook-id``."""
        made = webhooks.create(caller, body.draft())
        return await once.answer(made, DisclosedWebhook.disclosed, 201, _located)

    @router.get(
        PREFIX,
        summary="推送订阅列表",
        responses=problems(Unauthenticated, Forbidden, Unavailable, BadCursor),
        **guarded(INTEGRATE),
    )
    async def list_webhooks(page: Limits, caller: Caller) -> Page[WebhookView]:
        """Those of the calling application; for a person, those kept where the person's roles
        count. The newest first."""
        bound_to = {"list": "webhooks", "of": caller.subject}
        before = None
        if page.cursor is not None:
            (position,) = cursors.decode(page.cursor, bound_to)
            before = UUID(str(position))
        found = await webhooks.page(caller, page.limit + 1, before)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[WebhookView.of(each) for each in items],
            next=last and cursors.encode((str(last.id),), bound_to),
        )

    @router.get(
        PREFIX + "/{webhook_id}",
        summary="推送订阅详情",
        response_model=WebhookView,
        responses={**NOT_MODIFIED, **problems(*READING)},
        **guarded(INTEGRATE),
    )
    async def read_webhook(
        webhook_id: UUID, caller: Caller, if_none_match: IfNoneMatch = None
    ) -> Response:
        """Without its secret, which is shown once."""
        found = await webhooks.get(caller, webhook_id)
        return conditional(WebhookView.of(found), found.version, if_none_match)

    @router.patch(
        PREFIX + "/{webhook_id}",
        summary="修改推送订阅",
        responses=problems(*READING, *CONDITIONAL, WebhookRefused),
        **guarded(INTEGRATE),
    )
    async def change_webhook(
        webhook_id: UUID,
        body: ChangeWebhook,
        version: IfMatch,
        caller: Caller,
        response: Response,
    ) -> WebhookView:
        """What happens while it is not ACTIVE is not queued for it: replay it."""
        changed = await webhooks.change(caller, webhook_id, version, body.fields)
        response.headers["etag"] = etag(changed.version)
        return WebhookView.of(changed)

    @router.delete(
        PREFIX + "/{webhook_id}",
        status_code=204,
        summary="删除推送订阅",
        responses=problems(*READING, *CONDITIONAL),
        **guarded(INTEGRATE),
    )
    async def delete_webhook(webhook_id: UUID, version: IfMatch, caller: Caller) -> None:
        """With all that is queued for it."""
        await webhooks.delete(caller, webhook_id, version)

    @router.post(
        PREFIX + "/{webhook_id}/secret-rotations",
        status_code=201,
        summary="更换签名密钥",
        response_model=RotatedSecret,
        responses=problems(*READING),
        **guarded(INTEGRATE),
    )
    async def rotate_webhook_secret(webhook_id: UUID, caller: Caller, once: Once) -> Response:
        """A new secret. For 24 hours what is sent bears two signatures, of the new one and of the
        one before."""
        return await once.answer(webhooks.rotate(caller, webhook_id), RotatedSecret.of, 201)

    return router


def _located(made: Disclosed) -> dict[str, str]:
    return {"location": f"{PREFIX}/{made.webhook.id}", "etag": etag(made.webhook.version)}
