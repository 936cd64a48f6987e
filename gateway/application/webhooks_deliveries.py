"""What was, is and shall be sent to a webhook."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.application.webhooks import WebhookStore, found, note
from gateway.domain.webhooks import Webhook
from gateway.domain.webhooks_deliveries import Delivery, DeliveryNotDead, State
from gateway.domain.webhooks_types import PING
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import NotFound
from shared.events import Envelope
from shared.ids import uuid7
from shared.principal import Principal

MOST_REPLAYED = 10_000
"""Events that one request queues; `Replayed.through` is where the next goes on."""


class Start(NamedTuple):
    """Events behind the position `after`, or recorded at `since` or later."""

    after: int
    since: datetime | None


class Replayed(NamedTuple):
    """``queued`` events wait to be sent once more, without those that waited already; ``through``
    is the position of the last that was looked at, and ``more`` says whether others follow it."""

    queued: int
    through: int | None
    more: bool


class DeliveryStore(Protocol):
    async def page(
        self, webhook_id: UUID, state: State | None, limit: int, before: UUID | None
    ) -> Sequence[Delivery]:
        """The newest first."""
        ...

    async def get(self, webhook_id: UUID, delivery_id: UUID) -> Delivery | None: ...

    async def revive(self, delivery_id: UUID, now: datetime) -> None:
        """Due now, as if it had never been tried. Raises `DeliveryNotDead` where the same event
        waits for the same webhook."""
        ...

    async def replay(
        self, webhook_id: UUID, types: Sequence[str], start: Start, limit: int, now: datetime
    ) -> Replayed:
        """Whatever is being recorded for the webhook meanwhile is either replayed or queued by
        its recording, never both and never neither."""
        ...

    async def queue(self, webhook_id: UUID, event: Envelope, now: datetime) -> UUID:
        """Record `event` for this webhook alone; returns the id of the delivery."""
        ...


class Deliveries:
    """Each raises `NotFound` for what the caller does not reach."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        webhooks: Callable[[AsyncConnection], WebhookStore],
        deliveries: Callable[[AsyncConnection], DeliveryStore],
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._clock = clock

    async def page(
        self,
        caller: Principal,
        webhook_id: UUID,
        state: State | None,
        limit: int,
        before: UUID | None,
    ) -> Sequence[Delivery]:
        async with self._new_uow() as uow:
            found(await self._webhooks(uow.connection).get(webhook_id), caller)
            return await self._deliveries(uow.connection).page(webhook_id, state, limit, before)

    async def get(self, caller: Principal, webhook_id: UUID, delivery_id: UUID) -> Delivery:
        async with self._new_uow() as uow:
            found(await self._webhooks(uow.connection).get(webhook_id), caller)
            return await self._one(uow, webhook_id, delivery_id)

    async def retry(self, caller: Principal, webhook_id: UUID, delivery_id: UUID) -> Delivery:
        """Send a dead letter once more, with all its repetitions. Raises `WebhookNotActive`,
        `DeliveryNotDead`."""
        async with self._new_uow() as uow:
            webhook = await self._active(uow, caller, webhook_id)
            delivery = await self._one(uow, webhook_id, delivery_id)
            if delivery.state is not State.DEAD:
                raise DeliveryNotDead(
                    "Only a dead letter is retried; replay sends what was delivered once more.",
                    zh="仅死信可以重试；已送达的事件请使用重放。",
                )
            await self._deliveries(uow.connection).revive(delivery_id, self._clock())
            await self._webhooks(uow.connection).resume(webhook_id)
            note(uow, "delivery_retried", webhook)
            return await uow.commit(await self._one(uow, webhook_id, delivery_id))

    async def replay(self, caller: Principal, webhook_id: UUID, start: Start) -> Replayed:
        """Send recorded events of its types once more, in order, with their own ids. Raises
        `WebhookNotActive`."""
        async with self._new_uow() as uow:
            webhook = await self._active(uow, caller, webhook_id)
            replayed = await self._deliveries(uow.connection).replay(
                webhook_id, webhook.told, start, MOST_REPLAYED, self._clock()
            )
            note(uow, "replayed", webhook)
            return await uow.commit(replayed)

    async def test(self, caller: Principal, webhook_id: UUID) -> Delivery:
        """Send a ping to it, and to no other. Raises `WebhookNotActive`."""
        async with self._new_uow() as uow:
            webhook = await self._active(uow, caller, webhook_id)
            now = self._clock()
            data = {"webhook_id": str(webhook_id)}
            ping = Envelope(uuid7(), "/gateway", PING, str(webhook_id), now, data)
            delivery_id = await self._deliveries(uow.connection).queue(webhook_id, ping, now)
            note(uow, "tested", webhook)
            return await uow.commit(await self._one(uow, webhook_id, delivery_id))

    async def _active(self, uow: UnitOfWork, caller: Principal, webhook_id: UUID) -> Webhook:
        webhook = found(await self._webhooks(uow.connection).locked(webhook_id), caller)
        webhook.check_active()
        return webhook

    async def _one(self, uow: UnitOfWork, webhook_id: UUID, delivery_id: UUID) -> Delivery:
        delivery = await self._deliveries(uow.connection).get(webhook_id, delivery_id)
        if delivery is None:
            raise NotFound("The webhook has no such delivery.", zh="该订阅没有这条推送。")
        return delivery
