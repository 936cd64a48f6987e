"""Composition root: the one place that builds adapters."""

from fastapi import FastAPI

from gateway.consumers import HEARS
from gateway.parts import checkpoint, components, contract
from gateway.problems import PROBLEMS
from gateway.routes.checkpoint import CheckpointEdge
from gateway.settings import Settings
from shared.command import Program
from shared.service import Runtime, application


def create_app(settings: Settings) -> FastAPI:
    runtime = Runtime("gateway", settings, HEARS)
    app = application(
        runtime,
        title="Shuyuan gateway 开放接口",
        description="What applications are allowed and have used, and what they are told of.",
        parts=[components.build(settings.components), contract.build()],
        table=PROBLEMS,
    )
    decides = checkpoint.build(runtime, settings)
    app.add_middleware(CheckpointEdge, checkpoint=decides, proxies=settings.trusted_proxies)
    return app


PROGRAM = Program("gateway", Settings.load, create_app)
