"""The courier: sends what is due to webhooks.

It may be killed between any two statements here. What it held is free again when the lease ends,
and an event that was sent but not yet marked is sent once more, with the same id.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import structlog
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.application.webhooks import opened
from gateway.domain.webhooks import Secret, signature
from gateway.domain.webhooks import State as WebhookState
from gateway.domain.webhooks_deliveries import Answer, State, Streak, Verdict, judged
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.encryption import KeyRing, UndecryptableField
from shared.errors import Unavailable
from shared.tasks import end

LEASE = timedelta(seconds=30)
"""Longer than an attempt may take."""

IDLE_SECONDS = 0.5
MEDIA_TYPE = "application/cloudevents+json"

FAULT = Answer(None, "it could not be sent: a fault of the platform / 未能推送：平台内部故障")

ATTEMPTS = Counter("shuyuan_webhook_attempts", "Events sent to webhooks", ["outcome"])

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parcel:
    """One event for one webhook, which nobody else sends to while the `lease` lasts."""

    lease: UUID
    webhook_id: UUID
    organisation_path: str
    url: str
    streak: Streak
    delivery_id: UUID
    attempts: int
    event_id: UUID
    body: bytes
    secrets: tuple[Secret, ...]


class Queue(Protocol):
    async def take(self, now: datetime, lease_until: datetime, limit: int) -> Sequence[Parcel]:
        """What is due, of each webhook one at the most, and of none that another sends to or that
        is to be left alone."""
        ...

    async def settle(self, parcel: Parcel, answer: Answer, verdict: Verdict, now: datetime) -> bool:
        """Whether the lease still held; else nothing is written."""
        ...

    async def end(self, parcel: Parcel, state: WebhookState, now: datetime) -> bool:
        """Whether the webhook was active, at the address that was sent to, and is `state` now."""
        ...


class Sender(Protocol):
    async def send(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        """POST `body`, once, within ten seconds; a failure is an answer too."""
        ...


class Courier:
    """Sends to at most ``lanes`` webhooks at once."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        queue: Callable[[AsyncConnection], Queue],
        sender: Sender,
        keys: KeyRing,
        lanes: int,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._queue = queue
        self._sender = sender
        self._keys = keys
        self._lanes = lanes
        self._clock = clock

    async def run(self) -> None:
        """Send until cancelled."""
        under_way: set[asyncio.Task[None]] = set()
        try:
            while True:
                for parcel in await self._take(self._lanes - len(under_way)):
                    under_way.add(asyncio.create_task(self._carry(parcel)))
                if not under_way:
                    await asyncio.sleep(IDLE_SECONDS)
                    continue
                _done, under_way = await asyncio.wait(
                    under_way, timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
        finally:
            await end(under_way)

    async def send_due(self) -> int:
        """Send what is due now, one event for each webhook; returns how many were sent."""
        parcels = await self._take(self._lanes)
        await asyncio.gather(*map(self._carry, parcels))
        return len(parcels)

    async def _take(self, limit: int) -> Sequence[Parcel]:
        if limit == 0:
            return ()
        now = self._clock()
        async with self._new_uow() as uow:
            parcels = await self._queue(uow.connection).take(now, now + LEASE, limit)
            return await uow.commit(parcels)

    async def _carry(self, parcel: Parcel) -> None:
        """One attempt. Where it cannot be marked, it is made again when the lease ends."""
        webhook = str(parcel.webhook_id)
        try:
            if not await self._made(parcel):
                log.info("the webhook is another's, or gone", webhook=webhook)
        except Unavailable as error:
            log.warning("not marked as sent", webhook=webhook, error=repr(error))
        except Exception:
            log.exception("not marked as sent", webhook=webhook)

    async def _made(self, parcel: Parcel) -> bool:
        """Whether the attempt was marked. One that fails through a fault of ours counts as well:
        else it would be made for ever, and nobody would see it."""
        try:
            return await self._settled(parcel, await self._attempt(parcel))
        except Unavailable:
            raise
        except Exception:
            delivery = str(parcel.delivery_id)
            log.exception("delivery failed", webhook=str(parcel.webhook_id), delivery=delivery)
            return await self._settled(parcel, FAULT)

    async def _attempt(self, parcel: Parcel) -> Answer:
        try:
            secrets = [opened(self._keys, each) for each in parcel.secrets]
        except UndecryptableField:
            return Answer(None, "its secret can no longer be read: rotate it")
        timestamp = int(self._clock().timestamp())
        message_id = str(parcel.event_id)
        headers = {
            "content-type": MEDIA_TYPE,
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(secrets, message_id, timestamp, parcel.body),
        }
        return await self._sender.send(parcel.url, headers, parcel.body)

    async def _settled(self, parcel: Parcel, answer: Answer) -> bool:
        now, jitter = self._clock(), random.random()  # noqa: S311 - spreads repetitions only
        verdict = judged(answer, parcel.attempts + 1, parcel.streak, now, jitter)
        async with self._new_uow() as uow:
            queue = self._queue(uow.connection)
            if not await queue.settle(parcel, answer, verdict, now):
                return False
            if verdict.ends and await queue.end(parcel, verdict.ends, now):
                uow.audit.record(
                    "webhook.ended",
                    str(parcel.webhook_id),
                    organisation=parcel.organisation_path,
                    state=verdict.ends,
                )
            await uow.commit()
        ATTEMPTS.labels(_outcome(verdict)).inc()
        return True


def _outcome(verdict: Verdict) -> str:
    return "failed" if verdict.state is State.PENDING else verdict.state.lower()
