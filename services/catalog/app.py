"""Composition root: the one place that builds adapters."""

from fastapi import FastAPI

from services.catalog.consumers import HEARS
from services.catalog.problems import PROBLEMS
from services.catalog.settings import Settings
from shared.command import Program
from shared.service import Runtime, application


def create_app(settings: Settings) -> FastAPI:
    runtime = Runtime("catalog", settings, HEARS)
    return application(
        runtime,
        title="Shuyuan catalog 资源目录",
        description="Vocabularies, uploads, resources and their versions, review, search.",
        parts=[],
        table=PROBLEMS,
    )


PROGRAM = Program("catalog", Settings.load, create_app)
