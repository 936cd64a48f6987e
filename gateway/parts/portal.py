"""The developer portal: guide, reference, and what integrators do for their applications."""

from functools import partial

import httpx2

from gateway.adapters.applications import ApplicationRows
from gateway.adapters.portal_identity import CLIENT_ID, SCOPES, PortalIdentity
from gateway.adapters.portal_sessions import PortalSessionRows
from gateway.adapters.usage import UsageRows
from gateway.adapters.webhooks import WebhookRepository
from gateway.adapters.webhooks_deliveries import DeliveryRepository
from gateway.application.portal import PortalSessions
from gateway.application.portal_desk import Desk
from gateway.application.quotas import Quotas
from gateway.application.usage import Usage
from gateway.application.webhooks import Webhooks
from gateway.application.webhooks_deliveries import Deliveries
from gateway.parts.webhooks import webhook_sender
from gateway.portal import Cookies, Forms, Pages
from gateway.problems.portal import PROBLEMS
from gateway.problems.webhooks import PROBLEMS as WEBHOOK_PROBLEMS
from gateway.routes.portal import PortalPages
from gateway.routes.portal_applications import ApplicationPages
from gateway.routes.portal_webhooks import WebhookPages
from gateway.settings import Settings
from shared.egress import resolve_by_system
from shared.encryption import KeyRing
from shared.service import Part, Runtime


def build(
    runtime: Runtime,
    settings: Settings,
    quotas: Quotas,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> Part:
    """``transport`` leads to identity; tests have one of their own."""
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    new_uow, clock, origin = runtime.new_uow, runtime.clock, settings.public_origin
    identity = PortalIdentity(
        settings.identity_url,
        f"{origin}/docs/callback",
        settings.identity_secret.get_secret_value(),
        clock,
        transport,
    )
    sessions = PortalSessions(
        new_uow, partial(PortalSessionRows, keys=keys), identity, runtime.verifier.verify, clock
    )
    usage = Usage(
        ApplicationRows(runtime.reader),
        UsageRows(new_uow, runtime.reader),
        quotas,
        clock,
    )
    sender = webhook_sender(runtime, settings, resolve_by_system)
    webhooks = Webhooks(new_uow, WebhookRepository, sender, keys, clock)
    deliveries = Deliveries(new_uow, WebhookRepository, DeliveryRepository, clock)
    table = {**PROBLEMS, **WEBHOOK_PROBLEMS}
    pages = Pages(Cookies(origin), Forms(origin, keys.derive("portal-forms")), table, origin)
    ways_in = PortalPages(
        pages,
        sessions,
        keys,
        clock,
        issuer=settings.issuer,
        public_origin=origin,
        client_id=CLIENT_ID,
        scopes=SCOPES,
    )
    desk = Desk(identity, usage, webhooks)
    applications = ApplicationPages(pages, sessions, identity, desk, clock)
    hooks = WebhookPages(pages, sessions, desk, webhooks, deliveries, clock)
    return Part(
        routers=[ways_in.router(), applications.router(), hooks.router()],
        table=PROBLEMS,
        tasks={"portal-sweeper": sessions.run},
    )
