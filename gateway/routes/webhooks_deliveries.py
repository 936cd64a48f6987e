from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from gateway.application.access import INTEGRATE
from gateway.application.webhooks_deliveries import Deliveries
from gateway.domain.webhooks import WebhookNotActive
from gateway.domain.webhooks_deliveries import Delivery, DeliveryNotDead, State
from gateway.problems.webhooks import PROBLEMS
from gateway.schemas.webhooks import DeliveryView, ReplayedEvents, ReplayEvents
from shared.access import guarded
from shared.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from shared.idempotency import Once
from shared.pages import BadCursor, Cursors, Page, PageRequest, page_limits
from shared.principal import Caller
from shared.problems import declare

problems = declare(PROBLEMS)

PREFIX = "/gateway/v1/webhooks/{webhook_id}"
READING = (Unauthenticated, Forbidden, NotFound, Unavailable)

Limits = Annotated[PageRequest, Depends(page_limits(default=50, maximum=200))]


def webhooks_deliveries_router(deliveries: Deliveries, cursors: Cursors) -> APIRouter:
    """What was, is and shall be sent to a webhook (推送记录)."""
    router = APIRouter(prefix=PREFIX, tags=["webhooks"])

    @router.get(
        "/deliveries",
        summary="推送记录列表",
        responses=problems(*READING, BadCursor),
        **guarded(INTEGRATE),
    )
    async def list_webhook_deliveries(
        webhook_id: UUID,
        page: Limits,
        caller: Caller,
        state: Annotated[State | None, Query(description="DEAD: the dead letters.")] = None,
    ) -> Page[DeliveryView]:
        """The newest first; they are kept for a month."""
        bound_to = {"list": "deliveries", "webhook": str(webhook_id), "state": state}
        before = None
        if page.cursor is not None:
            (position,) = cursors.decode(page.cursor, bound_to)
            before = UUID(str(position))
        found = await deliveries.page(caller, webhook_id, state, page.limit + 1, before)
        items = found[: page.limit]
        last = items[-1] if len(found) > page.limit else None
        return Page(
            items=[DeliveryView.of(each) for each in items],
            next=last and cursors.encode((str(last.id),), bound_to),
        )

    @router.get(
        "/deliveries/{delivery_id}",
        summary="推送记录详情",
        responses=problems(*READING),
        **guarded(INTEGRATE),
    )
    async def read_webhook_delivery(
        webhook_id: UUID, delivery_id: UUID, caller: Caller
    ) -> DeliveryView:
        """How it stands with one event."""
        return DeliveryView.of(await deliveries.get(caller, webhook_id, delivery_id))

    @router.post(
        "/deliveries/{delivery_id}/retry",
        status_code=202,
        summary="重试死信",
        response_model=DeliveryView,
        responses=problems(*READING, WebhookNotActive, DeliveryNotDead),
        **guarded(INTEGRATE),
    )
    async def retry_webhook_delivery(
        webhook_id: UUID, delivery_id: UUID, caller: Caller, once: Once
    ) -> Response:
        """Send a dead letter once more, with all its repetitions."""
        revived = deliveries.retry(caller, webhook_id, delivery_id)
        return await once.answer(revived, DeliveryView.of, 202, _located)

    @router.post(
        "/replay",
        status_code=202,
        summary="重放事件",
        response_model=ReplayedEvents,
        responses=problems(*READING, WebhookNotActive),
        **guarded(INTEGRATE),
    )
    async def replay_webhook_events(
        webhook_id: UUID, body: ReplayEvents, caller: Caller, once: Once
    ) -> Response:
        """Send recorded events of its types once more, in order, each with its own
        ``webhook-id``: up to 10,000 a request, and of the last month."""
        replayed = deliveries.replay(caller, webhook_id, body.start())
        return await once.answer(replayed, ReplayedEvents.of, 202)

    @router.post(
        "/test",
        status_code=202,
        summary="发送测试事件",
        response_model=DeliveryView,
        responses=problems(*READING, WebhookNotActive),
        **guarded(INTEGRATE),
    )
    async def test_webhook(webhook_id: UUID, caller: Caller, once: Once) -> Response:
        """Send it an event of the type ``gateway.webhook.pinged.v1``; the delivery tells what
        became of it."""
        return await once.answer(
            deliveries.test(caller, webhook_id), DeliveryView.of, 202, _located
        )

    return router


def _located(delivery: Delivery) -> dict[str, str]:
    prefix = PREFIX.format(webhook_id=delivery.webhook_id)
    return {"location": f"{prefix}/deliveries/{delivery.id}"}
