"""Composition root: the one place that builds adapters."""

from fastapi import FastAPI

from services.identity.consumers import HEARS
from services.identity.problems import PROBLEMS
from services.identity.settings import Settings
from shared.command import Program
from shared.service import Runtime, application


def create_app(settings: Settings) -> FastAPI:
    runtime = Runtime("identity", settings, HEARS)
    return application(
        runtime,
        title="Shuyuan identity 统一身份",
        description="People, organisations, roles, consent, and the OpenID provider.",
        routers=[],
        table=PROBLEMS,
    )


PROGRAM = Program("identity", Settings.load, create_app)
