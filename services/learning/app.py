"""Composition root: the one place that builds adapters."""

from fastapi import FastAPI

from services.learning.consumers import HEARS
from services.learning.parts import records
from services.learning.problems import PROBLEMS
from services.learning.settings import Settings
from shared.command import Program
from shared.service import Runtime, application


def create_app(settings: Settings) -> FastAPI:
    runtime = Runtime("learning", settings, HEARS)
    record_store = records.build(runtime, settings)
    app = application(
        runtime,
        title="Shuyuan learning 学习空间",
        description=(
            "Learning spaces, courses, homework, activity records, progress, the growth archive."
        ),
        parts=[record_store],
        table=PROBLEMS,
    )
    app.state.records = record_store
    return app


PROGRAM = Program("learning", Settings.load, create_app)
