"""Pages of an application's webhooks: subscribing, what became of what was sent, sending again."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from gateway.application.portal import PortalSessions, Visitor
from gateway.application.portal_desk import Desk
from gateway.application.webhooks import Webhooks
from gateway.application.webhooks_deliveries import Deliveries, Start
from gateway.domain.webhooks import State, Webhook, WebhookRefused
from gateway.domain.webhooks_deliveries import State as DeliveryState
from gateway.domain.webhooks_types import TYPES
from gateway.portal import Form, FormRefused, PageRoutes, Pages
from gateway.routes.portal import DESK
from gateway.routes.portal_fields import chosen, client_id_of, identifier, sent, sent_before
from gateway.schemas.webhooks import CreateWebhook
from shared.clock import Clock
from shared.defects import defects
from shared.errors import NotFound

ALL = f"{DESK}/{{client_id}}/webhooks"
ONE = f"{ALL}/{{webhook_id}}"
REPLAYED_HOURS = (1, 24, 168)
MOST_DEAD = 50
MOST_RECENT = 20
_SET = {State.ACTIVE.value: State.ACTIVE, State.PAUSED.value: State.PAUSED}
_EMPTY = Form({})


class WebhookPages:
    def __init__(
        self,
        pages: Pages,
        sessions: PortalSessions,
        desk: Desk,
        webhooks: Webhooks,
        deliveries: Deliveries,
        clock: Clock,
    ) -> None:
        self._pages = pages
        self._sessions = sessions
        self._desk = desk
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._clock = clock

    def router(self) -> APIRouter:
        routes = PageRoutes(self._pages, self._sessions)
        routes.signed_in(ALL, self._new)
        routes.post(ALL, self._create)
        routes.signed_in(ONE, self._show)
        routes.post(f"{ONE}/state", self._set)
        routes.post(f"{ONE}/test", self._test)
        routes.post(f"{ONE}/retry", self._retry)
        routes.post(f"{ONE}/replay", self._replay)
        routes.post(f"{ONE}/delete", self._delete)
        return routes.router

    async def _new(self, request: Request, visitor: Visitor) -> Response:
        return await self._form(request, visitor, _EMPTY)

    async def _create(self, request: Request, visitor: Visitor, form: Form) -> Response:
        owner = await self._desk.subscriber(visitor, client_id_of(request))

        async def create() -> str:
            made = await self._webhooks.create(visitor.principal, _wanted(form).draft(), owner)
            return f"{made.webhook.id} {made.secret}"

        try:
            made = await self._sessions.once(visitor, sent(request, form), create)
        except ValidationError as invalid:
            return await self._form(request, visitor, form, 422, _defects(invalid))
        except WebhookRefused as refused:
            return await self._form(request, visitor, form, 422, refused.members["errors"])
        if made is None:
            return await self._form(request, visitor, _EMPTY, 409, [{"detail": sent_before()}])
        webhook_id, secret = made.split(" ")
        webhook = await self._webhooks.get(visitor.principal, UUID(webhook_id))
        return await self._page(request, visitor, webhook, secret)

    async def _show(self, request: Request, visitor: Visitor) -> Response:
        return await self._page(request, visitor, await self._one(request, visitor))

    async def _set(self, request: Request, visitor: Visitor, form: Form) -> Response:
        webhook = await self._one(request, visitor)
        if (state := _SET.get(form.one("state"))) is None:
            raise FormRefused("Choose one of the offered states.", zh="请选择表单中提供的选项。")
        changed = {"state": state}
        await self._webhooks.change(visitor.principal, webhook.id, webhook.version, changed)
        return self._pages.redirect(_address(webhook))

    async def _test(self, request: Request, visitor: Visitor, _form: Form) -> Response:
        webhook = await self._one(request, visitor)
        await self._deliveries.test(visitor.principal, webhook.id)
        return self._pages.redirect(_address(webhook))

    async def _retry(self, request: Request, visitor: Visitor, form: Form) -> Response:
        webhook = await self._one(request, visitor)
        delivery_id = UUID(identifier(form.one("delivery")))
        await self._deliveries.retry(visitor.principal, webhook.id, delivery_id)
        return self._pages.redirect(_address(webhook))

    async def _replay(self, request: Request, visitor: Visitor, form: Form) -> Response:
        webhook = await self._one(request, visitor)
        since = self._clock() - timedelta(hours=chosen(form, "hours", REPLAYED_HOURS))
        await self._deliveries.replay(visitor.principal, webhook.id, Start(0, since))
        return self._pages.redirect(_address(webhook))

    async def _delete(self, request: Request, visitor: Visitor, _form: Form) -> Response:
        webhook = await self._one(request, visitor)
        await self._webhooks.delete(visitor.principal, webhook.id, webhook.version)
        return self._pages.redirect(f"{DESK}/{webhook.client}")

    async def _one(self, request: Request, visitor: Visitor) -> Webhook:
        """Raises `NotFound`."""
        webhook_id = UUID(identifier(request.path_params["webhook_id"]))
        webhook = await self._webhooks.get(visitor.principal, webhook_id)
        if webhook.client != client_id_of(request):
            raise NotFound
        return webhook

    async def _form(
        self,
        request: Request,
        visitor: Visitor,
        form: Form,
        status: int = 200,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> Response:
        owner = await self._desk.subscriber(visitor, client_id_of(request))
        return self._render(
            request,
            visitor,
            "subscribe.html",
            status,
            client_id=owner.client,
            types=[name for name, kind in TYPES.items() if kind.scope in owner.scopes],
            form=form,
            errors=errors,
            once=str(uuid4()),
        )

    async def _page(
        self, request: Request, visitor: Visitor, webhook: Webhook, new_secret: str = ""
    ) -> Response:
        caller = visitor.principal
        return self._render(
            request,
            visitor,
            "webhook.html",
            webhook=webhook,
            here_address=_address(webhook),
            new_secret=new_secret,
            dead=await self._deliveries.page(
                caller, webhook.id, DeliveryState.DEAD, MOST_DEAD, None
            ),
            recent=await self._deliveries.page(caller, webhook.id, None, MOST_RECENT, None),
            replayed=REPLAYED_HOURS,
        )

    def _render(
        self, request: Request, visitor: Visitor, template: str, status: int = 200, **context: Any
    ) -> Response:
        return self._pages.render(
            request,
            template,
            status,
            session=visitor.secret,
            here="applications",
            account=visitor.name,
            **context,
        )


def _address(webhook: Webhook) -> str:
    return ONE.format(client_id=webhook.client, webhook_id=webhook.id)


def _wanted(form: Form) -> CreateWebhook:
    """Raises `ValidationError`."""
    return CreateWebhook(
        name=form.one("name"), url=form.one("url"), event_types=list(form.all("event_types"))
    )


def _defects(invalid: ValidationError) -> list[dict[str, str]]:
    """As the interface tells them."""
    found = [{**each, "loc": ("body", *each["loc"])} for each in invalid.errors()]
    return defects(RequestValidationError(found))
