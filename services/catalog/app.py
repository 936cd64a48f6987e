"""Composition root: builds the parts, in the order in which they rest on one another."""

from fastapi import FastAPI

from services.catalog.adapters.inspections import InspectionQueue
from services.catalog.adapters.objects import object_store
from services.catalog.adapters.organisations import OrganisationRepository
from services.catalog.application.checks import Thresholds
from services.catalog.consumers import hears
from services.catalog.domain import inspection_events, uploads_events
from services.catalog.parts import (
    collections,
    inspection,
    intake,
    resources,
    scrubbing,
    uploads,
    vocabularies,
)
from services.catalog.parts.scrubbing import scrub
from services.catalog.problems import PROBLEMS
from services.catalog.settings import Settings
from shared.command import Program
from shared.service import Runtime, application

EVENTS = {**uploads_events.EVENTS, **inspection_events.EVENTS}


def create_app(settings: Settings) -> FastAPI:
    runtime = Runtime("catalog", settings, hears(OrganisationRepository))
    objects = object_store(settings)
    terms = vocabularies.build(runtime, settings)
    thresholds = Thresholds(settings.near_duplicate_containment, settings.near_duplicates_told)
    return application(
        runtime,
        title="Shuyuan catalog 资源目录",
        description="Vocabularies, uploads, resources and their versions, review, search.",
        parts=[
            terms,
            uploads.build(runtime, settings, objects=objects, queue=InspectionQueue()),
            inspection.build(runtime, settings, objects=objects),
            scrubbing.build(runtime, settings, objects=objects),
            resources.build(
                runtime,
                settings,
                lexicons=terms.vocabulary,
                objects=objects,
                thresholds=thresholds,
            ),
            collections.build(runtime, settings),
            intake.build(runtime, settings),
        ],
        table=PROBLEMS,
    )


PROGRAM = Program("catalog", Settings.load, create_app, EVENTS, {"scrub": scrub})
