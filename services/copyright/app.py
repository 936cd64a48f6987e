"""Composition root: the one place that builds adapters."""

from fastapi import FastAPI

from services.copyright.consumers import HEARS
from services.copyright.problems import PROBLEMS
from services.copyright.settings import Settings
from shared.command import Program
from shared.service import Runtime, application


def create_app(settings: Settings) -> FastAPI:
    runtime = Runtime("copyright", settings, HEARS)
    return application(
        runtime,
        title="Shuyuan copyright 版权存证",
        description="Registrations, licences, the transparency log and its evidence.",
        parts=[],
        table=PROBLEMS,
    )


PROGRAM = Program("copyright", Settings.load, create_app)
