"""Composition root: builds the parts, in the order in which they rest on one another."""

from fastapi import FastAPI

from services.catalog.adapters.changes import ChangeRepository
from services.catalog.adapters.feedback import FeedbackRepository
from services.catalog.adapters.impact import CourseReferenceRepository
from services.catalog.adapters.inspections import InspectionQueue
from services.catalog.adapters.objects import object_store
from services.catalog.adapters.organisations import OrganisationRepository
from services.catalog.adapters.policies_panels import PanelRepository
from services.catalog.adapters.reviews import ReviewRepository
from services.catalog.application.checks import Thresholds
from services.catalog.consumers import hears, hears_of_rights
from services.catalog.domain import (
    inspection_events,
    publication_events,
    reviews_events,
    uploads_events,
)
from services.catalog.parts import (
    changes,
    collections,
    feedback,
    inspection,
    intake,
    publication,
    reports,
    resources,
    reviews,
    scrubbing,
    search,
    uploads,
    vocabularies,
)
from services.catalog.parts.scrubbing import scrub
from services.catalog.parts.search_command import reindex
from services.catalog.problems import PROBLEMS
from services.catalog.settings import Settings
from shared.command import Program
from shared.service import Runtime, application

EVENTS = {
    **uploads_events.EVENTS,
    **inspection_events.EVENTS,
    **reviews_events.EVENTS,
    **publication_events.EVENTS,
}
HEARS = hears(
    OrganisationRepository,
    ChangeRepository,
    CourseReferenceRepository,
    PanelRepository,
    ReviewRepository,
    FeedbackRepository,
)


def create_app(settings: Settings) -> FastAPI:
    rights = hears_of_rights(lambda: published.notices)
    runtime = Runtime("catalog", settings, {**HEARS, "copyright": rights})
    objects = object_store(settings)
    terms = vocabularies.build(runtime, settings)
    readers = feedback.build(runtime, settings)
    thresholds = Thresholds(settings.near_duplicate_containment, settings.near_duplicates_told)
    drafts = resources.build(
        runtime,
        settings,
        lexicons=terms.vocabulary,
        objects=objects,
        thresholds=thresholds,
        audience=readers.audience,
    )
    judged = reviews.build(
        runtime,
        settings,
        checks=drafts.draft_checks,
        objects=objects,
        publishing=publication.publishing(runtime),
    )
    published = publication.build(runtime, settings, end_case=judged.submissions.end)
    return application(
        runtime,
        title="Shuyuan catalog 资源目录",
        description="Vocabularies, uploads, resources and their versions, review, search.",
        parts=[
            terms,
            uploads.build(runtime, settings, objects=objects, queue=InspectionQueue()),
            inspection.build(runtime, settings, objects=objects),
            scrubbing.build(runtime, settings, objects=objects),
            drafts,
            judged,
            published,
            readers,
            collections.build(runtime, settings),
            intake.build(runtime, settings),
            changes.build(runtime, settings),
            reports.build(runtime, settings),
            search.build(runtime, settings, objects=objects, tombstone=published.notices.tombstone),
        ],
        table=PROBLEMS,
    )


COMMANDS = {"scrub": scrub, "reindex": reindex}
PROGRAM = Program("catalog", Settings.load, create_app, EVENTS, COMMANDS)
