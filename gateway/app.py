"""Composition root: the one place that builds adapters."""

from fastapi import FastAPI

from gateway.adapters.applications import ApplicationNotes
from gateway.adapters.webhooks import WebhookEventRepository
from gateway.consumers import hears
from gateway.parts import checkpoint, components, contract, portal, usage, webhooks
from gateway.problems import PROBLEMS
from gateway.routes.checkpoint import CheckpointEdge
from gateway.settings import Settings
from shared.command import Program
from shared.service import Runtime, application

HEARS = hears(WebhookEventRepository, ApplicationNotes)


def create_app(settings: Settings) -> FastAPI:
    runtime = Runtime("gateway", settings, HEARS)
    quotas = checkpoint.quotas(runtime, settings)
    app = application(
        runtime,
        title="Shuyuan gateway 开放接口",
        description="What applications are allowed and have used, and what they are told of.",
        parts=[
            components.build(settings.components),
            contract.build(),
            usage.build(runtime, settings, quotas),
            webhooks.build(runtime, settings),
            portal.build(runtime, settings, quotas),
        ],
        table=PROBLEMS,
    )
    decides = checkpoint.build(runtime, settings, quotas)
    app.add_middleware(CheckpointEdge, checkpoint=decides)
    return app


PROGRAM = Program("gateway", Settings.load, create_app)
