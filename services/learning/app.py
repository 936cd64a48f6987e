"""Composition root: the one place that builds adapters."""

from fastapi import FastAPI

from services.learning.adapters.directory import DirectoryRepository
from services.learning.consumers import hears
from services.learning.domain import courses_events
from services.learning.parts import courses, records, spaces
from services.learning.problems import PROBLEMS
from services.learning.settings import Settings
from shared.command import Program
from shared.service import Runtime, application

EVENTS = {**courses_events.EVENTS}


def create_app(settings: Settings) -> FastAPI:
    heard = hears(DirectoryRepository, [spaces.forget, courses.forget])
    runtime = Runtime("learning", settings, heard)
    record_store = records.build(runtime, settings)
    app = application(
        runtime,
        title="Shuyuan learning 学习空间",
        description=(
            "Learning spaces, courses, homework, activity records, progress, the growth archive."
        ),
        parts=[
            record_store,
            spaces.build(runtime, settings),
            courses.build(runtime, settings, pool=record_store.pool),
        ],
        table=PROBLEMS,
    )
    app.state.records = record_store
    return app


PROGRAM = Program("learning", Settings.load, create_app, EVENTS)
