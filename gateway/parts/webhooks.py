from datetime import timedelta

import orjson

from gateway.adapters.webhooks import WebhookRepository
from gateway.adapters.webhooks_deliveries import DeliveryQueue, DeliveryRepository
from gateway.adapters.webhooks_sender import WebhookSender
from gateway.application.webhooks import Webhooks
from gateway.application.webhooks_courier import Courier
from gateway.application.webhooks_deliveries import Deliveries
from gateway.application.webhooks_sweeping import WebhookSweeper
from gateway.domain.webhooks_types import TYPES
from gateway.problems.webhooks import PROBLEMS
from gateway.routes.webhooks import webhooks_router
from gateway.routes.webhooks_deliveries import webhooks_deliveries_router
from gateway.settings import Settings
from shared.egress import EgressPolicy, Resolver, parse_networks, resolve_by_system
from shared.encryption import KeyRing
from shared.events import SCHEMAS
from shared.pages import Cursors
from shared.service import Part, Runtime

ANSWER_BYTES = 64 << 10
SECONDS = 10.0


def build(runtime: Runtime, settings: Settings, resolve: Resolver = resolve_by_system) -> Part:
    """Signed webhooks: their owners' side, and the courier that sends."""
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    cursors = Cursors(keys.derive("cursors"))
    new_uow, clock = runtime.new_uow, runtime.clock
    sender = webhook_sender(runtime, settings, resolve)
    webhooks = Webhooks(new_uow, WebhookRepository, sender, keys, clock)
    deliveries = Deliveries(new_uow, WebhookRepository, DeliveryRepository, clock)
    courier = Courier(new_uow, DeliveryQueue, sender, keys, settings.webhook_lanes, clock)
    kept_for = timedelta(days=settings.webhook_retention_days)
    sweeper = WebhookSweeper(new_uow, DeliveryRepository, kept_for, clock)
    schemas = {name: orjson.loads((SCHEMAS / f"{name}.json").read_bytes()) for name in TYPES}
    return Part(
        routers=[
            webhooks_router(webhooks, schemas, cursors),
            webhooks_deliveries_router(deliveries, cursors),
        ],
        table=PROBLEMS,
        tasks={"webhook-courier": courier.run, "webhook-sweeper": sweeper.run},
    )


def webhook_sender(runtime: Runtime, settings: Settings, resolve: Resolver) -> WebhookSender:
    policy = EgressPolicy(
        parse_networks(settings.webhook_networks),
        frozenset(map(int, settings.webhook_ports.split(","))),
        ANSWER_BYTES,
        SECONDS,
    )
    return WebhookSender(policy, resolve, runtime.clock, plain_http=settings.webhook_plain_http)
