"""Composition root: the one place that builds adapters."""

from fastapi import FastAPI

from services.learning.adapters.directory import DirectoryRepository
from services.learning.consumers import Forget, hears
from services.learning.domain import courses_events
from services.learning.parts import archive, assignments, courses, progress, records, spaces
from services.learning.problems import PROBLEMS
from services.learning.settings import Settings
from shared.command import Program
from shared.s3 import S3ObjectStore
from shared.service import Runtime, application
from shared.storage import ObjectStore

EVENTS = {**courses_events.EVENTS}


def create_app(settings: Settings) -> FastAPI:
    forget: list[Forget] = [part.forget for part in (spaces, courses, assignments, archive)]
    runtime = Runtime("learning", settings, hears(DirectoryRepository, forget))
    record_store = records.build(runtime, settings)
    forget.append(record_store.forget)  # in time: no event is heard before the service runs
    homework = assignments.build(runtime, settings, objects=object_store(settings))
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
            homework,
            progress.build(runtime, settings),
            archive.build(runtime, settings, pool=record_store.pool),
        ],
        table=PROBLEMS,
    )
    app.state.records = record_store
    app.state.homework = homework
    return app


def object_store(settings: Settings) -> ObjectStore:
    """The service's own bucket."""
    return S3ObjectStore(
        endpoint=settings.object_store_endpoint,
        origin=settings.object_store_origin,
        access_key=settings.object_store_access_key,
        secret_key=settings.object_store_secret_key.get_secret_value(),
        bucket=settings.object_store_bucket,
    )


PROGRAM = Program("learning", Settings.load, create_app, EVENTS)
